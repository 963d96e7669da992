"""Model registry: loading of networks from their folders, and resident models."""

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from models.architecture import Architecture
from models.cnn import ood_detector, randomisation
from models.cnn.calibration import Calibration
from models.cnn.layout import layout_of
from models.cnn.ood_detector import OODDetector
from models.declaration.declaration import Declaration, read_declaration
from models.declaration.toml_file import DeclarationError
from models.declaration.tour import Tour, read_tour
from models.families import analysis_programs, core_buckets, core_programs, run_input
from models.model_files import SHIPPED, ModelFiles, repository_files, shipped_files
from models.network_files import read_network
from models.network_name import NAME_RULE, is_network_name
from models.printable import printable
from models.rnn.lengths import LengthLimits
from models.runtime import checkpoints
from models.runtime.checkpoints import Checkpoint, CheckpointError, Tensors
from models.runtime.compilation import Executables, compile_programs, versions
from models.runtime.executable_cache import ExecutableCache
from models.runtime.parameters import Parameters
from models.runtime.programs import Program, Row, Run
from models.runtime.resident import ResidentProgram
from models.weights_folder import find_weights

logger = logging.getLogger("lightwell")


@dataclass(eq=False)
class ResidentModel:
    """Resident model of the registry, with weights on the device.

    It lives until the server ends, or until other weights have replaced it.

    Attributes:
        name: First part of its paths, such as `cnn`.
        architecture: Layers, classes and input, from the declaration.
        report: Report of the training run; empty if there is none.
        ood_detector: Out-of-distribution detector of a network whose images are prepared as
            MNIST's were; None for others.
        calibration: Calibration of the served weights of a model of images; None where their
            metadata have none, and for sequences.
        training_checkpoints: Parameters by name: at points of the training, earliest first, then
            of checkpoints of other names.
        length_limits: Tested and certified length of the served weights of a network that counts
            bits (None), and of its training checkpoints by name; empty for other models.
        artifacts: Other training artifacts, by kind.
        tour: Tour through the page; None without one.
        tour_error: Why its tour is left out, as a sentence; None where there is no fault.
        is_shipped: Whether it ships with the server, which compiles its analyses at the start.
        programs: Compiled programs by name; empty until `compile` or `take_over`.
        executables: All executables of its programs; a model that replaces it has the same ones.
        cache: Cache of executables; None compiles at every start.
        cached: Whether the core programs were loaded from the cache.
        ready_s: Seconds that loading and compiling of the core programs took; 0 until `compile`.
    """

    name: str
    architecture: Architecture
    checkpoint: Checkpoint
    report: Mapping[str, Any] = field(default_factory=dict)
    ood_detector: OODDetector | None = None
    calibration: Calibration | None = None
    training_checkpoints: Mapping[str, Tensors] = field(default_factory=dict)
    length_limits: Mapping[str | None, LengthLimits] = field(default_factory=dict)
    artifacts: Mapping[str, Checkpoint] = field(default_factory=dict)
    tour: Tour | None = None
    tour_error: str | None = None
    is_shipped: bool = False
    programs: dict[str, ResidentProgram] = field(default_factory=dict)
    executables: Executables = field(default_factory=dict)
    cache: ExecutableCache | None = None
    cached: bool = False
    ready_s: float = 0.0
    _digests: dict[str, str] = field(default_factory=dict)
    _resident: dict[str | None, Parameters] = field(default_factory=dict)
    _arrays: dict[int, tuple[np.ndarray, jax.Array]] = field(default_factory=dict)

    @cached_property
    def declared(self) -> list[Program]:
        """Core programs of a registered model: predict and trace."""
        return core_programs(self.architecture)

    @cached_property
    def analyses(self) -> Mapping[str, Program]:
        """Programs of a registered model that are compiled after the server is ready, by name."""
        return {program.name: program for program in analysis_programs(self.architecture)}

    @property
    def weights(self) -> Tensors:
        """Served weights of a registered model on the host, by module path."""
        return self.checkpoint.tensors

    @cached_property
    def version(self) -> str:
        """Digest of all files of a registered model that it serves. CPU work once: it hashes.

        Two versions of one network with equal weights may differ in metadata and artifacts.
        """
        kept = {name: self.digest(name) for name in self.training_checkpoints}
        found = {kind: (one.digest, one.metadata) for kind, one in self.artifacts.items()}
        facts = (self.checkpoint.digest, self.checkpoint.metadata, kept, found, self.report)
        shown = (self.tour, self.tour_error)
        text = repr((self.architecture.declaration, *self.length_limits.items(), shown))
        stated = json.dumps([text, *facts], sort_keys=True)
        return hashlib.sha256(stated.encode()).hexdigest()

    @property
    def nbytes(self) -> int:
        """Bytes of a registered model on the device: its parameter sets and executables."""
        # Copies: another thread may be compiling an analysis.
        return sum(value.nbytes for _, value in tuple(self._arrays.values())) + sum(
            program.code_bytes for program in tuple(self.programs.values())
        )

    def run(self, program: str, row: Row, outputs: frozenset[str]) -> Run:
        """Run one input of a registered model through its program predict or trace."""
        return run_input(self.architecture, program, row, outputs)

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
        began = time.perf_counter()
        smallest = core_buckets(self.architecture)[:1]
        executables, self.cached = self._executables(self.name, self.declared, smallest)
        for program in self.declared:
            self._keep(program, executables, smallest)
        self.ready_s += time.perf_counter() - began

    def take_over(self, before: "ResidentModel") -> None:
        """Take over the programs of a registered model that this one replaces; nothing is compiled.

        Args:
            before: Model of an equal declaration.
        """
        # The same object: names and layouts are kept by it.
        self.architecture = before.architecture
        self.executables, self.cache, self.cached = before.executables, before.cache, before.cached
        weights = self._put(None, self.weights)
        for name, program in before.programs.items():
            self.programs[name] = program.with_parameters(weights)
        if self.analyses.keys() & self.programs.keys():
            for program in self.programs.values():
                self.add_parameter_sets(program)

    def compile_larger_buckets(self) -> None:
        """Compile or load a registered model's programs for larger buckets, and run each once."""
        for program in self.declared:
            self.add_buckets(program, self.larger_buckets)

    def buckets(self, program: Program) -> Sequence[int]:
        """Batch sizes of a program of a registered model, ascending."""
        return program.buckets or core_buckets(self.architecture)

    def compile_analysis(
        self, program: Program, buckets: Sequence[int] | None = None
    ) -> ResidentProgram:
        """Compile or load an analysis program of a registered model, and run it once.

        Args:
            program: One of `analyses`.
            buckets: Some of its batch sizes; None compiles all.
        """
        buckets = buckets or self.buckets(program)
        executables, _ = self._executables(f"{self.name}.{program.name}", [program], buckets)
        resident = self._keep(program, executables, buckets)
        self.add_parameter_sets(resident)
        return resident

    def compile_apart(
        self, program: Program, buckets: Sequence[int], checkpoint: str | None = None
    ) -> ResidentProgram:
        """Compile a program of a registered model for some batch sizes alone; it is not kept.

        Args:
            checkpoint: Training checkpoint that it runs with; None for the served weights.
        """
        weights = self.weights if checkpoint is None else self.training_checkpoints[checkpoint]
        return ResidentProgram(program, self._put(checkpoint, weights), buckets)

    @property
    def larger_buckets(self) -> Sequence[int]:
        """Batch sizes of the core programs of a registered model that `compile` leaves out."""
        return core_buckets(self.architecture)[1:]

    def add_buckets(self, program: Program, buckets: Sequence[int]) -> None:
        """Compile or load further batch sizes of a program of a registered model, if any."""
        if not buckets:
            return
        executables, _ = self._executables(f"{self.name}.{program.name}", [program], buckets)
        self.programs[program.name].add_buckets(buckets, executables)

    def _executables(
        self, name: str, programs: list[Program], buckets: Sequence[int]
    ) -> tuple[Executables, bool]:
        """Load or compile programs of a registered model; return whether they were loaded."""
        keys = [key for one in programs for bucket in buckets for key in versions(one, bucket)]
        if self.executables.keys() >= set(keys):  # by the model that this one has replaced
            return self.executables, True
        wanted, is_loaded = (programs, self._put(None, self.weights), buckets), False
        if self.cache:
            found, is_loaded = self.cache.executables(name, *wanted)
        else:
            found = compile_programs(*wanted)
        self.executables |= found
        return self.executables, is_loaded

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
        if self.architecture.family != "image":
            return self.training_checkpoints
        layers = layout_of(self.architecture).cascade
        return {
            **self.training_checkpoints,
            **randomisation.cascade(self.weights, layers),
        }

    def _put(self, name: str | None, weights: Mapping[str, np.ndarray]) -> Parameters:
        """Copy a parameter set of a registered model to the device, at most once."""
        if name not in self._resident:
            # Predict and trace read the detector's weights with every parameter set.
            extra = self.ood_detector.program_parameters if self.ood_detector else {}
            values = {**weights, **extra}.items()
            self._resident[name] = {key: self._on_device(value) for key, value in values}
        return self._resident[name]

    def _on_device(self, value: np.ndarray) -> jax.Array:
        """Copy a parameter of a registered model to the device, at most once.

        Sets with randomised layers have most of their arrays in common.
        """
        if id(value) not in self._arrays:
            # With the array itself, whose identity no other one may get.
            self._arrays[id(value)] = (value, jax.device_put(value))
        return self._arrays[id(value)][1]

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
    """Load a shipped model, with its weights or the user's.

    Args:
        name: One of `shipped_names()`.
        folder: The user's folder of weights. A model that it has no weights of is served with the
            shipped ones; a folder without weights of any model is an error.

    Raises:
        CheckpointError: The folder holds no weights; or they are altered, or not this model's; or
            an artifact in the folder was made for other weights.
    """
    own = find_weights(folder, name) if folder else None
    files = ModelFiles(own, f"{name}.") if own else shipped_files(name)
    try:
        declaration = read_declaration(SHIPPED / name)
    except DeclarationError as error:
        msg = f"{name}: {error}"
        raise CheckpointError(msg) from error
    return _load(name, declaration, files, SHIPPED / name, is_shipped=True)


def load_folder(folder: Path) -> ResidentModel:
    """Load the network of a folder with a declaration and weights; its name is the folder's.

    Raises:
        CheckpointError: The name is not allowed, the declaration is wrong, or the weights are
            missing, altered or of another architecture.
    """
    name = folder.resolve().name
    if not is_network_name(name):
        shown = printable(name, 33)
        msg = f"the folder's name is the network's, and '{shown}' is not possible: {NAME_RULE}"
        raise CheckpointError(msg)
    try:
        declaration = read_declaration(folder)
        return _load(name, declaration, repository_files(folder, declaration), folder)
    except (CheckpointError, DeclarationError) as error:
        msg = f"{name}: {error}"
        raise CheckpointError(msg) from error


def _load(
    name: str,
    declaration: Declaration,
    files: ModelFiles,
    folder: Path,
    *,
    is_shipped: bool = False,
) -> ResidentModel:
    """Load a declared network from its files, with the tour of the folder."""
    began = time.perf_counter()
    found = read_network(declaration, files, is_resizable=is_shipped)
    tour, tour_error = _tour(name, folder, found.architecture, found.checkpoint.digest)
    is_image = found.architecture.family == "image"
    is_mnist = is_image and found.architecture.image.prepare == "mnist"
    return ResidentModel(
        name,
        found.architecture,
        found.checkpoint,
        found.report,
        ood_detector.load() if is_mnist else None,
        found.calibration,
        found.training_checkpoints,
        found.length_limits,
        found.artifacts,
        tour,
        tour_error,
        is_shipped,
        ready_s=time.perf_counter() - began,
    )


def _tour(
    name: str, folder: Path, architecture: Architecture, weights: str
) -> tuple[Tour | None, str | None]:
    """Read the tour of a network, or the sentence why it is left out.

    A tour explains a network, whose answers do not need it: the network is served without it.
    """
    try:
        return read_tour(folder, architecture, weights), None
    except DeclarationError as error:
        logger.warning("%s has no tour: %s", name, error)
        return None, str(error)
