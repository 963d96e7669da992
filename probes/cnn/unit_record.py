"""Record of one unit of an image network over the test set, read from the artifact `units`."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8

from models.architecture import Architecture
from models.data import test_images
from models.data.test_images import SelectedImages
from models.declaration.operations import Activation, GlobalPool, Pool
from models.runtime.checkpoints import Tensors
from models.windows import Windows, windows
from probes.cnn.layer_values import (
    before_nonlinearity,
    chain,
    read_value,
    signed_layers,
)

Place = tuple[int, int]
"""Row and column of a recorded unit's value in a map."""


def place_before(architecture: Architecture, layer: str, place: Place) -> Place:
    """Return the position before the nonlinearity that a recorded unit's position reads first."""
    for axes in _pooled_axes(architecture, layer):
        y, x = (axis.span(at)[0] for axis, at in zip(axes, place, strict=True))
        place = (y, x)
    return place


def places_after(
    architecture: Architecture, layer: str, places: Int[np.ndarray, "images 2"]
) -> Int[np.ndarray, "images 2"]:
    """Return the positions of a recorded unit that positions before the nonlinearity belong to."""
    for axes in reversed(_pooled_axes(architecture, layer)):
        columns = [
            np.minimum((places[:, at] + axis.before) // axis.stride, axis.count - 1)
            for at, axis in enumerate(axes)
        ]
        places = np.stack(columns, axis=1)
    return places


def _pooled_axes(architecture: Architecture, layer: str) -> list[tuple[Windows, Windows]]:
    """Return rows and columns of the pools between a recorded unit and its linear layer."""
    end = before_nonlinearity(architecture, layer)
    found = []
    for node in chain(architecture, layer, end) if end else ():
        if isinstance(node.operation, Pool):
            height, width, _ = architecture.layers[read_value(architecture, node.inputs[0])].shape
            found.append((windows(node.operation, 0, height), windows(node.operation, 1, width)))
    return found


@dataclass(frozen=True, eq=False)
class UnitRecord:
    """Record of one unit of a network over a test set: its part of the artifact `units`.

    Attributes:
        architecture: Architecture of the network.
        tensors: The whole record.
        layer: Any layer.
        channel: A channel of it, or the unit of a dense layer.
    """

    architecture: Architecture
    tensors: Tensors
    layer: str
    channel: int

    def _before(self, name: str) -> Shaped[np.ndarray, "..."]:
        before = before_nonlinearity(self.architecture, self.layer)
        return np.asarray(self.tensors[f"{before}.{name}"][self.channel])

    def _own(self, name: str) -> Shaped[np.ndarray, "..."]:
        return np.asarray(self.tensors[f"{self.layer}.{name}"][..., self.channel, :])

    @property
    def rectified(self) -> bool:
        """Whether the values in a unit record are never below zero."""
        return self.layer not in signed_layers(self.architecture)

    @property
    def has_strongest(self) -> bool:
        """Whether a unit's strongest images follow from the record before the nonlinearity.

        A ReLU keeps the order of the images and the places of their maxima; so does a maximum, if
        each value of the map is in a window. Any other layer can have other strongest images.
        """
        before = before_nonlinearity(self.architecture, self.layer)
        if before is None:
            return False
        nodes = chain(self.architecture, self.layer, before)
        pooled = _pooled_axes(self.architecture, self.layer)
        return all(_keeps_order(node.operation) for node in nodes) and all(
            _covers_all(axis) for axes in pooled for axis in axes
        )

    @property
    def has_map(self) -> bool:
        """Whether a unit record is that of a channel with a map."""
        return self.architecture.layers[self.layer].has_maps

    @property
    def pictures(self) -> SelectedImages:
        """Test images that the unit records show."""
        return test_images.unpack(self.tensors)

    @property
    def strongest(self) -> Int[np.ndarray, " images"]:
        """Test set indices of the unit record's strongest images, the largest value first.

        As their values and places, only where `has_strongest`.
        """
        return self._before("strongest").astype(np.int32)

    @property
    def strongest_values(self) -> Float[np.ndarray, " images"]:
        """Largest value of the recorded unit in each of its strongest images."""
        values = self._before("strongest.value")
        return np.maximum(values, 0) if self.rectified else values

    @property
    def places(self) -> Int[np.ndarray, "images 2"]:
        """Row and column of the recorded unit's largest value in each of its strongest images."""
        places = self._before("strongest.place").astype(np.int32)
        return places_after(self.architecture, self.layer, places)

    @property
    def maximum(self) -> float:
        """Largest value of the recorded unit over the test set, before the nonlinearity."""
        return float(self._before("strongest.value")[0])

    @property
    def highest_mean(self) -> float:
        """Largest mean of the recorded unit's map over the test set, before the nonlinearity."""
        return float(self._before("highest_mean"))

    @property
    def class_means(self) -> Float[np.ndarray, " classes"]:
        """Mean value of the recorded unit over the test images of each digit."""
        return np.ascontiguousarray(self.tensors[f"{self.layer}.class_means"][:, self.channel])

    def silent(self, what: str) -> float:
        """Return the recorded unit's share of `values`, or of `images` (maxima), not above zero."""
        return float(self.tensors[f"{self.layer}.silent_{what}"][self.channel])

    def histogram(self, of: str = "") -> tuple[Int[np.ndarray, " bins"], tuple[float, float]]:
        """Return the counts of a recorded unit's histogram, and its lower and upper limit.

        Args:
            of: Empty for all values, `maxima.` for the largest value of each image.
        """
        low, high = self._own(f"{of}range").tolist()
        return self._own(f"{of}histogram").astype(np.int64), (low, high)


def class_selectivity(
    means: Float[np.ndarray, "classes units"],
) -> Float[np.ndarray, "classes units"]:
    """Return the selectivity of each recorded unit for each class, -1 to 1.

    It is (μ - μ_rest) / (μ + μ_rest), the unit's mean over the images of a class against the mean
    of those of the other classes. NaN where a mean of the unit is below zero, or all are zero.

    References:
        Morcos et al. (2018), On the importance of single directions for generalization.
    """
    wide = means.astype(np.float64)
    rest = (wide.sum(axis=0) - wide) / (len(wide) - 1)
    total = wide + rest
    is_known = (wide.min(axis=0) >= 0) & (wide.max(axis=0) > 0)
    return np.where(is_known, (wide - rest) / np.where(is_known, total, 1), np.nan)


def selectivity(means: Float[np.ndarray, " classes"]) -> float | None:
    """Return a unit record's selectivity for its favourite class, 0 to 1; None where it has none.

    It has none where a mean is below zero, or all are zero.
    """
    highest = class_selectivity(means[:, None]).max()
    return None if np.isnan(highest) else float(highest)


def crop(
    architecture: Architecture, image: UInt8[np.ndarray, "28 28"], layer: str, y: int, x: int
) -> np.ndarray:
    """Crop a recorded unit's receptive field at one position out of an image, padded with zeros."""
    (top, height), (left, width) = corner(architecture, layer, y, x)
    # Padding by the whole size keeps all indices non-negative.
    framed = np.pad(image, ((height, height), (width, width)))
    return framed[top + height : top + 2 * height, left + width : left + 2 * width]


def corner(
    architecture: Architecture, layer: str, y: int, x: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return start and size of a recorded unit's receptive field, along rows and columns.

    The start is below 0 beyond the border.
    """
    fields = architecture.layers[layer].receptive_field
    if fields is None:
        msg = f"{layer} has no maps"
        raise ValueError(msg)
    rows, columns = fields
    return (
        (rows.jump * y - rows.before, rows.size),
        (columns.jump * x - columns.before, columns.size),
    )


def _keeps_order(operation: object) -> bool:
    """Whether an operation keeps the order of a recorded unit's values: a ReLU or a maximum."""
    is_maximum = isinstance(operation, Pool | GlobalPool) and operation.kind == "max"
    return is_maximum or operation == Activation("relu")


def _covers_all(axis: Windows) -> bool:
    """Whether each row or column of a recorded unit's map is in a window."""
    covered = {at for first, last in axis.spans for at in range(first, last + 1)}
    return len(covered) == axis.inputs
