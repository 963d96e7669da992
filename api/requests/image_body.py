"""Image bodies: an encoded image in base64, or the rows of its pixels."""

import binascii
from typing import Annotated, Any

import numpy as np
from jaxtyping import UInt8
from pydantic import Field, PlainValidator

from api.requests.declared_body import DeclaredInput, declare_body
from api.requests.image_limits import size_fault
from api.requests.json_object import FieldError

DATA_URLS = ("data:image/png;base64,", "data:image/jpeg;base64,")
NOT_BASE64 = (
    "'image' must be base64 (A-Z, a-z, 0-9, + and /, padded with =, no white space), "
    f"alone or after {' or '.join(DATA_URLS)}"
)


def parse_base64(value: object) -> bytes:
    """Decode the field `image` of an image body: strict base64, alone or in a data URL.

    Args:
        value: A string; bytes of a raw body or of a form are taken as they are.

    Raises:
        FieldError: It is not a string, or not base64.
    """
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise FieldError("invalid-body", "'image' must be a text: base64 or a data URL.")
    prefix = next((url for url in DATA_URLS if value.startswith(url)), "")
    text = value[len(prefix) :]
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError:
        data = None
    # Strict mode accepts padding that is not needed.
    if data is None or 4 * len(data) != 3 * len(text) - 4 * text.count("="):
        raise FieldError("invalid-body", NOT_BASE64)
    return data


def parse_pixels(value: object) -> UInt8[np.ndarray, "height width"]:
    """Parse the field `pixels` of an image body: rows of integers from 0 to 255.

    Raises:
        FieldError: It is empty, ragged, or has another value.
    """
    if not isinstance(value, list) or not value:
        raise FieldError("invalid-image", "'pixels' must be a list of rows, at least 1.")
    width = len(value[0]) if isinstance(value[0], list) else 0
    rows = [_parse_row(row, number, width) for number, row in enumerate(value)]
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), width)


def _parse_row(row: object, number: int, width: int) -> bytes:
    if not isinstance(row, list) or not row:
        fault = "must be a list of at least 1 integer"
    elif len(row) != width:
        fault = f"has {len(row)} values, row 0 has {width}"
    # By exact type: to Python True is an integer, and what 0.5 means would be a guess.
    elif set(map(type, row)) != {int} or min(row) < 0 or max(row) > 255:  # noqa: PLR2004
        fault = "must hold integers from 0 to 255 only"
    else:
        return bytes(row)
    raise FieldError("invalid-image", f"Row {number} of 'pixels' {fault}.", number)


EncodedImage = Annotated[bytes, PlainValidator(parse_base64, json_schema_input_type=str)]
PixelRows = Annotated[
    np.ndarray, PlainValidator(parse_pixels, json_schema_input_type=list[list[int]])
]


class ImageInput(DeclaredInput):
    """Image in a JSON body: exactly one of `image` and `pixels`."""

    noun = "An image"
    image: EncodedImage | None = Field(None, description="PNG or JPEG in base64, or as a data URL.")
    pixels: PixelRows | None = Field(
        None, description="Rows of integers: 0 is background, 255 is full foreground."
    )

    @classmethod
    def check_keys(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Check that an image body has one image, and its size before its pixels are read."""
        if ("image" in given) == ("pixels" in given):
            raise FieldError("invalid-body", "There must be exactly one of 'image' and 'pixels'.")
        rows = given.get("pixels")
        if isinstance(rows, list) and rows and isinstance(rows[0], list) and rows[0]:
            fault = size_fault(len(rows[0]), len(rows))
            if fault is not None:
                raise FieldError("invalid-image", fault)
        return super().check_keys(given)


ImageBody = declare_body(
    "ImageBody", ImageInput, "1 to 64 images; the answer has `answers`, in the same order."
)
