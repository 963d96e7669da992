"""How much an image is like what the digit network was trained on: a second, small network.

    28x28 -> conv 5x5 stride 2 (24) -> conv 3x3 stride 2 (48) -> dense 96 -> ten digits + neither

It sees the image alone, so that it stays as it is when the digit network is trained again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError, Tensors

RECORD = Path(__file__).parents[1] / "records" / "familiarity.safetensors"
NEITHER = 10  # the class after the ten digits
PREFIX = "familiarity."

SHAPES = {
    "conv1.kernel": (25, 24),
    "conv1.bias": (24,),
    "conv2.kernel": (216, 48),
    "conv2.bias": (48,),
    "dense1.kernel": (1200, 96),
    "dense1.bias": (96,),
    "output.kernel": (96, 11),
    "output.bias": (11,),
}


@dataclass(frozen=True, eq=False)
class OODDetector:
    """The network that tells digits from other marks, and where it draws the line.

    Attributes:
        parameters: Its weights by name, as in `SHAPES`.
        limit: The score beyond which an image counts as unfamiliar.
    """

    parameters: Tensors
    limit: float

    def score(self, image: UInt8[np.ndarray, "28 28"]) -> float:
        """Return how unfamiliar an image is: 0 is even odds, beyond `limit` is a warning.

        Args:
            image: 0 is ground, 255 is full ink.
        """
        return float(self.scores(image[None])[0])

    def scores(self, images: UInt8[np.ndarray, "batch 28 28"]) -> Float[np.ndarray, " batch"]:
        """Return the log-odds that each image is none of the ten digits.

        The network has learned MNIST's digits against marks that are none (letters, scribbles,
        digits cut and mixed, blots, fields of grey), as an eleventh class.

        References:
            Hendrycks, Mazeika & Dietterich (2019), Deep anomaly detection with outlier exposure.
        """
        return np.asarray(_odds(forward(self.parameters, images.astype(np.float32) / 255), np))

    @property
    def resident(self) -> Tensors:
        """The weights under the names by which a program of the digit network finds them."""
        return {PREFIX + name: value for name, value in self.parameters.items()}


def unfamiliarity(
    parameters: Mapping[str, Any], images: Float[Array, "batch 28 28 1"]
) -> Float[Array, "batch 1"]:
    """Return the same score as `Familiarity.scores`, as part of a program.

    Args:
        parameters: Those of the program, with `Familiarity.resident` among them.
        images: Intensities in [0, 1].
    """
    own = {name: parameters[PREFIX + name] for name in SHAPES}
    maps = jnp.maximum(_convolve(own, "conv1", images, 5), 0)
    maps = jnp.maximum(_convolve(own, "conv2", maps, 3), 0)
    return jnp.asarray(_odds(_dense(own, maps.reshape(len(maps), -1), jnp), jnp))[:, None]


def _convolve(parameters: Mapping[str, Any], name: str, maps: Any, side: int) -> Any:
    """Apply one convolution: what `_patches` and `_affine` do, which takes XLA long to compile."""
    kernel = parameters[f"{name}.kernel"].reshape(side, side, maps.shape[-1], -1)
    layout = ("NHWC", "HWIO", "NHWC")
    made = jax.lax.conv_general_dilated(maps, kernel, (2, 2), "VALID", dimension_numbers=layout)
    return made + parameters[f"{name}.bias"][None, None, None]


def _odds(logits: Any, xp: ModuleType) -> Any:
    """Return the log-odds of the last class against all others together."""
    digits = logits[:, :NEITHER]
    highest = digits.max(axis=1)
    together = highest + xp.log(xp.exp(digits - highest[:, None]).sum(axis=1))
    return logits[:, NEITHER] - together


def forward(parameters: Mapping[str, Any], images: Any, xp: ModuleType = np) -> Any:
    """Return the eleven logits of each image.

    Args:
        parameters: Weights by name, as in `SHAPES`.
        images: Intensities in [0, 1], batch first.
        xp: The library that computes: NumPy to serve, `jax.numpy` to train. One formula for both.
    """
    maps = xp.maximum(_affine(parameters, "conv1", _patches(images[..., None], 5, xp)), 0)
    maps = xp.maximum(_affine(parameters, "conv2", _patches(maps, 3, xp)), 0)
    return _dense(parameters, maps.reshape(len(maps), -1), xp)


def _dense(parameters: Mapping[str, Any], features: Any, xp: ModuleType) -> Any:
    """Apply the two dense layers."""
    return _affine(parameters, "output", xp.maximum(_affine(parameters, "dense1", features), 0))


def _affine(parameters: Mapping[str, Any], name: str, values: Any) -> Any:
    """Apply one layer's weights."""
    product = values @ parameters[f"{name}.kernel"]
    return product + parameters[f"{name}.bias"].reshape((1,) * (product.ndim - 1) + (-1,))


def _patches(maps: Any, side: int, xp: ModuleType) -> Any:
    """Gather every second square patch, so that a convolution becomes one matrix product."""
    last = maps.shape[1] - side + 1
    shifts = [maps[:, y : y + last : 2, x : x + last : 2] for y in range(side) for x in range(side)]
    return xp.concatenate(shifts, axis=-1)


def save(path: Path, familiarity: OODDetector, metadata: Mapping[str, Any]) -> None:
    """Write the reference that images are compared with, and how it was made."""
    stamped = {**metadata, "limit": familiarity.limit}
    checkpoints.save(path, familiarity.parameters, stamped)


def load(path: Path = RECORD) -> OODDetector:
    """Read the reference that images are compared with.

    Raises:
        CheckpointError: The file is missing or damaged, or holds something else.
    """
    checkpoint = checkpoints.load(path)
    shapes = {name: value.shape for name, value in checkpoint.tensors.items()}
    limit = checkpoint.metadata.get("limit")
    if shapes != SHAPES or not isinstance(limit, float):
        msg = f"{path.name} is not a reference of familiar images: python -m scripts.ood_detector"
        raise CheckpointError(msg)
    return OODDetector(checkpoint.tensors, limit)
