"""Record of one unit of the CNN over the test set, read from the artifact `units`."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8

from models.data import test_images
from models.data.test_images import SelectedImages
from models.runtime.checkpoints import Tensors
from models.simple_networks import LAYERS


def before_nonlinearity(layer: str) -> str:
    """Return the layer before the nonlinearity, under which a unit record has strongest images."""
    return "logits" if layer == "logits" else LAYERS[layer].parameters


def stride(layer: str) -> int:
    """Return the stride of a unit record's layer over the map before its nonlinearity."""
    return LAYERS[before_nonlinearity(layer)].shape[0] // LAYERS[layer].shape[0]


@dataclass(frozen=True, eq=False)
class UnitRecord:
    """Record of one unit of the CNN over the test set: its part of the artifact `units`.

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
        """Whether the values in a unit record are never below zero."""
        return LAYERS[self.layer].kind in {"post_activation", "pooled"}

    @property
    def has_map(self) -> bool:
        """Whether a unit record is that of a channel with a map."""
        return LAYERS[self.layer].receptive_field is not None

    @property
    def pictures(self) -> SelectedImages:
        """Test images that the unit records show."""
        return test_images.unpack(self.tensors)

    @property
    def strongest(self) -> Int[np.ndarray, " images"]:
        """Test set indices of the unit record's strongest images, the largest value first."""
        return self._before("strongest").astype(np.int32)

    @property
    def strongest_values(self) -> Float[np.ndarray, " images"]:
        """Largest value of the recorded unit in each of its strongest images."""
        # ReLU and max-pool are monotonic: the strongest images are those before the nonlinearity.
        values = self._before("strongest.value")
        return np.maximum(values, 0) if self.rectified else values

    @property
    def places(self) -> Int[np.ndarray, "images 2"]:
        """Row and column of the recorded unit's largest value in each of its strongest images."""
        return self._before("strongest.place").astype(np.int32) // stride(self.layer)

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


def selectivity(means: Float[np.ndarray, " classes"]) -> float | None:
    """Return a unit record's class selectivity (μ_max - μ_rest) / (μ_max + μ_rest), 0 to 1.

    None where a mean is below zero, or all are zero.

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
    """Crop a recorded unit's receptive field at one position out of an image, padded with zeros."""
    top, left, size = corner(layer, y, x)
    # Padding by the whole size keeps all indices non-negative.
    framed = np.pad(image, size)
    return framed[top + size : top + 2 * size, left + size : left + 2 * size]


def corner(layer: str, y: int, x: int) -> tuple[int, int, int]:
    """Return top, left and size of a recorded unit's receptive field; below 0 beyond the border."""
    field = LAYERS[layer].receptive_field
    if field is None:
        msg = f"{layer} has no maps"
        raise ValueError(msg)
    return field.jump * y - field.before, field.jump * x - field.before, field.size
