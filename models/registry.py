"""Model registry: cards of both models, loading of weights, and resident models."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np

from models.cnn import ood_detector, randomisation
from models.cnn.analyses import cnn_analyses
from models.cnn.calibration import Calibration, calibration_of
from models.cnn.ood_detector import OODDetector
from models.cnn.programs import cnn_programs, run_cnn
from models.rnn.ablations import lstm_ablations
from models.rnn.analyses import lstm_analyses
from models.rnn.lengths import LengthLimits, length_limits
from models.rnn.programs import lstm_programs, run_lstm
from models.runtime import artifacts, checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors
from models.runtime.compilation import Executables, compile_programs
from models.runtime.executable_cache import ExecutableCache
from models.runtime.parameters import GraphDefinition, Parameters, check
from models.runtime.programs import Program, Row, Run, row_buckets
from models.runtime.resident import ResidentProgram
from models.simple_networks import CNN_PARAMETERS, DIGITS, LSTM_LABELS, lstm_parameters
from models.weights_folder import find_weights

WEIGHTS = Path(__file__).parent / "weights"
ARTIFACTS = Path(__file__).parent / "artifacts"

ARTIFACT_KINDS = ("milestones", "units", "layers")
"""Model registry: kinds of training artifacts, in files `{model}.{kind}.safetensors`.

The files are next to the weights and optional. `milestones` are the training checkpoints: the name
of a file that users' folders hold.
"""


@dataclass(frozen=True)
class ModelCard:
    """Model card in the registry: name, task, input, classes and programs, independent of weights.

    Attributes:
        input: Kind of input.
        classes: Name of each label, in order.
        programs: Returns predict and trace programs for the tensors of weights.
        analyses: Returns the programs that are compiled after the server is ready.
        run: Returns the run of one input through a program.
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
    """Return the graph definition of the registry's CNN, perhaps with fast gradients by input."""

    def build() -> Any:
        from flax import nnx  # noqa: PLC0415 - where nothing is compiled, Flax is never imported

        from models.cnn.gradients import convolve_for_inputs, pool_for_inputs  # noqa: PLC0415
        from models.cnn.network import SimpleCNN  # noqa: PLC0415

        if differentiable:
            return SimpleCNN(nnx.Rngs(0), convolve_for_inputs, pool_for_inputs)
        return SimpleCNN(nnx.Rngs(0))

    return GraphDefinition(build)


def _cnn_programs(tensors: Mapping[str, np.ndarray]) -> list[Program]:
    # Not by the graph definition, which would import Flax.
    check(tensors, CNN_PARAMETERS)
    return cnn_programs(_cnn_graphdef())


def _cnn_analyses(_: Mapping[str, np.ndarray]) -> list[Program]:
    return cnn_analyses(_cnn_graphdef(), _cnn_graphdef(differentiable=True))


def hidden_size(tensors: Mapping[str, np.ndarray]) -> int:
    """Return the number of units of the registry's LSTM by the shape of its weights.

    Raises:
        CheckpointError: The tensor is missing.
    """
    kernel = tensors.get("cell.dense_h.kernel")
    # A file of another network may have a scalar of this name.
    if kernel is None or kernel.ndim == 0:
        msg = "tensor cell.dense_h.kernel is missing"
        raise CheckpointError(msg)
    return int(kernel.shape[0])


def _lstm_graphdef(hidden: int) -> GraphDefinition[Any]:
    """Return the graph definition of the registry's LSTM."""

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
        classes=LSTM_LABELS,
        programs=_lstm_programs,
        analyses=_lstm_analyses,
        run=run_lstm,
    ),
}


@dataclass(eq=False)
class ResidentModel:
    """Resident model of the registry, with weights on the device. It lives as long as the server.

    Attributes:
        report: Report of the training run; empty if there is none.
        declared: Predict and trace programs.
        ood_detector: Out-of-distribution detector of a model of images; None for sequences.
        calibration: Calibration of the served weights of a model of images; None where their
            metadata have none, and for sequences.
        analyses: Programs that are compiled after the server is ready.
        training_checkpoints: Parameters by name: at points of the training, earliest first, then
            of checkpoints of other names.
        length_limits: Tested and certified length of the served weights of an LSTM (None), and of
            its training checkpoints by name; empty for other models.
        artifacts: Other training artifacts, by kind.
        programs: Compiled programs by name; empty until `compile`.
        cache: Cache of executables; None compiles at every start.
        cached: Whether the declared programs were loaded from the cache.
    """

    card: ModelCard
    checkpoint: Checkpoint
    report: Mapping[str, Any]
    declared: list[Program]
    ood_detector: OODDetector | None = None
    calibration: Calibration | None = None
    analyses: list[Program] = field(default_factory=list)
    training_checkpoints: Mapping[str, Tensors] = field(default_factory=dict)
    length_limits: Mapping[str | None, LengthLimits] = field(default_factory=dict)
    artifacts: Mapping[str, Checkpoint] = field(default_factory=dict)
    programs: dict[str, ResidentProgram] = field(default_factory=dict)
    cache: ExecutableCache | None = None
    cached: bool = False
    _digests: dict[str, str] = field(default_factory=dict)
    _resident: dict[str | None, Parameters] = field(default_factory=dict)

    @property
    def weights(self) -> Tensors:
        """Served weights of a registered model on the host, by module path."""
        return self.checkpoint.tensors

    def digest(self, checkpoint: str | None = None) -> str:
        """Return the digest of a registered model's served weights, or of a training checkpoint."""
        if checkpoint is None:
            return self.checkpoint.digest
        if checkpoint not in self._digests:
            self._digests[checkpoint] = checkpoints.digest(self.training_checkpoints[checkpoint])
        return self._digests[checkpoint]

    def compile(self) -> None:
        """Compile or load a registered model's programs for the smallest bucket, and run each once.

        The smallest bucket suffices for every request, and takes a third of the time of all.
        """
        smallest, _ = self._row_buckets
        executables, self.cached = self._executables(self.card.name, self.declared, smallest)
        for program in self.declared:
            self._keep(program, executables, smallest)

    def compile_larger_buckets(self) -> None:
        """Compile or load a registered model's programs for larger buckets, and run each once."""
        _, larger = self._row_buckets
        executables, _ = self._executables(self.card.name, self.declared, larger)
        for program in self.declared:
            self.programs[program.name].add_buckets(larger, executables)

    def compile_analysis(self, program: Program) -> ResidentProgram:
        """Compile or load an analysis program of a registered model, and run it once."""
        buckets = program.buckets or row_buckets(self.card.name)
        executables, _ = self._executables(program.name, [program], buckets)
        resident = self._keep(program, executables, buckets)
        self.add_parameter_sets(resident)
        return resident

    @property
    def _row_buckets(self) -> tuple[Sequence[int], Sequence[int]]:
        """Smallest bucket of a registered model, and all larger ones."""
        buckets = row_buckets(self.card.name)
        return buckets[:1], buckets[1:]

    def _executables(
        self, name: str, programs: list[Program], buckets: Sequence[int]
    ) -> tuple[Executables, bool]:
        """Load or compile programs of a registered model; return whether they were loaded."""
        wanted = (programs, self._put(None, self.weights), buckets)
        if self.cache:
            return self.cache.executables(name, *wanted)
        return compile_programs(*wanted), False

    def add_parameter_sets(self, program: ResidentProgram) -> None:
        """Add training checkpoints and randomised weights to a program of a registered model.

        They are copied to the device for the first program.
        """
        for name, tensors in self.parameter_sets.items():
            program.add_parameters(name, self._put(name, tensors))

    @cached_property
    def parameter_sets(self) -> Mapping[str, Tensors]:
        """Parameter sets of a registered model besides the served weights, by name.

        These are its training checkpoints and randomised weights.
        """
        reset = randomisation.cascade(self.weights) if self.card.input == "image" else {}
        return {**self.training_checkpoints, **reset}

    def _put(self, name: str | None, weights: Mapping[str, np.ndarray]) -> Parameters:
        """Copy a parameter set of a registered model to the device, at most once."""
        if name not in self._resident:
            # Predict and trace read the detector's weights with every parameter set.
            extra = self.ood_detector.program_parameters if self.ood_detector else {}
            self._resident[name] = jax.device_put({**weights, **extra})
        return self._resident[name]

    def _keep(
        self, program: Program, executables: Executables, buckets: Sequence[int]
    ) -> ResidentProgram:
        """Keep a program of a registered model with the served weights, and run it once."""
        parameters = self._put(None, self.weights)
        resident = ResidentProgram(program, parameters, buckets, executables)
        resident.warm_up()
        self.programs[program.name] = resident
        return resident


def load(name: str, folder: Path | None = None) -> ResidentModel:
    """Load a registered model from disk: its weights and training artifacts.

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
    path, folder = (own, own.parent) if own else (WEIGHTS / f"{name}.safetensors", ARTIFACTS)
    checkpoint = checkpoints.load(path)
    declared = card.programs(checkpoint.tensors)  # refuses weights that are not this model's
    found = {
        kind: artifacts.load(folder / f"{name}.{kind}.safetensors", checkpoint.digest)
        for kind in ARTIFACT_KINDS
    }
    trained = found.pop("milestones")
    kept = artifacts.training_checkpoints(trained)
    artifacts.check_shapes(folder / f"{name}.milestones.safetensors", kept, checkpoint.tensors)
    return ResidentModel(
        card,
        checkpoint,
        load_report(folder / f"{name}.report.json", checkpoint.digest),
        declared,
        ood_detector.load() if card.input == "image" else None,
        _calibration(path, checkpoint) if card.input == "image" else None,
        card.analyses(checkpoint.tensors),
        kept,
        _length_limits(checkpoint, kept, trained) if card.input == "sequence" else {},
        {kind: artifact for kind, artifact in found.items() if artifact},
    )


def _calibration(path: Path, checkpoint: Checkpoint) -> Calibration | None:
    """Read the calibration of a registered model from the metadata of its weights."""
    try:
        return calibration_of(checkpoint.metadata)
    except CheckpointError as error:
        msg = f"{path.name}: {error}"
        raise CheckpointError(msg) from error


def _length_limits(
    checkpoint: Checkpoint, kept: Mapping[str, Tensors], trained: Checkpoint | None
) -> dict[str | None, LengthLimits]:
    """Return the tested and certified length of a registered LSTM and of its checkpoints."""
    facts = artifacts.checkpoint_facts(trained)
    found: dict[str | None, LengthLimits] = {}
    found[None] = length_limits(checkpoint.tensors, checkpoint.metadata)
    for name, tensors in kept.items():
        found[name] = length_limits(tensors, facts.get(name, {}))
    return found


def load_report(path: Path, weights: str) -> dict[str, Any]:
    """Read the training report of a registered model; empty if there is none.

    Args:
        path: JSON file that states the digest of the weights.
        weights: Digest of the weights that it must be about.

    Raises:
        CheckpointError: It is the report of other weights.
    """
    if not path.exists():
        return {}
    report: dict[str, Any] = json.loads(path.read_text())
    if report.get("weights") != weights:
        msg = f"{path.name} was made for other weights ({str(report.get('weights'))[:12]})"
        raise CheckpointError(msg)
    return report
