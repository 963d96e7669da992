"""Image bodies: an encoded image in base64, or the rows of its pixels."""

from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import Field, PlainValidator

from api.requests.base64_image import parse_base64
from api.requests.declared_body import DeclaredInput, declare_body
from api.requests.image_limits import size_fault
from api.requests.json_object import FieldError
from api.requests.pixel_rows import size_of
from api.requests.pixel_values import parse_picture, parse_values
from models.architecture import Architecture

EncodedImage = Annotated[bytes, PlainValidator(parse_base64, json_schema_input_type=str)]
PixelRows = Annotated[
    np.ndarray,
    PlainValidator(parse_picture, json_schema_input_type=list[list[float | list[float]]]),
]
Values = Annotated[
    np.ndarray,
    PlainValidator(parse_values, json_schema_input_type=list[list[float | list[float]]]),
]

NO_VALUES = (
    "'values' are for networks that read floats; the images of this one are prepared as MNIST's, "
    "and are integers: send 'pixels'."
)


class ImageInput(DeclaredInput):
    """Image in a JSON body: exactly one of `image`, `pixels` and `values`."""

    noun = "An image"
    image: EncodedImage | None = Field(None, description="PNG or JPEG in base64, or as a data URL.")
    pixels: PixelRows | None = Field(
        None,
        description="Rows of integers: 0 is background, 255 is full foreground; or of floats from "
        "0 to 1. For networks of colours each pixel may be a list of red, green and blue.",
    )
    values: Values | None = Field(
        None,
        description="Numbers that the network reads as they are, in rows of pixels; for networks "
        "whose images are not prepared as MNIST's. Every pixel is a list of its channels where "
        "there are three.",
    )

    @classmethod
    def refused_keys(cls, network: Architecture) -> Mapping[str, str]:
        """Return the keys of an image body that a network does not read, and why."""
        return {"values": NO_VALUES} if network.image.prepare == "mnist" else {}

    @classmethod
    def check_keys(cls, given: dict[str, Any], network: Architecture) -> dict[str, Any]:
        """Check that an image body has one image, and its size before its pixels are read."""
        if sum(key in given for key in ("image", "pixels", "values")) != 1:
            listed = "'image' and 'pixels'"
            if not cls.refused_keys(network):
                listed = "'image', 'pixels' and 'values'"
            raise FieldError("invalid-body", f"There must be exactly one of {listed}.")
        size = size_of(given.get("pixels"))
        if size is not None and (fault := size_fault(*size)) is not None:
            raise FieldError("invalid-image", fault)
        return super().check_keys(given, network)


ImageBody = declare_body(
    "ImageBody", ImageInput, "1 to 64 images; the answer has `answers`, in the same order."
)
