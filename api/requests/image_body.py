"""Image bodies: an encoded image in base64, or the rows of its pixels."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field, PlainValidator

from api.requests.base64_image import parse_base64
from api.requests.declared_body import DeclaredInput, declare_body
from api.requests.image_limits import size_fault
from api.requests.json_object import FieldError
from api.requests.pixel_rows import parse_pixels, size_of

EncodedImage = Annotated[bytes, PlainValidator(parse_base64, json_schema_input_type=str)]
PixelRows = Annotated[
    np.ndarray, PlainValidator(parse_pixels, json_schema_input_type=list[list[float]])
]


class ImageInput(DeclaredInput):
    """Image in a JSON body: exactly one of `image` and `pixels`."""

    noun = "An image"
    image: EncodedImage | None = Field(None, description="PNG or JPEG in base64, or as a data URL.")
    pixels: PixelRows | None = Field(
        None,
        description="Rows of integers: 0 is background, 255 is full foreground; or of floats from "
        "0 to 1.",
    )

    @classmethod
    def check_keys(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Check that an image body has one image, and its size before its pixels are read."""
        if ("image" in given) == ("pixels" in given):
            raise FieldError("invalid-body", "There must be exactly one of 'image' and 'pixels'.")
        size = size_of(given.get("pixels"))
        if size is not None and (fault := size_fault(*size)) is not None:
            raise FieldError("invalid-image", fault)
        return super().check_keys(given)


ImageBody = declare_body(
    "ImageBody", ImageInput, "1 to 64 images; the answer has `answers`, in the same order."
)
