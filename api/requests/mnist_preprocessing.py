"""MNIST preprocessing: an image of any size becomes 28x28 pixels as the MNIST images were made.

    planes -> foreground -> bounding box -> 20 pixels long -> centre of mass

An image that is already in MNIST's form is not changed, and every result is in that form:
preprocessing is idempotent, to the bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from api.requests.foreground import Box, extract_foreground, foreground_box
from api.requests.planes import IMAGE_SIDE, Planes
from api.requests.preparation_steps import (
    BLANK,
    NEGATIVE,
    NOT_PREPARED,
    UNCHANGED,
    preparation_steps,
    preparation_warnings,
)
from probes.shared.input_warnings import InputWarning

BOX_SIDE = 20  # pixels: the longer side of the foreground in MNIST
CENTRE = 14  # pixel: the rounded centre of mass of all 10,000 MNIST test images
MIN_LENGTH = 18  # pixels: a foreground this long in 28x28 has MNIST's size (the data: 19)
_MOMENT_WEIGHTS = (
    np.stack(
        [np.ones((IMAGE_SIDE, IMAGE_SIDE)), *np.mgrid[:IMAGE_SIDE, :IMAGE_SIDE]]
    )  # of every pixel: 1, y and x
    .reshape(3, -1)
    .astype(np.float32)
)
STROKE_LEVEL = 240  # 99 % of MNIST images have a tenth of their foreground above this level


@dataclass(frozen=True)
class PreparedImage:
    """Result of MNIST preprocessing: 28x28 pixels for the CNN, and a record of how they were made.

    Attributes:
        pixels: The network's input times 255: 0 is background, 255 is full foreground.
        preparation: Record of the preprocessing, part of the response: `preprocess`;
            `source_size`, width and height of the upright image; `inverted`, whether the foreground
            was darker than its background; `box`, left, top, right and bottom of the foreground in
            source pixels (None for a blank image); `scale` and `shift`, which map a source point to
            28x28 by (point - left or top of the box) * scale + shift; and `affine`, the inverse
            map: (a, b, c, d, e, f) with x = a u + b v + c, y = d u + e v + f for a point (u, v) in
            28x28. The origin is the top left corner of the top left pixel, whose centre is
            (0.5, 0.5). Last `steps`, a sentence for each step.
        warnings: Warnings about the source that its 28x28 pixels do not show.
    """

    pixels: UInt8[np.ndarray, "28 28"]
    preparation: Mapping[str, Any]
    warnings: tuple[InputWarning, ...] = ()


def preprocess_mnist(planes: Planes) -> PreparedImage:
    """Preprocess a posted image of one digit as the MNIST images were made.

    The plane of strongest contrast is chosen (luma, a colour, or alpha); the background is
    subtracted, as one level or as a grey closing of the image; and of the marks that remain the
    digit is kept, without rules, frames and anything at the border. Its bounding box is scaled
    to 20 pixels along its longer side, with its aspect ratio, by area averaging (linear
    interpolation where it grows); strokes that became faint are raised to the level of MNIST's; and
    the whole is shifted by full pixels until its centre of mass rounds to pixel (14, 14), as in
    MNIST, or its box touches the border of the 28x28 pixels.

    Returns:
        All zeros for a blank image: nothing differs from its background by 12 grey levels.

    References:
        LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document
        recognition, section III-A.
    """
    if (box := _unchanged_box(planes)) is not None:
        return _unchanged(planes.grey, box, inverted=False)
    foreground = extract_foreground(planes)
    if foreground is None or (box := foreground_box(foreground.values)) is None:
        return _blank(planes.size)
    digit = foreground.digit
    if (unchanged := _mnist_box(foreground.values)) is not None:
        return _unchanged(
            foreground.values.astype(np.uint8), unchanged, inverted=digit.residue.dark
        )
    pixels, box, scale, shift = _scale_and_place(foreground.values, box)
    geometry = _Geometry(foreground.in_planes(box), scale / foreground.block, shift)
    record = _preparation(
        "mnist",
        planes.size,
        geometry,
        preparation_steps(foreground),
        inverted=digit.residue.dark,
    )
    return PreparedImage(pixels, record, preparation_warnings(digit))


def in_source_pixels(image: PreparedImage, planes: Planes) -> PreparedImage:
    """Express the record of a prepared image in pixels of its source, not of its reduced planes."""
    if planes.reduction == 1:
        return image
    reduction, (width, height) = planes.reduction, planes.source_size
    record = dict(image.preparation)
    if record["box"] is not None:
        left, top, right, bottom = (reduction * edge for edge in record["box"])
        record["box"] = [left, top, min(right, width), min(bottom, height)]
    record["source_size"] = [width, height]
    record["scale"] /= reduction
    record["affine"] = [reduction * term for term in record["affine"]]
    return PreparedImage(image.pixels, record, image.warnings)


class _Geometry(NamedTuple):
    """Map of a source image to 28x28: box of the foreground, scale, and shift in 28x28 pixels."""

    box: Box
    scale: float
    shift: tuple[int, int]


def _unchanged(pixels: UInt8[np.ndarray, "28 28"], box: Box, *, inverted: bool) -> PreparedImage:
    """Return a foreground that is in MNIST's form already, with a record of its preprocessing."""
    geometry = _Geometry(box, 1.0, (box.left, box.top))
    size = [IMAGE_SIDE, IMAGE_SIDE]
    return PreparedImage(
        pixels,
        _preparation(
            "mnist", size, geometry, NEGATIVE if inverted else UNCHANGED, inverted=inverted
        ),
    )


def without_preprocessing(planes: Planes) -> PreparedImage:
    """Return a 28x28 image for the CNN without MNIST preprocessing; transparent pixels are 0."""
    grey = planes.grey
    if planes.alpha is not None:
        grey = np.rint(grey * (planes.alpha / np.float32(255))).astype(np.uint8)
    whole = _Geometry(Box(0, 0, IMAGE_SIDE, IMAGE_SIDE), 1.0, (0, 0))
    return PreparedImage(
        grey, _preparation("none", planes.size, whole, NOT_PREPARED, inverted=False)
    )


def _preparation(
    preprocess: str,
    size: list[int],
    geometry: _Geometry,
    steps: Sequence[str],
    *,
    inverted: bool,
) -> dict[str, Any]:
    (left, top, *_), scale, shift = geometry
    return {
        "preprocess": preprocess,
        "source_size": size,
        "inverted": inverted,
        "box": list(geometry.box),
        "scale": scale,
        "shift": list(shift),
        "affine": [1 / scale, 0.0, left - shift[0] / scale, 0.0, 1 / scale, top - shift[1] / scale],
        "steps": list(steps),
    }


def _blank(size: list[int]) -> PreparedImage:
    """Return MNIST preprocessing of a blank image: zeros; the map fits its sides into the box."""
    scale = BOX_SIDE / max(size)
    shift = (round((IMAGE_SIDE - size[0] * scale) / 2), round((IMAGE_SIDE - size[1] * scale) / 2))
    geometry = _Geometry(Box(0, 0, *size), scale, shift)
    record = _preparation("mnist", size, geometry, BLANK, inverted=False)
    pixels = np.zeros((IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    return PreparedImage(pixels, record | {"box": None})


def _unchanged_box(planes: Planes) -> Box | None:
    """Return the bounding box of an image that needs no MNIST preprocessing; otherwise None.

    Its background is exactly 0, so that there is nothing to subtract.
    """
    grey = planes.grey
    if grey.shape != (IMAGE_SIDE, IMAGE_SIDE) or planes.alpha is not None or planes.lossy:
        return None
    box = _mnist_box(grey)
    if box is None or (min(box.left, box.top) > 0 and max(box.right, box.bottom) < IMAGE_SIDE):
        return box
    # Where less than half of the border is foreground, its median and its grain are 0.
    count = sum(map(np.count_nonzero, (grey[0], grey[-1], grey[:, 0], grey[:, -1])))
    return box if count < 2 * IMAGE_SIDE - 1 else None


def _mnist_box(foreground: np.ndarray) -> Box | None:
    """Return the bounding box of a foreground of MNIST's size and centring; otherwise None."""
    if (
        foreground.shape != (IMAGE_SIDE, IMAGE_SIDE)
        or foreground.flat[foreground.argmax()] < STROKE_LEVEL
    ):
        return None
    whole = foreground.astype(np.uint8, copy=False)
    if whole is not foreground and not np.array_equal(foreground, whole):
        return None
    box, centring = _box_and_shift(whole)
    return box if MIN_LENGTH <= box.long_side <= BOX_SIDE and centring == (0, 0) else None


def _box_and_shift(foreground: UInt8[np.ndarray, "28 28"]) -> tuple[Box, tuple[int, int]]:
    """Return the box of a 28x28 MNIST foreground, and the shift right and down that centres it.

    Args:
        foreground: Not all zeros.
    """
    # Integers below 2^24, which float32 represents exactly: so is the centre of mass, everywhere.
    total, by_y, by_x = map(int, _MOMENT_WEIGHTS @ foreground.reshape(-1).astype(np.float32))
    first, end = _nonzero_span(foreground.tobytes())
    left, right = _nonzero_span(np.bitwise_or.reduce(foreground).tobytes())
    top, bottom = first // IMAGE_SIDE, -(-end // IMAGE_SIDE)
    shift = (_to_centre(left, right, by_x, total), _to_centre(top, bottom, by_y, total))
    return Box(left, top, right, bottom), shift


def _nonzero_span(values: bytes) -> tuple[int, int]:
    """Return start and end of the span from first to last nonzero byte of an MNIST image."""
    return len(values) - len(values.lstrip(b"\0")), len(values.rstrip(b"\0"))


def _to_centre(first: int, end: int, moment: int, total: int) -> int:
    """Return the shift along one axis to MNIST's centre of mass, as far as 28 pixels allow."""
    to_centre = CENTRE - (2 * moment + total) // (2 * total)
    return min(max(to_centre, -first), IMAGE_SIDE - end)


def _scale_and_place(
    foreground: Float32[np.ndarray, "height width"], box: Box
) -> tuple[UInt8[np.ndarray, "28 28"], Box, float, tuple[int, int]]:
    """Scale a foreground to MNIST's size, 20 pixels, and centre its mass in 28x28.

    Returns:
        The 28x28 pixels, and the box, scale and shift that were used.
    """
    stretch = 1.0
    for _ in range(16):
        sized = (
            foreground.shape == (IMAGE_SIDE, IMAGE_SIDE) and MIN_LENGTH <= box.long_side <= BOX_SIDE
        )
        scale = 1.0 if sized else stretch * BOX_SIDE / box.long_side
        pixels = _scale(foreground[box.top : box.bottom, box.left : box.right], scale)
        found, (right, down) = _box_and_shift(pixels)
        if found.long_side >= MIN_LENGTH:
            break
        # The outermost foreground rounds to 0 at this size: the box was too wide.
        smaller = Box(
            box.left + int(found.left / scale),
            box.top + int(found.top / scale),
            min(box.right, box.left + int(np.ceil(found.right / scale))),
            min(box.bottom, box.top + int(np.ceil(found.bottom / scale))),
        )
        # A box of few pixels, whose border fades between their centres, cannot become smaller.
        stretch = stretch * (BOX_SIDE - 0.5) / found.long_side if smaller == box else 1.0
        box = smaller
    # Nothing wraps around: the shift ends where the box touches the border.
    return np.roll(pixels, (down, right), axis=(0, 1)), box, scale, (right, down)


def _scale(
    foreground: Float32[np.ndarray, "height width"], scale: float
) -> UInt8[np.ndarray, "28 28"]:
    """Scale a foreground into the top left of 28x28, its strokes raised to the level of MNIST's."""
    rows, columns = (
        _resampling_weights(foreground.shape[0], scale),
        _resampling_weights(foreground.shape[1], scale),
    )
    scaled = rows @ foreground @ columns.T
    stroke = np.percentile(scaled[scaled > scaled.max() / 16], 90)
    # An enlarged foreground keeps its faintest pixels, so that its box keeps its length.
    whole = np.ceil if scale > 1 else np.rint
    pixels: UInt8[np.ndarray, "28 28"] = whole(
        np.minimum(scaled * max(1, STROKE_LEVEL / stroke), 255)
    ).astype(np.uint8)
    return pixels


def _resampling_weights(pixels: int, scale: float) -> Float32[np.ndarray, "28 width"]:
    """Return weights of MNIST resampling along one axis: of each source pixel in each of 28.

    The weight is the overlap of the two where the image shrinks, and linear interpolation where it
    grows: one formula for both. At a scale of 1 it is the identity.
    """
    shrink = min(scale, 1)
    centres = (np.arange(IMAGE_SIDE) + 0.5) / scale
    distance = np.abs(centres[:, None] - (np.arange(pixels) + 0.5)[None, :])
    weights = np.clip(0.5 / shrink + 0.5 - distance, 0, 1) * shrink
    # Interpolation extends past the box, where the result stays 0.
    weights[(np.arange(IMAGE_SIDE) + 1e-6) / scale >= pixels] = 0
    return weights.astype(np.float32)
