"""Arrays of a data set as the inputs of a network: images of any type, padded sequences."""

import numpy as np
from jaxtyping import Float, Shaped, UInt8

from models.architecture import MAX_STEPS
from models.data.datasets import DatasetError
from models.declaration.declaration import ImageSpec, SequenceSpec

WHITE = 255

_LEVEL_ERROR = 0.01
"""Largest distance of 255 times an intensity from a whole number, for floats from 0 to 1."""


def image_inputs(
    images: Shaped[np.ndarray, "..."], image: ImageSpec
) -> UInt8[np.ndarray, "images 28 28"] | Float[np.ndarray, "images height width channels"]:
    """Return images of an array of a data set as the programs of a network read them.

    Integers are levels from 0 to 255, which are normalised as the network declares. Floats are the
    values that the network reads; of a network of MNIST's images intensities k / 255.

    Raises:
        DatasetError: They have another shape or type, or values out of range.
    """
    wanted = (image.height, image.width, image.channels)
    has_channels = images.ndim == len(wanted) + 1
    shaped = images if has_channels or image.channels > 1 else images[..., None]
    if shaped.shape[1:] != wanted:
        shape, sides = " x ".join(map(str, images.shape)), " x ".join(map(str, wanted))
        msg = f"the array is {shape} of {images.dtype}; the network reads images of {sides}"
        raise DatasetError(msg)
    if images.dtype.kind in "iu":
        levels = _levels(shaped)
        return levels[..., 0] if image.prepare == "mnist" else image.normalised(levels)
    if images.dtype.kind != "f" or not np.isfinite(images).all():
        msg = f"the array of type {images.dtype} must have integers from 0 to 255 or finite floats"
        raise DatasetError(msg)
    return _mnist_levels(shaped)[..., 0] if image.prepare == "mnist" else shaped.astype(np.float32)


def _levels(images: Shaped[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Return integers of an array of a data set as levels of 8 bits."""
    if images.dtype != np.uint8 and images.size and not 0 <= images.min() <= images.max() <= WHITE:
        msg = f"the images must be from 0 to 255; they go from {images.min()} to {images.max()}"
        raise DatasetError(msg)
    return images.astype(np.uint8)


def _mnist_levels(images: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Return floats of an array of a data set as the levels that MNIST's images have."""
    levels = images.astype(np.float64) * WHITE
    whole = np.rint(levels)
    is_level = np.abs(levels - whole) <= _LEVEL_ERROR
    if images.size and not (is_level.all() and whole.min() >= 0 and whole.max() <= WHITE):
        msg = (
            f"the array of {images.dtype} goes from {images.min():g} to {images.max():g}; this "
            "network reads integers from 0 to 255, or floats k / 255 from 0 to 1"
        )
        raise DatasetError(msg)
    return whole.astype(np.uint8)


def sequence_inputs(
    inputs: Shaped[np.ndarray, "..."],
    lengths: Shaped[np.ndarray, "..."] | None,
    sequence: SequenceSpec,
) -> tuple[Shaped[np.ndarray, "rows steps *features"], Shaped[np.ndarray, " rows"]]:
    """Return sequences of an array of a data set as programs read them, and their lengths.

    Args:
        inputs: Indices of symbols, or rows of numbers, padded to one length.
        lengths: Steps of each sequence; None where all have the length of the array.

    Raises:
        DatasetError: They have another shape or type, or values out of range.
    """
    axes = 2 if sequence.alphabet else 3
    if inputs.ndim != axes or not 1 <= inputs.shape[1] <= MAX_STEPS:
        form = "(examples, steps)" if sequence.alphabet else "(examples, steps, features)"
        msg = f"inputs must have the axes {form}, with 1 to {MAX_STEPS} steps"
        raise DatasetError(msg)
    found = _steps(inputs, sequence)
    steps = np.full(len(inputs), inputs.shape[1]) if lengths is None else lengths
    if (
        steps.shape != inputs.shape[:1]
        or steps.dtype.kind not in "iuf"
        or (steps != np.rint(steps)).any()
        or (steps.size and not 1 <= steps.min() <= steps.max() <= inputs.shape[1])
    ):
        msg = f"lengths must be whole numbers from 1 to {inputs.shape[1]}, one for each example"
        raise DatasetError(msg)
    return found, steps.astype(np.int64)


def _steps(inputs: np.ndarray, sequence: SequenceSpec) -> np.ndarray:
    """Return the steps of sequences of an array of a data set: indices of symbols, or numbers."""
    if sequence.alphabet:
        count = len(sequence.alphabet)
        if inputs.dtype.kind not in "iu" or (
            inputs.size and not 0 <= inputs.min() <= inputs.max() < count
        ):
            msg = f"inputs must be indices of symbols, from 0 to {count - 1}"
            raise DatasetError(msg)
        return inputs.astype(np.uint8)
    # bfloat16 is of the kind of structures, "V", but has no fields.
    is_real = inputs.dtype.kind in "biufV" and inputs.dtype.fields is None
    if inputs.shape[2] != sequence.features or not is_real or not np.isfinite(inputs).all():
        msg = f"inputs must have {sequence.features} finite numbers at each step"
        raise DatasetError(msg)
    return inputs.astype(np.float32)
