"""The models that the server holds: what each one is, and how it comes to be resident."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from models.architecture import ANSWERS, CNN_PARAMETERS, DIGITS, lstm_parameters
from models.cnn import ood_detector, randomisation
from models.cnn.analyses import cnn_analyses
from models.cnn.ood_detector import OODDetector
from models.cnn.programs import cnn_programs, run_cnn
from models.rnn.ablations import lstm_ablations
from models.rnn.analyses import lstm_analyses
from models.rnn.programs import lstm_programs, run_lstm
from models.runtime import artifacts, checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors
from models.runtime.compilation import Executables, compile_programs
from models.runtime.executable_cache import Cache
from models.runtime.parameters import GraphDefinition, Parameters, check
from models.runtime.programs import Program, Row, Run, row_buckets
from models.runtime.resident import ResidentProgram
from models.weights_folder import find_weights

WEIGHTS = Path(__file__).parent / "weights"
RECORDS = Path(__file__).parent / "records"

RECORD_KINDS = ("milestones", "units", "layers")
"""What training writes beside the weights, each as `{model}.{kind}.safetensors`; all may lack."""


@dataclass(frozen=True)
class ModelCard:
    """What a model is, whatever its weights.

    Attributes:
        input: What is posted to it.
        classes: The name of each label, in order.
        programs: From the weights' tensors to the programs that run with them.
        analyses: The same, to programs that are compiled once the server is ready.
        run: One input's way through a program.
    """

    name: str
    title: str
    task: str
    input: Literal["image", "sequence"]
    classes: tuple[str, ...]
    programs: Callable[[Mapping[str, np.ndarray]], list[Program]]
    analyses: Callable[[Mapping[str, np.ndarray]], list[Program]]
    run: Callable[[str, Row, frozenset[str]], Run]


def _cnn_graphdef(*, differentiable: bool = False) -> GraphDefinition[Any]:
    """Return the CNN without values, perhaps with a convolution made for gradients by its input."""

    def build() -> Any:
        from flax import nnx  # noqa: PLC0415 - where nothing is compiled, Flax is never imported

        from models.cnn.gradients import convolve_for_inputs, pool_for_inputs  # noqa: PLC0415
        from models.cnn.network import SimpleCNN  # noqa: PLC0415

        if differentiable:
            return SimpleCNN(nnx.Rngs(0), convolve_for_inputs, pool_for_inputs)
        return SimpleCNN(nnx.Rngs(0))

    return GraphDefinition(build)


def _cnn_programs(tensors: Mapping[str, np.ndarray]) -> list[Program]:
    check(tensors, CNN_PARAMETERS)
    return cnn_programs(_cnn_graphdef())


def _cnn_analyses(_: Mapping[str, np.ndarray]) -> list[Program]:
    return cnn_analyses(_cnn_graphdef(), _cnn_graphdef(differentiable=True))


def hidden_size(tensors: Mapping[str, np.ndarray]) -> int:
    """Read off the weights how many units an LSTM has."""
    kernel = tensors.get("cell.dense_h.kernel")
    if kernel is None or kernel.ndim == 0:
        msg = "tensor cell.dense_h.kernel is missing"
        raise CheckpointError(msg)
    return int(kernel.shape[0])


def _lstm_graphdef(hidden: int) -> GraphDefinition[Any]:
    """Return an LSTM without values."""

    def build() -> Any:
        from flax import nnx  # noqa: PLC0415

        from models.rnn.network import CountingLSTM  # noqa: PLC0415

        return CountingLSTM(hidden, nnx.Rngs(0))

    return GraphDefinition(build)


def _lstm_programs(tensors: Mapping[str, np.ndarray]) -> list[Program]:
    hidden = hidden_size(tensors)
    try:
        check(tensors, lstm_parameters(hidden))
    except ValueError as error:
        raise CheckpointError(str(error)) from error
    return lstm_programs(_lstm_graphdef(hidden), hidden)


def _lstm_analyses(tensors: Mapping[str, np.ndarray]) -> list[Program]:
    hidden = hidden_size(tensors)
    graphdef = _lstm_graphdef(hidden)
    return [*lstm_analyses(graphdef, hidden), *lstm_ablations(graphdef, hidden)]


MODELS: Mapping[str, ModelCard] = {
    "cnn": ModelCard(
        name="cnn",
        title="SimpleCNN",
        task="Which digit does a 28x28 picture show?",
        input="image",
        classes=DIGITS,
        programs=_cnn_programs,
        analyses=_cnn_analyses,
        run=run_cnn,
    ),
    "lstm": ModelCard(
        name="lstm",
        title="CountingLSTM",
        task="Does a sequence of bits have more 1s than 0s? A tie is a no.",
        input="sequence",
        classes=ANSWERS,
        programs=_lstm_programs,
        analyses=_lstm_analyses,
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
        analyses: More programs, which are compiled when the server is ready.
        milestones: The parameters as they were during training, by name, the earliest first.
        records: What else training wrote beside the weights, by name.
        programs: The same, compiled, by name; empty until `compile`.
        cache: Where executables are kept from one start to the next, if anywhere.
        cached: Whether the programs came from there.
    """

    card: ModelCard
    checkpoint: Checkpoint
    report: Mapping[str, Any]
    declared: list[Program]
    familiarity: OODDetector | None = None
    analyses: list[Program] = field(default_factory=list)
    milestones: Mapping[str, Tensors] = field(default_factory=dict)
    records: Mapping[str, Checkpoint] = field(default_factory=dict)
    programs: dict[str, ResidentProgram] = field(default_factory=dict)
    cache: Cache | None = None
    cached: bool = False
    _digests: dict[str, str] = field(default_factory=dict)
    _resident: dict[str | None, Parameters] = field(default_factory=dict)

    @property
    def weights(self) -> Tensors:
        """The parameters on the host, by module path."""
        return self.checkpoint.tensors

    def digest(self, checkpoint: str | None = None) -> str:
        """Return the digest of the weights: those that are served, or those of a milestone."""
        if checkpoint is None:
            return self.checkpoint.digest
        if checkpoint not in self._digests:
            self._digests[checkpoint] = checkpoints.digest(self.milestones[checkpoint])
        return self._digests[checkpoint]

    def compile(self) -> None:
        """Compile or load every program that the server needs to be ready, and run it once.

        Each for its smallest bucket, in which everything can be answered: that takes a third of the
        time that all take.
        """
        smallest, _ = self._row_buckets
        executables, self.cached = self._executables(self.card.name, self.declared, smallest)
        for program in self.declared:
            self._keep(program, executables, smallest)

    def widen(self) -> None:
        """Compile or load the same programs for all larger buckets, and run each once."""
        _, larger = self._row_buckets
        executables, _ = self._executables(self.card.name, self.declared, larger)
        for program in self.declared:
            self.programs[program.name].widen(larger, executables)

    def compile_analysis(self, program: Program) -> ResidentProgram:
        """Compile or load a program that the server can be ready without, and run it once."""
        buckets = program.buckets or row_buckets(self.card.name)
        executables, _ = self._executables(program.name, [program], buckets)
        resident = self._keep(program, executables, buckets)
        self.add_parameter_sets(resident)
        return resident

    @property
    def _row_buckets(self) -> tuple[Sequence[int], Sequence[int]]:
        """The smallest of the model's buckets, and all others."""
        buckets = row_buckets(self.card.name)
        return buckets[:1], buckets[1:]

    def _executables(
        self, name: str, programs: list[Program], buckets: Sequence[int]
    ) -> tuple[Executables, bool]:
        """Compile programs of the same buckets, or load them; tell whether they were kept."""
        wanted = (programs, self._put(None, self.weights), buckets)
        if self.cache:
            return self.cache.executables(name, *wanted)
        return compile_programs(*wanted), False

    def add_parameter_sets(self, program: ResidentProgram) -> None:
        """Let a program run also with the parameters of training's milestones, and with reset ones.

        They are put on the device when the first program asks for them.
        """
        for name, tensors in self.alternatives.items():
            program.hold(name, self._put(name, tensors))

    @cached_property
    def alternatives(self) -> Mapping[str, Tensors]:
        """Other parameters that a program may be run with, by name."""
        reset = randomisation.cascade(self.weights) if self.card.input == "image" else {}
        return {**self.milestones, **reset}

    def _put(self, name: str | None, weights: Mapping[str, np.ndarray]) -> Parameters:
        """Put parameters on the device, once."""
        if name not in self._resident:
            extra = self.familiarity.resident if self.familiarity else {}
            self._resident[name] = jax.device_put({**weights, **extra})
        return self._resident[name]

    def _keep(
        self, program: Program, executables: Executables, buckets: Sequence[int]
    ) -> ResidentProgram:
        """Run a program once and keep it, with the parameters that are served on the device."""
        parameters = self._put(None, self.weights)
        resident = ResidentProgram(program, parameters, buckets, executables)
        resident.warm_up()
        self.programs[program.name] = resident
        return resident


def load(name: str, folder: Path | None = None) -> ResidentModel:
    """Read a model's weights, and what is recorded of them, from disk.

    Args:
        name: A key of `MODELS`.
        folder: The user's folder of weights. A model that it has no weights of is served with the
            shipped ones; a folder without weights of any model is an error.

    Raises:
        CheckpointError: The folder holds no weights; or they are altered, or not this model's; or
            an artifact in the folder was made for other weights.
    """
    card = MODELS[name]
    own = find_weights(folder, name) if folder else None
    path, beside = (own, own.parent) if own else (WEIGHTS / f"{name}.safetensors", RECORDS)
    checkpoint = checkpoints.load(path)
    declared = card.programs(checkpoint.tensors)  # refuses weights that are not this model's
    found = {
        kind: artifacts.load(beside / f"{name}.{kind}.safetensors", checkpoint.digest)
        for kind in RECORD_KINDS
    }
    return ResidentModel(
        card,
        checkpoint,
        _report(beside / f"{name}.report.json", checkpoint),
        declared,
        ood_detector.load() if card.input == "image" else None,
        card.analyses(checkpoint.tensors),
        artifacts.milestones(found.pop("milestones")),
        {kind: record for kind, record in found.items() if record},
    )


def _report(path: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """Read the report of a training run; empty where there is none."""
    if not path.exists():
        return {}
    report: dict[str, Any] = json.loads(path.read_text())
    if report.get("weights") != checkpoint.digest:
        msg = f"{path.name} was made for other weights ({str(report.get('weights'))[:12]})"
        raise CheckpointError(msg)
    return report
