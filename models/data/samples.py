"""A few images of the MNIST test set, to try the network on without a data set at hand."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jaxtyping import Float32, Int, UInt8
from numpy import ndarray

from models.runtime import checkpoints

RECORD = Path(__file__).parents[1] / "records" / "samples.safetensors"


@dataclass(frozen=True, eq=False)
class Samples:
    """Images with what they show.

    Attributes:
        images: 0 is ground, 255 is full ink.
        labels: The digit that each shows.
        indices: The place of each in the MNIST test set.
        mean: The mean of all training images, in [0, 1].
    """

    images: UInt8[ndarray, "samples 28 28"]
    labels: Int[ndarray, " samples"]
    indices: Int[ndarray, " samples"]
    mean: Float32[ndarray, "28 28"]


@cache
def load(path: Path = RECORD) -> Samples:
    """Read the samples.

    Raises:
        CheckpointError: The file is missing or altered.
    """
    tensors = checkpoints.load(path).tensors
    return Samples(**{name: tensors[name] for name in ("images", "labels", "indices", "mean")})
