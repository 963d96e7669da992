"""The models that the server holds: what each one is, and how it comes to be resident."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from models import checkpoints, familiarity
from models.anatomy import ANSWERS, CNN_PARAMETERS, DIGITS, lstm_parameters
from models.cache import Cache
from models.checkpoints import Checkpoint, CheckpointError
from models.compilation import compile_programs
from models.familiarity import Familiarity
from models.parameters import Skeleton, check
from models.programs import (
    Program,
    Row,
    Run,
    cnn_programs,
    lstm_programs,
    row_buckets,
    run_cnn,
    run_lstm,
)
from models.resident import ResidentProgram

WEIGHTS = Path(__file__).parent / "weights"
RECORDS = Path(__file__).parent / "records"


@dataclass(frozen=True)
class ModelCard:
    """What a model is, whatever its weights.

    Attributes:
        input: What is posted to it.
        classes: The name of each label, in order.
        programs: From the weights' tensors to the programs that run with them.
        run: One input's way through a program.
    """

    name: str
    title: str
    task: str
    input: Literal["image", "sequence"]
    classes: tuple[str, ...]
    programs: Callable[[Mapping[str, np.ndarray]], list[Program]]
    run: Callable[[str, Row, frozenset[str]], Run]


def _cnn_programs(tensors: Mapping[str, np.ndarray]) -> list[Program]:
    check(tensors, CNN_PARAMETERS)

    def build() -> Any:
        from flax import nnx  # noqa: PLC0415 - where nothing is compiled, Flax is never imported

        from models.cnn import SimpleCNN  # noqa: PLC0415

        return SimpleCNN(nnx.Rngs(0))

    return cnn_programs(Skeleton(build))


def hidden_size(tensors: Mapping[str, np.ndarray]) -> int:
    """Read off the weights how many units an LSTM has."""
    kernel = tensors.get("cell.dense_h.kernel")
    if kernel is None or kernel.ndim == 0:
        msg = "tensor cell.dense_h.kernel is missing"
        raise CheckpointError(msg)
    return int(kernel.shape[0])


def _lstm_programs(tensors: Mapping[str, np.ndarray]) -> list[Program]:
    hidden = hidden_size(tensors)
    try:
        check(tensors, lstm_parameters(hidden))
    except ValueError as error:
        raise CheckpointError(str(error)) from error

    def build() -> Any:
        from flax import nnx  # noqa: PLC0415

        from models.lstm import CountingLSTM  # noqa: PLC0415

        return CountingLSTM(hidden, nnx.Rngs(0))

    return lstm_programs(Skeleton(build), hidden)


MODELS: Mapping[str, ModelCard] = {
    "cnn": ModelCard(
        name="cnn",
        title="SimpleCNN",
        task="Which digit does a 28x28 picture show?",
        input="image",
        classes=DIGITS,
        programs=_cnn_programs,
        run=run_cnn,
    ),
    "lstm": ModelCard(
        name="lstm",
        title="CountingLSTM",
        task="Does a sequence of bits have more 1s than 0s? A tie is a no.",
        input="sequence",
        classes=ANSWERS,
        programs=_lstm_programs,
        run=run_lstm,
    ),
}


@dataclass(eq=False)
class ResidentModel:
    """A model with its weights on the device. It lives as long as the server.

    Attributes:
        report: How the weights were made; empty where nothing is recorded.
        declared: The programs that run with these weights.
        familiarity: Of a model of images, what it was trained on.
        programs: The same, compiled, by name; empty until `compile`.
        cache: Where executables are kept from one start to the next, if anywhere.
        cached: Whether the programs came from there.
    """

    card: ModelCard
    checkpoint: Checkpoint
    report: Mapping[str, Any]
    declared: list[Program]
    familiarity: Familiarity | None = None
    programs: dict[str, ResidentProgram] = field(default_factory=dict)
    cache: Cache | None = None
    cached: bool = False

    @property
    def weights(self) -> checkpoints.Tensors:
        """The parameters on the host, by module path."""
        return self.checkpoint.tensors

    def compile(self) -> None:
        """Put the parameters on the device, then compile or load every program and run it once."""
        extra = self.familiarity.resident if self.familiarity else {}
        parameters = jax.device_put({**self.weights, **extra})
        buckets = row_buckets(self.card.name)
        wanted = (self.declared, parameters, buckets)
        if self.cache:
            executables, self.cached = self.cache.executables(self.card.name, *wanted)
        else:
            executables = compile_programs(*wanted)
        for program in self.declared:
            resident = ResidentProgram(program, parameters, buckets, executables)
            resident.warm_up()
            self.programs[program.name] = resident


def load(name: str, folder: Path | None = None) -> ResidentModel:
    """Read a model's weights, and what is recorded of them, from disk.

    Args:
        name: A key of `MODELS`.
        folder: Where to look first; the shipped weights stand in for a file that is not there.

    Raises:
        CheckpointError: The weights are missing, altered, or not this model's; or the report beside
            them was made for other weights.
    """
    card = MODELS[name]
    own = folder is not None and (folder / f"{name}.safetensors").exists()
    weights, records = (folder, folder) if own and folder else (WEIGHTS, RECORDS)
    checkpoint = checkpoints.load(weights / f"{name}.safetensors")
    declared = card.programs(checkpoint.tensors)  # refuses weights that are not this model's
    report = _report(records / f"{name}.report.json", checkpoint)
    known = familiarity.load() if card.input == "image" else None
    return ResidentModel(card, checkpoint, report, declared, known)


def _report(path: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """Read the report of a training run; empty where there is none."""
    if not path.exists():
        return {}
    report: dict[str, Any] = json.loads(path.read_text())
    if report.get("weights") != checkpoint.digest:
        msg = f"{path.name} was made for other weights ({str(report.get('weights'))[:12]})"
        raise CheckpointError(msg)
    return report
