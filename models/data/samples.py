"""Sample images of the MNIST test set, shipped to try the CNN without the data set."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jaxtyping import Float32, Int, UInt8
from numpy import ndarray

from models.data.mnist import HEIGHT, WIDTH
from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError

PATH = Path(__file__).with_name("samples.safetensors")


@dataclass(frozen=True, eq=False)
class Samples:
    """Shipped sample images of MNIST with labels, and the mean training image.

    Attributes:
        images: Intensities from 0 (background) to 255 (full ink).
        labels: Digit of each image.
        indices: Index of each image in the MNIST test set.
        mean: Mean of all training images, in [0, 1].
    """

    images: UInt8[ndarray, "samples 28 28"]
    labels: Int[ndarray, " samples"]
    indices: Int[ndarray, " samples"]
    mean: Float32[ndarray, "28 28"]


@cache
def load(path: Path = PATH) -> Samples:
    """Read the shipped sample images of MNIST from `samples.safetensors`.

    Raises:
        CheckpointError: The file is missing or altered, or holds other tensors.
    """
    tensors = checkpoints.load(path).tensors
    count = len(tensors.get("labels", ()))
    found = {name: (one.dtype.name, one.shape) for name, one in tensors.items()}
    if found != {
        "images": ("uint8", (count, HEIGHT, WIDTH)),
        "labels": ("int32", (count,)),
        "indices": ("int32", (count,)),
        "mean": ("float32", (HEIGHT, WIDTH)),
    }:
        msg = f"{path.name} does not hold samples: make it by python -m scripts.samples"
        raise CheckpointError(msg)
    return Samples(**{name: tensors[name] for name in ("images", "labels", "indices", "mean")})
