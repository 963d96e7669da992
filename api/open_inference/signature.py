"""Signature of a network in the Open Inference Protocol: its inputs and outputs by name."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from models.architecture import Architecture
from models.cnn.layout import layout_of as image_layout
from models.registry import ResidentModel
from models.rnn.layout import layout_of as sequence_layout
from models.runtime.programs import Outputs
from probes.shared.class_probabilities import softmax

VARIABLE = -1
"""Length of an axis in a signature that requests choose: rows, and steps of a sequence."""

DATATYPES: Mapping[str, np.dtype[np.generic]] = {
    "UINT8": np.dtype(np.uint8),
    "FP32": np.dtype("<f4"),
    "INT64": np.dtype("<i8"),
}
"""Datatypes of tensors in signatures: name in the protocol → type of the little-endian bytes."""


class TensorSpec(NamedTuple):
    """Tensor of a signature.

    Attributes:
        datatype: A key of `DATATYPES`.
        shape: Shape of one row, without the axis of rows.
        is_optional: Whether a request may leave the input out.
        further: Entries of the axis of steps besides those of the steps: 1 for states, of which
            the first is the initial state.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    is_optional: bool = False
    further: int = 0

    @property
    def batch_shape(self) -> list[int]:
        """Shape of a signature's tensor in metadata: the axis of rows, then the shape of a row."""
        return [VARIABLE, *self.shape]

    def row_bytes(self, steps: int) -> int:
        """Return the bytes of one row of a signature's tensor.

        Args:
            steps: Steps of the sequence; 1 for an image.
        """
        length = steps + self.further
        sizes = (length if size == VARIABLE else size for size in self.shape)
        return prod(sizes) * DATATYPES[self.datatype].itemsize


Derive = Callable[[np.ndarray], np.ndarray]
"""Function of a signature from the logits of one row to an output of the prediction."""


@dataclass(frozen=True, eq=False)
class Signature:
    """Signature of a network.

    Attributes:
        inputs: Inputs by name; the one that every request has is the first.
        outputs: Outputs by name: values of the trace, then those of a prediction.
        defaults: Outputs of a request that names none.
        predicted: Outputs that the program predict suffices for.
        derived: Outputs that are computed from the logits.
        classes: Name of each label, in order.
    """

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    defaults: tuple[str, ...]
    predicted: frozenset[str]
    derived: Mapping[str, Derive]
    classes: tuple[str, ...]

    def program(self, names: Iterable[str]) -> str:
        """Return the program that computes outputs of a signature: predict, or trace."""
        return "predict" if self.predicted.issuperset(names) else "trace"

    def wanted(self, names: Iterable[str]) -> frozenset[str]:
        """Return the outputs of the program from which those of a signature are made."""
        return frozenset("logits" if name in self.derived else name for name in names)

    def row_bytes(self, names: Iterable[str], steps: int) -> int:
        """Return the bytes of outputs of a signature for one row.

        Args:
            steps: Steps of the sequence; 1 for an image.
        """
        return sum(self.outputs[name].row_bytes(steps) for name in names)

    def value(self, name: str, found: Outputs) -> np.ndarray:
        """Return an output of a signature for one row, from the outputs of its program."""
        derive = self.derived.get(name)
        return found[name] if derive is None else derive(found["logits"])


def signature_of(model: ResidentModel) -> Signature:
    """Return the signature of a resident model."""
    return _signature(model.architecture, has_score=model.ood_detector is not None)


@lru_cache(256)
def _signature(architecture: Architecture, *, has_score: bool) -> Signature:
    """Derive the signature of a network from its architecture.

    Args:
        has_score: Whether its programs return the out-of-distribution score.
    """
    is_image = architecture.family == "image"
    inputs = [_image(architecture)] if is_image else list(_sequence(architecture))
    traced = list(_maps(architecture) if is_image else _steps(architecture))
    predicted = list(_predicted(architecture, has_score=has_score))
    # The name of a layer goes before that of a value that is computed from the logits.
    known = {one.name for one in traced}
    added = [(spec, derive) for spec, derive in predicted if spec.name not in known]
    outputs = {spec.name: spec for spec in (*traced, *(spec for spec, _ in added))}
    of_prediction = {"logits", *(spec.name for spec, _ in added)} - {"running_logits"}
    derived = {spec.name: derive for spec, derive in added if derive is not None}
    if not is_image and architecture.declaration.answer == "last":
        derived["logits"] = _last
    return Signature(
        {one.name: one for one in inputs},
        outputs,
        tuple(name for name in outputs if name in of_prediction and name != "unfamiliarity"),
        frozenset(of_prediction),
        derived,
        architecture.classes,
    )


def _image(architecture: Architecture) -> TensorSpec:
    """Return the input of a signature of images: pixels, or the values of the first layer."""
    layout = image_layout(architecture)
    return TensorSpec("image", "UINT8" if layout.is_mnist else "FP32", layout.image_shape)


def _sequence(architecture: Architecture) -> Iterator[TensorSpec]:
    """Yield the inputs of a signature of sequences: steps, and each state before the first one."""
    layout = sequence_layout(architecture)
    datatype = "UINT8" if architecture.sequence.alphabet else "FP32"
    yield TensorSpec("sequence", datatype, (VARIABLE, *layout.sequence_shape))
    for state in architecture.states:
        yield TensorSpec(state.name, "FP32", (state.units,), is_optional=True)


def _maps(architecture: Architecture) -> Iterator[TensorSpec]:
    """Yield the values of the trace of images in a signature, channel first as in every answer."""
    for name, layer in architecture.layers.items():
        shape = (layer.shape[-1], *layer.shape[:-1])
        yield TensorSpec(name, "FP32", _classes(architecture) if name == "logits" else shape)


def _steps(architecture: Architecture) -> Iterator[TensorSpec]:
    """Yield the values of the trace of sequences in a signature; states begin with step 0."""
    states = {state.name for state in architecture.states}
    for name, layer in architecture.layers.items():
        shape = (VARIABLE, *layer.shape)
        if name == "logits":
            is_last = architecture.declaration.answer == "last"
            shape = (*(() if is_last else (VARIABLE,)), *_classes(architecture))
        yield TensorSpec(name, "FP32", shape, further=int(name in states))


def _predicted(
    architecture: Architecture, *, has_score: bool
) -> Iterator[tuple[TensorSpec, Derive | None]]:
    """Yield the outputs of a signature besides the trace, and how the logits give them."""
    classes = _classes(architecture)
    yield TensorSpec("probabilities", "FP32", classes), _probabilities
    yield TensorSpec("label", "INT64", ()), _label
    if has_score:
        yield TensorSpec("unfamiliarity", "FP32", (1,)), None
    for state in architecture.states:
        yield TensorSpec(state.final, "FP32", (state.units,)), None
    if architecture.family == "sequence" and architecture.declaration.answer == "last":
        yield TensorSpec("running_logits", "FP32", (VARIABLE, *classes)), _all


def _classes(architecture: Architecture) -> tuple[int]:
    """Return the shape of logits in a signature: two of a network with one unit."""
    return (len(architecture.classes),)


def _all(logits: np.ndarray) -> np.ndarray:
    return logits


def _last(logits: np.ndarray) -> np.ndarray:
    """Return the logits after the last step, of those after every step."""
    return logits if logits.ndim == 1 else np.asarray(logits[-1])


def _probabilities(logits: np.ndarray) -> np.ndarray:
    return softmax(_last(logits))


def _label(logits: np.ndarray) -> np.ndarray:
    return np.array(_last(logits).argmax(), np.int64)
