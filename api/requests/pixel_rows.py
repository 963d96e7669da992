"""Rows of pixels in a JSON body: integers from 0 to 255, or floats from 0 to 1."""

from typing import Any

import numpy as np
from jaxtyping import Float64, UInt8

from api.requests.json_object import FieldError

WHITE = 255
CHANNELS = (2, 3, 4)  # lengths of an axis of colours

TAKEN = "pixels are integers from 0 to 255, or floats from 0 to 1"
MASK = (
    "'pixels' has the integers 0 and 1 only, which are two levels of black: multiply them by 255, "
    "or write them as floats, 0.0 and 1.0."
)


def parse_pixels(value: object) -> UInt8[np.ndarray, "height width"]:
    """Parse the field `pixels` of an image body to its grey levels.

    Integers, and floats of whole numbers up to 255, are levels. Where all values are from 0 to 1,
    and are floats or some have a fraction, they are scaled by 255. Axes of length 1 around rows and
    columns are dropped: 28x28x1, 1x28x28.

    Raises:
        FieldError: It is empty, ragged, has another shape or another value, or has 0 and 1 only.
    """
    if not isinstance(value, list) or not value:
        raise FieldError("invalid-image", "'pixels' must be a list of rows, at least 1.")
    rows = _drop_last_axes(without_first_axes(value))
    width = len(rows[0]) if isinstance(rows[0], list) else 0
    levels = [_levels(row, width) for row in rows]
    if None in levels:
        return _parse_other_pixels(value, rows)
    flat = b"".join(levels)  # type: ignore[arg-type]
    if not flat.strip(b"\0\1") and 1 in flat:
        raise FieldError("invalid-image", MASK)
    return np.frombuffer(flat, np.uint8).reshape(len(rows), width)


def size_of(value: object) -> tuple[int, int] | None:
    """Return width and height of rows of pixels by the first row; None where it is no row."""
    rows = without_first_axes(value)
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list) or not rows[0]:
        return None
    cell = rows[0][0]
    return None if isinstance(cell, list) and len(cell) != 1 else (len(rows[0]), len(rows))


def _levels(row: object, width: int) -> bytes | None:
    """Return a row of integers from 0 to 255 as bytes; None where it is anything else."""
    # By exact type: to Python True is an integer.
    if not isinstance(row, list) or len(row) != width or set(map(type, row)) != {int}:
        return None
    try:
        return bytes(row)
    except ValueError:
        return None


def without_first_axes(value: Any) -> Any:
    """Drop axes of length 1 in front of the rows of an image: 1x28x28 is 28x28."""
    while _is_row(value) and len(value) == 1 and _is_row(value[0]) and _is_row(value[0][0]):
        value = value[0]
    return value


def _drop_last_axes(rows: list[Any]) -> list[Any]:
    """Drop axes of length 1 within the pixels of an image: 28x28x1 is 28x28."""
    while _is_row(rows[0]) and _is_row(rows[0][0]):
        if not all(_is_row(row) and all(_is_row(cell, 1) for cell in row) for row in rows):
            break
        rows = [[cell[0] for cell in row] for row in rows]
    return rows


def _is_row(value: object, length: int | None = None) -> bool:
    return isinstance(value, list) and bool(value) and length in {None, len(value)}


def _parse_other_pixels(value: list[Any], rows: list[Any]) -> UInt8[np.ndarray, "height width"]:
    """Parse rows that are not all integers from 0 to 255: floats, or the fault of the first.

    Args:
        value: The field as it came, for its shape.
        rows: The same without axes of length 1.
    """
    _check_shape(value, rows)
    width = len(rows[0])
    for number, row in enumerate(rows):
        if len(row) != width:
            raise row_fault(number, f"has {len(row)} values, row 0 has {width}.")
        if (fault := value_fault(row)) is not None:
            raise row_fault(number, f"has {fault}; {TAKEN}.")
    return as_levels(np.array(rows, np.float64), {type(one) for row in rows for one in row})


def as_levels(
    numbers: Float64[np.ndarray, "height width"], types: set[type]
) -> UInt8[np.ndarray, "height width"]:
    """Return numbers from 0 to 255 as grey levels; those from 0 to 1 are scaled by 255."""
    fractions = numbers % 1 != 0
    if numbers.max() <= 1:
        # JavaScript and R write 1.0 as 1: a fraction in any pixel says that all are floats.
        if types != {float} and not fractions.any() and numbers.any():
            raise FieldError("invalid-image", MASK)
        return np.floor(numbers * WHITE + 0.5).astype(np.uint8)
    if fractions.any():
        number = int(fractions.any(axis=1).argmax())
        fault = "has a fraction, and 'pixels' has values above 1: divide all by 255, or round them."
        raise row_fault(number, fault)
    return numbers.astype(np.uint8)


def _check_shape(value: list[Any], rows: list[Any]) -> None:
    """Raise where the lists of an image are not those of rows and columns."""
    shape = _shape_of(value)
    if len(shape) == 1 and all(isinstance(one, int | float) for one in value):
        reason = (
            f"'pixels' is one list of {shape[0]} numbers: write a list of rows, such as 28 lists "
            "of 28 numbers."
        )
        raise FieldError("invalid-image", reason)
    for number, row in enumerate(rows):
        if not _is_row(row):
            raise row_fault(number, "must be a list of at least 1 number.")
    if _is_row(rows[0][0]):
        size = " x ".join(map(str, shape))
        reason = f"'pixels' has the shape {size}; it must be H x W, H x W x 1 or 1 x H x W"
        raise FieldError("invalid-image", f"{reason}: {_way_out(shape)}.")


def _way_out(shape: tuple[int, ...]) -> str:
    """Return the request to make instead of pixels of three axes or more."""
    if shape[-1] in CHANNELS or shape[-3] in CHANNELS:
        return "make the colours grey, or send them as a PNG in 'image'"
    return "send several images as 'inputs'"


def _shape_of(value: Any) -> tuple[int, ...]:
    """Return the lengths of nested lists by the first of each."""
    shape = []
    while isinstance(value, list) and value:
        shape.append(len(value))
        value = value[0]
    return tuple(shape)


def value_fault(row: list[Any]) -> str | None:
    """Return the fault of the values of a row; None where all are numbers from 0 to 255."""
    types = set(map(type, row))
    for kind, fault in (
        (list, "a list for a number"),
        (str, "a text for a number: write it without quotes"),
        (type(None), "null for a number, which is how some programs write NaN"),
        (bool, "true or false: write 255 and 0"),
        (dict, "an object for a number"),
    ):
        if kind in types:
            return fault
    if min(row) < 0:
        return "a value below 0"
    return "a value above 255" if max(row) > WHITE else None


def row_fault(number: int, fault: str) -> FieldError:
    """Return the error of one row of pixels."""
    return FieldError("invalid-image", f"Row {number} of 'pixels' {fault}", number)
