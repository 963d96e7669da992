"""A grey picture of any size -> the 28x28 field, prepared as the MNIST images were.

    planes -> opaque grey -> ink on a ground of 0 -> ink's box -> 20 pixels long -> centre of mass

What is already in MNIST's form passes untouched, and whatever comes out is in that form: preparing
twice is preparing once, to the bit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from api.requests.foreground import IMAGE_SIDE, LOSS, Box, Planes, ink_box, ink_of, opaque

BOX = 20  # pixels: the longer side of the ink in MNIST
CENTRE = 14  # in all 10,000 MNIST test images the centre of mass rounds to this pixel
SHORTEST = 18  # pixels: ink this long in a 28x28 picture already has MNIST's size (the data: 19)
_MASS_AND_MOMENTS = (
    np.stack(
        [np.ones((IMAGE_SIDE, IMAGE_SIDE)), *np.mgrid[:IMAGE_SIDE, :IMAGE_SIDE]]
    )  # of every pixel: 1, its y and x
    .reshape(3, -1)
    .astype(np.float32)
)
STROKE = 240  # level of a stroke: 99 % of MNIST images have a tenth of their ink above it


@dataclass(frozen=True)
class PreparedImage:
    """What the network really sees, and how it came to be.

    Attributes:
        pixels: The network's input times 255: 0 is ground, 255 is full ink.
        preparation: What was done: `preprocess`; `source_size`, width and height the right way up;
            `inverted`, whether the ink was darker than its ground; `box`, the ink's left, top,
            right and bottom in source pixels (None where blank); `scale` and `shift`, which take
            a source point to the field by (point - box's left or top) * scale + shift; and
            `affine`, the way back: (a, b, c, d, e, f) with x = a u + b v + c, y = d u + e v + f
            for a point (u, v) of the field. Coordinates count from the top left corner of the top
            left pixel, so that pixel's centre is (0.5, 0.5).
    """

    pixels: UInt8[np.ndarray, "28 28"]
    preparation: Mapping[str, Any]


def as_mnist(planes: Planes) -> PreparedImage:
    """Prepare a picture of one digit as the MNIST images were prepared.

    The picture is laid on an opaque ground (a transparent one is ground), the ground is taken
    off (a level, or a slope where a photo has one) and the ink made light on dark, whichever it
    was. The ink's box is scaled to 20 pixels along its longer side, keeping its aspect, by area
    (linearly where it must grow); strokes that grew faint by that are raised to the level
    MNIST's have; and the whole is moved by full pixels until its centre of mass rounds to pixel
    (14, 14), as it does in MNIST, or its box meets the edge of the field.

    Returns:
        All zeros where there is no ink: nothing that stands out by 32 grey levels or more.

    References:
        LeCun, Bottou, Bengio & Haffner (1998), Gradient-based learning applied to document
        recognition, section III-A.
    """
    if (box := _box_as_it_is(planes)) is not None:
        return _unchanged(planes.grey, box, inverted=False)
    ink, inverted = ink_of(opaque(planes), LOSS if planes.lossy else 0)
    if (box := _box_in_form(ink)) is not None:
        return _unchanged(ink.astype(np.uint8), box, inverted=inverted)
    if (box := ink_box(ink)) is None:
        return _blank(planes.size)
    pixels, box, scale, shift = _fitted(ink, box)
    return PreparedImage(pixels, _preparation("mnist", planes.size, box, scale, shift, inverted))


def _unchanged(pixels: UInt8[np.ndarray, "28 28"], box: Box, *, inverted: bool) -> PreparedImage:
    """Take ink that is already in form as it is."""
    shift = (box.left, box.top)
    return PreparedImage(
        pixels, _preparation("mnist", [IMAGE_SIDE, IMAGE_SIDE], box, 1.0, shift, inverted=inverted)
    )


def as_it_is(planes: Planes) -> PreparedImage:
    """Take a 28x28 picture as the network's input; what is transparent is 0."""
    grey = planes.grey
    if planes.alpha is not None:
        grey = np.rint(grey * (planes.alpha / np.float32(255))).astype(np.uint8)
    whole = Box(0, 0, IMAGE_SIDE, IMAGE_SIDE)
    return PreparedImage(
        grey, _preparation("none", planes.size, whole, 1.0, (0, 0), inverted=False)
    )


def _preparation(
    preprocess: str,
    size: list[int],
    box: Box | None,
    scale: float,
    shift: tuple[int, int],
    inverted: bool,
) -> Mapping[str, Any]:
    left, top = (box.left, box.top) if box else (0, 0)
    return {
        "preprocess": preprocess,
        "source_size": size,
        "inverted": inverted,
        "box": list(box) if box else None,
        "scale": scale,
        "shift": list(shift),
        "affine": [1 / scale, 0.0, left - shift[0] / scale, 0.0, 1 / scale, top - shift[1] / scale],
    }


def _blank(size: list[int]) -> PreparedImage:
    """Return the empty field, with the whole picture laid into the box for the way back."""
    scale = BOX / max(size)
    shift = (round((IMAGE_SIDE - size[0] * scale) / 2), round((IMAGE_SIDE - size[1] * scale) / 2))
    pixels = np.zeros((IMAGE_SIDE, IMAGE_SIDE), np.uint8)
    return PreparedImage(pixels, _preparation("mnist", size, None, scale, shift, inverted=False))


def _box_as_it_is(planes: Planes) -> Box | None:
    """Return the box of a picture that is just as MNIST's are before anything is done to it.

    Its ground is exactly 0, so that nothing has to come off.
    """
    grey = planes.grey
    if grey.shape != (IMAGE_SIDE, IMAGE_SIDE) or planes.alpha is not None or planes.lossy:
        return None
    box = _box_in_form(grey)
    if box is None or (min(box.left, box.top) > 0 and max(box.right, box.bottom) < IMAGE_SIDE):
        return box
    inked = sum(map(np.count_nonzero, (grey[0], grey[-1], grey[:, 0], grey[:, -1])))
    return box if inked < 2 * IMAGE_SIDE - 1 else None  # of the border; its median and grain are 0


def _box_in_form(ink: np.ndarray) -> Box | None:
    """Return the box of a picture, ink on a ground of 0, that is just as MNIST's are, or None."""
    if ink.shape != (IMAGE_SIDE, IMAGE_SIDE) or ink.flat[ink.argmax()] < STROKE:
        return None
    whole = ink.astype(np.uint8, copy=False)
    if whole is not ink and not np.array_equal(ink, whole):
        return None
    box, centring = _placed(whole)
    return box if SHORTEST <= box.long_side <= BOX and centring == (0, 0) else None


def _placed(ink: UInt8[np.ndarray, "28 28"]) -> tuple[Box, tuple[int, int]]:
    """Return the box of ink in the field, and how far right and down it must go within the field.

    Args:
        ink: Not all of it 0.
    """
    # Whole numbers under 2^24, which float32 has all: the centre of mass is exact, on any machine.
    total, by_y, by_x = map(int, _MASS_AND_MOMENTS @ ink.reshape(-1).astype(np.float32))
    first, end = _ends(ink.tobytes())
    left, right = _ends(np.bitwise_or.reduce(ink).tobytes())
    top, bottom = first // IMAGE_SIDE, -(-end // IMAGE_SIDE)
    shift = (_to_centre(left, right, by_x, total), _to_centre(top, bottom, by_y, total))
    return Box(left, top, right, bottom), shift


def _ends(values: bytes) -> tuple[int, int]:
    """Return where what is not 0 begins and ends."""
    return len(values) - len(values.lstrip(b"\0")), len(values.rstrip(b"\0"))


def _to_centre(first: int, end: int, moment: int, total: int) -> int:
    """Return how far ink has to move along one axis, within the field, to be centred."""
    to_centre = CENTRE - (2 * moment + total) // (2 * total)
    return min(max(to_centre, -first), IMAGE_SIDE - end)


def _fitted(
    ink: Float32[np.ndarray, "height width"], box: Box
) -> tuple[UInt8[np.ndarray, "28 28"], Box, float, tuple[int, int]]:
    """Scale the ink in a box and put it in its place; return the box, scale and shift used."""
    stretch = 1.0
    for _ in range(16):
        sized = ink.shape == (IMAGE_SIDE, IMAGE_SIDE) and SHORTEST <= box.long_side <= BOX
        scale = 1.0 if sized else stretch * BOX / box.long_side
        pixels = _scaled(ink[box.top : box.bottom, box.left : box.right], scale)
        found, (right, down) = _placed(pixels)
        if found.long_side >= SHORTEST:
            break
        # The outermost ink was too faint to be seen at this size: the box was drawn too wide.
        smaller = Box(
            box.left + int(found.left / scale),
            box.top + int(found.top / scale),
            min(box.right, box.left + int(np.ceil(found.right / scale))),
            min(box.bottom, box.top + int(np.ceil(found.bottom / scale))),
        )
        # Of a few pixels, whose outermost fade out between their centres, no less can be taken.
        stretch = stretch * (BOX - 0.5) / found.long_side if smaller == box else 1.0
        box = smaller
    return np.roll(pixels, (down, right), axis=(0, 1)), box, scale, (right, down)


def _scaled(ink: Float32[np.ndarray, "height width"], scale: float) -> UInt8[np.ndarray, "28 28"]:
    """Scale ink into the top left of the field, its strokes at the level MNIST's have."""
    rows, columns = _weights(ink.shape[0], scale), _weights(ink.shape[1], scale)
    field = rows @ ink @ columns.T
    stroke = np.percentile(field[field > field.max() / 16], 90)
    # What grows keeps its faintest edge, so that its box stays as long as it was made.
    whole = np.ceil if scale > 1 else np.rint
    pixels: UInt8[np.ndarray, "28 28"] = whole(
        np.minimum(field * max(1, STROKE / stroke), 255)
    ).astype(np.uint8)
    return pixels


def _weights(pixels: int, scale: float) -> Float32[np.ndarray, "28 width"]:
    """Return each source pixel's share in each pixel of the field, along one axis.

    The share is the overlap of the two where the picture shrinks, and linear interpolation where
    it grows: one formula for both. At a scale of 1 it is the identity.
    """
    shrink = min(scale, 1)
    centres = (np.arange(IMAGE_SIDE) + 0.5) / scale
    distance = np.abs(centres[:, None] - (np.arange(pixels) + 0.5)[None, :])
    weights = np.clip(0.5 / shrink + 0.5 - distance, 0, 1) * shrink
    # Interpolation reaches past the box, where the field stays empty.
    weights[(np.arange(IMAGE_SIDE) + 1e-6) / scale >= pixels] = 0
    return weights.astype(np.float32)
