"""Out-of-distribution detector: a small second network that tells digits from other marks.

    28x28 -> conv 5x5 stride 2 (24) -> conv 3x3 stride 2 (48) -> dense 96 -> ten digits + neither

It reads the image only, so that it stays valid when the digit network is trained again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt8

from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError, Tensors

# The file and the prefix of tensors are named for the familiarity of an image, the score for its
# opposite: `unfamiliarity` is a key of responses.
PATH = Path(__file__).parents[1] / "data" / "ood_detector.safetensors"
NEITHER = 10  # class after the ten digits: no digit
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
    """Weights of the out-of-distribution detector, and its threshold.

    Attributes:
        parameters: Weights by name, as in `SHAPES`.
        limit: Threshold: images with a higher score get a warning.
    """

    parameters: Tensors
    limit: float

    def score(self, image: UInt8[np.ndarray, "28 28"]) -> float:
        """Return the out-of-distribution score of an image: log-odds, of which 0 is even odds.

        Args:
            image: Intensities: 0 is background, 255 is full ink.
        """
        return float(self.scores(image[None])[0])

    def scores(self, images: UInt8[np.ndarray, "batch 28 28"]) -> Float[np.ndarray, " batch"]:
        """Return the out-of-distribution score of each image: log-odds that it shows no digit.

        The network was trained on MNIST's digits, and on other marks (letters, scribbles, digits
        cut and mixed, blots, areas of grey) as an eleventh class.

        References:
            Hendrycks, Mazeika & Dietterich (2019), Deep anomaly detection with outlier exposure.
        """
        return np.asarray(_odds(forward(self.parameters, images.astype(np.float32) / 255), np))

    @property
    def program_parameters(self) -> Tensors:
        """Weights of the OOD detector under the names that the CNN's programs read."""
        return {PREFIX + name: value for name, value in self.parameters.items()}


def ood_scores(
    parameters: Mapping[str, Any], images: Float[Array, "batch 28 28 1"]
) -> Float[Array, "batch 1"]:
    """Return the score of `OODDetector.scores` within a compiled program.

    Args:
        parameters: Parameters of the program, with `OODDetector.program_parameters` among them.
        images: Intensities in [0, 1].
    """
    own = {name: parameters[PREFIX + name] for name in SHAPES}
    maps = jnp.maximum(_convolve(own, "conv1", images, 5), 0)
    maps = jnp.maximum(_convolve(own, "conv2", maps, 3), 0)
    return jnp.asarray(_odds(_dense(own, maps.reshape(len(maps), -1), jnp), jnp))[:, None]


def _convolve(parameters: Mapping[str, Any], name: str, maps: Any, side: int) -> Any:
    """Apply one convolution of the OOD detector in a program.

    XLA compiles it faster than `_patches` and `_affine`.
    """
    kernel = parameters[f"{name}.kernel"].reshape(side, side, maps.shape[-1], -1)
    layout = ("NHWC", "HWIO", "NHWC")
    made = jax.lax.conv_general_dilated(maps, kernel, (2, 2), "VALID", dimension_numbers=layout)
    return made + parameters[f"{name}.bias"][None, None, None]


def _odds(logits: Any, xp: ModuleType) -> Any:
    """Return the OOD detector's log-odds of its eleventh class against the ten digits together."""
    digits = logits[:, :NEITHER]
    # Log-sum-exp with the maximum subtracted: exp of large logits would overflow.
    highest = digits.max(axis=1)
    together = highest + xp.log(xp.exp(digits - highest[:, None]).sum(axis=1))
    return logits[:, NEITHER] - together


def forward(parameters: Mapping[str, Any], images: Any, xp: ModuleType = np) -> Any:
    """Return the eleven logits of the OOD detector for each image.

    Args:
        parameters: Weights by name, as in `SHAPES`.
        images: Intensities in [0, 1], batch first.
        xp: Array library: NumPy to serve, `jax.numpy` to train.
    """
    maps = xp.maximum(_affine(parameters, "conv1", _patches(images[..., None], 5, xp)), 0)
    maps = xp.maximum(_affine(parameters, "conv2", _patches(maps, 3, xp)), 0)
    return _dense(parameters, maps.reshape(len(maps), -1), xp)


def _dense(parameters: Mapping[str, Any], features: Any, xp: ModuleType) -> Any:
    """Apply the two dense layers of the OOD detector."""
    return _affine(parameters, "output", xp.maximum(_affine(parameters, "dense1", features), 0))


def _affine(parameters: Mapping[str, Any], name: str, values: Any) -> Any:
    """Apply the weights and the bias of one layer of the OOD detector."""
    product = values @ parameters[f"{name}.kernel"]
    return product + parameters[f"{name}.bias"].reshape((1,) * (product.ndim - 1) + (-1,))


def _patches(maps: Any, side: int, xp: ModuleType) -> Any:
    """Return patches at stride 2, with which the OOD detector convolves by one product (im2col)."""
    last = maps.shape[1] - side + 1
    shifts = [maps[:, y : y + last : 2, x : x + last : 2] for y in range(side) for x in range(side)]
    return xp.concatenate(shifts, axis=-1)


def save(path: Path, detector: OODDetector, metadata: Mapping[str, Any]) -> None:
    """Write weights and threshold of an `OODDetector` to its file, with more metadata."""
    checkpoints.save(path, detector.parameters, {**metadata, "limit": detector.limit})


def load(path: Path = PATH) -> OODDetector:
    """Read weights and threshold of the served OOD detector from its file.

    Raises:
        CheckpointError: The file is missing or damaged, or holds other tensors.
    """
    checkpoint = checkpoints.load(path)
    tensors, limit = checkpoint.tensors, checkpoint.metadata.get("limit")
    is_detector = {name: value.shape for name, value in tensors.items()} == SHAPES and all(
        value.dtype.kind == "f" and np.isfinite(value).all() for value in tensors.values()
    )
    if not is_detector or not isinstance(limit, float) or not isfinite(limit):
        msg = f"{path.name} is not an OOD detector: make one by python -m scripts.ood_detector"
        raise CheckpointError(msg)
    return OODDetector(tensors, limit)
