"""What the record of units holds of one unit of the CNN."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8

from models.architecture import LAYERS
from models.data import test_images
from models.data.test_images import Pictures
from models.runtime.checkpoints import Tensors


def before_nonlinearity(layer: str) -> str:
    """Return the layer whose maxima are those of this one: itself, or what a ReLU or pool reads."""
    return "logits" if layer == "logits" else LAYERS[layer].parameters


def stride(layer: str) -> int:
    """Return how many rows of the map before the nonlinearity make one of this layer."""
    return LAYERS[before_nonlinearity(layer)].shape[0] // LAYERS[layer].shape[0]


@dataclass(frozen=True, eq=False)
class UnitRecord:
    """One unit of the record that `models.cnn.unit_statistics` makes.

    Attributes:
        tensors: The whole record.
        layer: Any layer.
        channel: A channel of it, or the unit of a dense layer.
    """

    tensors: Tensors
    layer: str
    channel: int

    def _before(self, name: str) -> Shaped[np.ndarray, "..."]:
        return np.asarray(self.tensors[f"{before_nonlinearity(self.layer)}.{name}"][self.channel])

    def _own(self, name: str) -> Shaped[np.ndarray, "..."]:
        return np.asarray(self.tensors[f"{self.layer}.{name}"][..., self.channel, :])

    @property
    def rectified(self) -> bool:
        """Whether the layer's values are never below zero."""
        return LAYERS[self.layer].kind in {"post_activation", "pooled"}

    @property
    def has_map(self) -> bool:
        """Whether it is a channel with a map."""
        return LAYERS[self.layer].field is not None

    @property
    def pictures(self) -> Pictures:
        """The test images that the record speaks of."""
        return test_images.unpacked(self.tensors)

    @property
    def strongest(self) -> Int[np.ndarray, " images"]:
        """The test images that drive it highest, the highest first."""
        return self._before("strongest").astype(np.int32)

    @property
    def strongest_values(self) -> Float[np.ndarray, " images"]:
        """The largest value in each of these."""
        values = self._before("strongest.value")
        return np.maximum(values, 0) if self.rectified else values

    @property
    def places(self) -> Int[np.ndarray, "images 2"]:
        """Row and column of that value in the channel's map."""
        return self._before("strongest.place").astype(np.int32) // stride(self.layer)

    @property
    def maximum(self) -> float:
        """The largest value over the test set before the nonlinearity."""
        return float(self._before("strongest.value")[0])

    @property
    def highest_mean(self) -> float:
        """The largest mean over a map over the test set, before the nonlinearity."""
        return float(self._before("highest_mean"))

    @property
    def class_means(self) -> Float[np.ndarray, " classes"]:
        """The mean value over the images of each digit."""
        return np.ascontiguousarray(self.tensors[f"{self.layer}.class_means"][:, self.channel])

    def silent(self, what: str) -> float:
        """Return the share of `values`, or of the maxima of `images`, at or below zero."""
        return float(self.tensors[f"{self.layer}.silent_{what}"][self.channel])

    def histogram(self, of: str = "") -> tuple[Int[np.ndarray, " bins"], tuple[float, float]]:
        """Return how many values there are in each bin, and where the bins begin and end.

        Args:
            of: Of all values, or `maxima.` of each image.
        """
        low, high = self._own(f"{of}range").tolist()
        return self._own(f"{of}histogram").astype(np.int64), (low, high)


def selectivity(means: Float[np.ndarray, " classes"]) -> float | None:
    """Return how much higher a unit is for its favourite class than for the others; 0 to 1.

    None where means can be below zero, or all are zero.

    References:
        Morcos et al. (2018), On the importance of single directions for generalization.
    """
    wide = means.astype(np.float64)
    if wide.min() < 0 or wide.max() == 0:
        return None
    highest = wide.max()
    rest = (wide.sum() - highest) / (len(wide) - 1)
    return float((highest - rest) / (highest + rest))


def crop(image: UInt8[np.ndarray, "28 28"], layer: str, y: int, x: int) -> np.ndarray:
    """Cut out of a picture what one value of a map depends on; zeros beyond the border."""
    top, left, size = corner(layer, y, x)
    framed = np.pad(image, size)
    return framed[top + size : top + 2 * size, left + size : left + 2 * size]


def corner(layer: str, y: int, x: int) -> tuple[int, int, int]:
    """Return top, left and size of a value's receptive field; beyond the border is negative."""
    field = LAYERS[layer].field
    if field is None:
        msg = f"{layer} has no maps"
        raise ValueError(msg)
    return field.jump * y - field.before, field.jump * x - field.before, field.size
