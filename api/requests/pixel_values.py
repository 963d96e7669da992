"""Colours and floats of an image in a JSON body, for networks that MNIST's preparation is not for.

`pixels` are intensities of grey or RGB; `values` are the numbers that the network's first layer
reads, as they are.
"""

from itertools import chain
from math import prod
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from pydantic import ValidationInfo

from api.requests.image_limits import size_fault
from api.requests.json_object import FieldError, network_of
from api.requests.pixel_rows import (
    TAKEN,
    as_levels,
    parse_pixels,
    row_fault,
    value_fault,
    without_first_axes,
)

RGB = 3
MAX_VALUE = 1_000_000
"""Largest magnitude of a value of an image, or of a feature of a sequence."""

NOT_ROWS = "'pixels' must be a list of rows, at least 1."


def parse_picture(
    value: object, info: ValidationInfo
) -> UInt8[np.ndarray, "height width *channels"]:
    """Parse the field `pixels` of an image body: grey, or for other networks than MNIST's RGB.

    Raises:
        FieldError: It is empty, ragged, has another shape or another value, or is over a limit.
    """
    if network_of(info).image.prepare == "mnist":
        return parse_pixels(value)
    if not isinstance(value, list) or not value:
        raise FieldError("invalid-image", NOT_ROWS)
    # One row of colours, 1 x W x 3, has the form of rows in one more list, 1 x H x W.
    rows = value if _last_length(value) in {1, RGB} else without_first_axes(value)
    lines, shape = _lines(rows)
    if (fault := size_fault(shape[1], shape[0])) is not None:
        raise FieldError("invalid-image", fault)
    for number, line in enumerate(lines):
        if (found := value_fault(line)) is not None:
            raise row_fault(number, f"has {found}; {TAKEN}.")
    types = set(map(type, chain.from_iterable(lines)))
    if types == {int}:
        levels = np.array(lines, np.uint8)
    else:
        levels = as_levels(np.array(lines, np.float64), types)
    return levels.reshape(shape)


def _lines(rows: list[Any]) -> tuple[list[list[Any]], tuple[int, ...]]:
    """Return rows of pixels with the channels of each row in one list, and the shape of all.

    Raises:
        FieldError: A row is no list, or has another length or number of channels than the first.
    """
    width, depth = _length(rows[0]), None
    lines = []
    for number, row in enumerate(rows):
        if not isinstance(row, list) or not row:
            raise row_fault(number, "must be a list of at least 1 pixel.")
        if len(row) != width:
            raise row_fault(number, f"has {len(row)} pixels, row 0 has {width}.")
        if depth is None:
            depth = _length(row[0])
            if depth not in {0, 1, RGB}:
                raise FieldError("invalid-image", _wrong_depth(len(rows), width, depth))
        if depth and not all(isinstance(cell, list) and len(cell) == depth for cell in row):
            raise row_fault(number, f"must have {depth} numbers in every pixel, as the first has.")
        lines.append(list(chain.from_iterable(row)) if depth else row)
    return lines, (len(rows), width, *([RGB] if depth == RGB else []))


def _last_length(value: object) -> int | None:
    """Return the length of the innermost lists of H x W x C by the first; None of other lists."""
    for _ in range(2):
        value = value[0] if isinstance(value, list) and value else None
    if not isinstance(value, list) or not value or isinstance(value[0], list):
        return None
    return len(value)


def _length(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


def _wrong_depth(height: int, width: int, depth: int) -> str:
    """Return the sentence about pixels with another number of channels than 1 and 3."""
    way_out = (
        "move the channels behind the columns" if height in {1, RGB} else "leave out transparency"
    )
    return (
        f"'pixels' has the shape {height} x {width} x {depth}; it must be H x W or H x W x 3: "
        f"{way_out}."
    )


def parse_values(
    value: object, info: ValidationInfo
) -> Float32[np.ndarray, "height width channels"]:
    """Parse the field `values` of an image body: the numbers that the first layer reads.

    Raises:
        FieldError: They have another shape than the network's images, or a value is no number or
            beyond `MAX_VALUE`.
    """
    image = network_of(info).image
    shape = (image.height, image.width, image.channels)
    found = _numbers(value, shape, prod(shape))
    if found is None:
        size = " x ".join(map(str, shape if image.channels > 1 else shape[:2]))
        reason = (
            f"'values' must be {size} numbers from -{MAX_VALUE:,} to {MAX_VALUE:,} in nested "
            "lists: rows, columns" + (", channels." if image.channels > 1 else ".")
        )
        raise FieldError("invalid-image", reason)
    return found


def _numbers(
    value: object, shape: tuple[int, ...], count: int
) -> Float32[np.ndarray, "height width channels"] | None:
    """Return nested lists of numbers as an array; None where they have another shape or type."""
    flat: list[Any] = [value]
    sizes = shape if shape[-1] > 1 or _depth(value) == len(shape) else shape[:-1]
    for size in sizes:
        if not all(isinstance(one, list) and len(one) == size for one in flat):
            return None
        flat = list(chain.from_iterable(flat))
    # By exact type: to Python True is an integer.
    if len(flat) != count or not {int, float}.issuperset(map(type, flat)):
        return None
    found = np.array(flat, np.float64)
    if not (np.abs(found) <= MAX_VALUE).all():
        return None
    return found.astype(np.float32).reshape(shape)


def _depth(value: object) -> int:
    depth = 0
    while isinstance(value, list) and value:
        depth, value = depth + 1, value[0]
    return depth
