"""Reference of a network: inputs and values that the original gave for them, in a file.

The file is safetensors: `inputs`, as the first layer reads them, or `pixels` from 0 to 255; then
`logits` or `probabilities`; and values of any layer by its name in the trace. Maps may have their
channels last, as here, or first, as in PyTorch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from models.architecture import MAX_STEPS, Architecture
from models.cnn.layout import layout_of as image_layout
from models.cnn.programs import network_definition
from models.declaration.declaration import ImageSpec
from models.printable import printable
from models.rnn.layout import layout_of as sequence_layout
from models.rnn.programs import graph_definition
from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError
from models.runtime.parameters import Parameters
from models.runtime.programs import MATMUL_PRECISION

TOLERANCE = 1e-5
"""Largest difference from a reference's values that agrees, as a share of the largest of them.

Below one it is absolute.
"""

MAX_INPUTS = 256
"""Largest number of inputs in a reference."""

INPUTS, PIXELS, PROBABILITIES = "inputs", "pixels", "probabilities"


class ReferenceFileError(ValueError):
    """Error of a reference file: a sentence that names the tensor and its right shape."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Reference of a network, in our layout.

    Attributes:
        inputs: Images as the first layer reads them, indices of symbols, or rows of features.
        expected: Values of the original by trace name, or `probabilities`.
    """

    inputs: Shaped[np.ndarray, "..."]
    expected: Mapping[str, Float[np.ndarray, "..."]]


class Difference(NamedTuple):
    """Difference of a network from its reference in one tensor.

    Attributes:
        largest: Largest absolute difference of two values.
        limit: Largest difference that agrees: 1e-5 · max(1, largest absolute value).
    """

    name: str
    largest: float
    limit: float

    @property
    def agrees(self) -> bool:
        """Whether a tensor agrees with that of the reference."""
        return self.largest <= self.limit


def read_reference(path: Path, architecture: Architecture) -> Reference:
    """Read the reference of a network.

    Raises:
        ReferenceFileError: The file cannot be read, or a tensor is missing, unknown, of another
            shape, or not finite.
    """
    try:
        tensors = checkpoints.load(path).tensors
    except CheckpointError as error:
        raise ReferenceFileError(str(error)) from error
    return reference_of(tensors, architecture, path.name)


def reference_of(
    tensors: Mapping[str, np.ndarray], architecture: Architecture, name: str
) -> Reference:
    """Return the reference of a network from the tensors of its file.

    Args:
        name: Name of the file, for errors.

    Raises:
        ReferenceFileError: A tensor is missing, unknown, of another shape, or not finite.
    """
    try:
        return _reference(tensors, architecture)
    except ReferenceFileError as error:
        msg = f"{printable(name)}: {error}"
        raise ReferenceFileError(msg) from error


def differences(
    architecture: Architecture, parameters: Mapping[str, np.ndarray], reference: Reference
) -> list[Difference]:
    """Return the difference of a network from its reference in every tensor of the reference."""
    return _Comparison(architecture, reference)(parameters)


def reproduces(
    architecture: Architecture, reference: Reference
) -> Callable[[Mapping[str, np.ndarray]], bool]:
    """Return a function that decides whether parameters give all values of a reference.

    It compiles the network once, for any number of parameter sets.
    """
    compare = _Comparison(architecture, reference)
    return lambda parameters: all(one.agrees for one in compare(parameters))


def traced_values(architecture: Architecture) -> Callable[..., Mapping[str, jax.Array]]:
    """Return a function from parameters and inputs of a reference to every value of the trace."""
    run = _run_images if architecture.family == "image" else _run_sequences

    def traced(parameters: Parameters, inputs: jax.Array) -> Mapping[str, jax.Array]:
        with jax.default_matmul_precision(MATMUL_PRECISION):
            return run(architecture, parameters, inputs)

    return traced


def _run_images(
    architecture: Architecture, parameters: Parameters, images: jax.Array
) -> Mapping[str, jax.Array]:
    return network_definition(architecture).merge(parameters).trace(images)


def _run_sequences(
    architecture: Architecture, parameters: Parameters, sequences: jax.Array
) -> Mapping[str, jax.Array]:
    network = graph_definition(architecture).merge(parameters)
    count, steps, *_ = sequences.shape
    lengths = jnp.full((count,), steps, jnp.int32)
    values, _ = network.trace(sequences, lengths, network.initial_state(count))
    return values


def compared_values(
    architecture: Architecture, expected: Mapping[str, np.ndarray]
) -> Callable[..., Mapping[str, jax.Array]]:
    """Return a function from parameters and inputs to the values that a reference has, alone."""
    traced = traced_values(architecture)

    def compared(parameters: Parameters, inputs: jax.Array) -> Mapping[str, jax.Array]:
        values = traced(parameters, inputs)
        found = {name: values["logits" if name == PROBABILITIES else name] for name in expected}
        # A reference may have the answer after the last step alone.
        return {
            name: value[:, -1] if value.ndim > expected[name].ndim else value
            for name, value in found.items()
        }

    return compared


def most_rows(architecture: Architecture, inputs: np.ndarray) -> int:
    """Return how many inputs of a reference are run at once, within the limits of a batch."""
    if architecture.family == "image":
        return image_layout(architecture).most_rows
    return max(1, sequence_layout(architecture).rows(inputs.shape[1]))


class _Comparison:
    """Comparison of a network with its reference, compiled once."""

    def __init__(self, architecture: Architecture, reference: Reference) -> None:
        self._reference = reference
        self._rows = most_rows(architecture, reference.inputs)
        self._run = jax.jit(compared_values(architecture, reference.expected))

    def __call__(self, parameters: Mapping[str, np.ndarray]) -> list[Difference]:
        values = self._values(jax.device_put(dict(parameters)))
        return [
            _difference(name, _found(name, values[name]), expected)
            for name, expected in self._reference.expected.items()
        ]

    def _values(self, parameters: Parameters) -> Mapping[str, np.ndarray]:
        """Return the values of all inputs, which are run in batches."""
        inputs = self._reference.inputs
        starts = range(0, len(inputs), self._rows)
        parts = [
            jax.device_get(self._run(parameters, inputs[start : start + self._rows]))
            for start in starts
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _found(name: str, values: np.ndarray) -> np.ndarray:
    """Return the values of a network that a tensor of the reference is compared with."""
    found = np.asarray(values, np.float64)
    if name != PROBABILITIES:
        return found
    exponentials = np.exp(found - found.max(-1, keepdims=True))
    probabilities: np.ndarray = exponentials / exponentials.sum(-1, keepdims=True)
    return probabilities


def _difference(name: str, found: np.ndarray, expected: np.ndarray) -> Difference:
    largest = float(np.abs(found - expected).max())
    return Difference(name, largest, TOLERANCE * max(1.0, float(np.abs(expected).max())))


def _reference(tensors: Mapping[str, np.ndarray], architecture: Architecture) -> Reference:
    """Return a reference from the tensors of its file, in our layout."""
    origins = (INPUTS, PIXELS) if architecture.family == "image" else (INPUTS,)
    if sum(origin in tensors for origin in origins) != 1:
        msg = f"one tensor must be {' or '.join(origins)}"
        raise ReferenceFileError(msg)
    names = [name for name in tensors if name not in origins]
    known = (*architecture.layers, PROBABILITIES)
    for name in names:
        if name not in known:
            msg = f"tensor '{name[:64]}' is not one of {', '.join((*origins, *known))}"
            raise ReferenceFileError(msg)
    if not {"logits", PROBABILITIES} & {*names}:
        msg = f"logits are missing: the original's answers to the inputs, or {PROBABILITIES}"
        raise ReferenceFileError(msg)
    for name, value in tensors.items():
        if value.dtype.kind not in "fiu" or not np.isfinite(value).all():
            msg = f"tensor {name} must be of finite numbers"
            raise ReferenceFileError(msg)
    origin = INPUTS if INPUTS in tensors else PIXELS
    given = tensors[origin]
    if given.ndim == 0 or not 1 <= len(given) <= MAX_INPUTS:
        msg = f"tensor {origin} must have 1 to {MAX_INPUTS} inputs, one after another"
        raise ReferenceFileError(msg)
    if architecture.family == "image":
        inputs, is_channel_first = _images(origin, given, architecture.image)
    else:
        inputs, is_channel_first = _sequences(given, architecture), False
    expected = {
        name: _expected(name, tensors[name], architecture, inputs, is_channel_first)
        for name in sorted(names, key=known.index)
    }
    return Reference(inputs, expected)


def _images(origin: str, given: np.ndarray, spec: ImageSpec) -> tuple[np.ndarray, bool]:
    """Return the images of a reference as the network reads them; whether channels were first."""
    last = (spec.height, spec.width, spec.channels)
    first = (spec.channels, spec.height, spec.width)
    is_first = given.shape[1:] == first and first != last
    if is_first:
        given = np.moveaxis(given, 1, -1)
    if given.shape[1:] == last[:2] and spec.channels == 1:
        given = given[..., None]
    if given.shape[1:] != last:
        msg = (
            f"tensor {origin} must be (inputs, {_axes(last)}) or (inputs, {_axes(first)}), not "
            f"{given.shape}"
        )
        raise ReferenceFileError(msg)
    if origin == INPUTS:
        if given.dtype.kind != "f":
            msg = f"tensor {INPUTS} must be floats, as the first layer reads them, or be {PIXELS}"
            raise ReferenceFileError(msg)
        return np.asarray(given, np.float32), is_first
    if given.min() < 0 or given.max() > 255 or given.max() <= 1:  # noqa: PLR2004
        msg = f"tensor {PIXELS} must be intensities from 0 to 255"
        raise ReferenceFileError(msg)
    prepared = (np.asarray(given, np.float64) / 255.0 - spec.mean) / spec.std
    return np.asarray(prepared, np.float32), is_first


def _sequences(given: np.ndarray, architecture: Architecture) -> np.ndarray:
    """Return the sequences of a reference: indices of symbols, or rows of features."""
    spec = architecture.sequence
    steps = given.shape[1] if given.ndim > 1 else 0
    if not 1 <= steps <= MAX_STEPS:
        msg = f"tensor {INPUTS} must have 1 to {MAX_STEPS} steps, not {steps}"
        raise ReferenceFileError(msg)
    if not spec.alphabet:
        if given.ndim != 3 or given.shape[-1] != spec.features:  # noqa: PLR2004
            msg = f"tensor {INPUTS} must be (inputs, steps, {spec.features}), not {given.shape}"
            raise ReferenceFileError(msg)
        return np.asarray(given, np.float32)
    symbols = len(spec.alphabet)
    indices = given[..., 0] if given.shape[2:] == (1,) else given
    if given.shape[2:] == (symbols,) and (given == np.eye(symbols)[given.argmax(-1)]).all():
        indices = given.argmax(-1)
    if indices.ndim != 2 or not np.isin(indices, np.arange(symbols)).all():  # noqa: PLR2004
        msg = (
            f"tensor {INPUTS} must be (inputs, steps) of indices from 0 to {symbols - 1}, or "
            f"one-hot vectors of {symbols}"
        )
        raise ReferenceFileError(msg)
    return indices.astype(np.uint8)


def _expected(
    name: str,
    given: np.ndarray,
    architecture: Architecture,
    inputs: np.ndarray,
    is_channel_first: bool,
) -> np.ndarray:
    """Return values of the original in our layout."""
    is_answer = name in {"logits", PROBABILITIES}
    layer = architecture.layers["logits" if is_answer else name]
    steps = inputs.shape[1:2] if architecture.family == "sequence" else ()
    shapes = [(len(inputs), *steps, *layer.shape)]
    if is_answer:
        shapes += [(len(inputs), *layer.shape)]
        given = _two(name, given, architecture, [shape[:-1] for shape in shapes])
    first = (len(inputs), layer.shape[-1], *layer.shape[:-1])
    if layer.has_maps and given.shape == first and (is_channel_first or given.shape != shapes[0]):
        given = np.moveaxis(given, 1, -1)
    if given.shape not in shapes:
        wanted = " or ".join(map(str, dict.fromkeys(shapes)))
        msg = f"tensor {name} must be {wanted}, not {given.shape}"
        raise ReferenceFileError(msg)
    return np.asarray(given, np.float64)


def _two(
    name: str, given: np.ndarray, architecture: Architecture, shapes: list[tuple[int, ...]]
) -> np.ndarray:
    """Return the answers of one sigmoid unit as those of two classes."""
    bare = given[..., 0] if given.shape[-1:] == (1,) else given
    if not architecture.is_sigmoid or bare.shape not in shapes:
        return given
    first = 1 - bare if name == PROBABILITIES else np.zeros_like(bare)
    return np.stack([first, bare], axis=-1)


def _axes(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))
