"""Preparation of pictures for any network of images: cropped and scaled, or taken as they are.

planes -> on white -> grey or RGB -> crop of the network's aspect -> its size -> normalised row
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32, UInt8

from api.errors.problem import body_problem
from api.requests.planes import Planes
from models.data.pictures import fit_pixels
from models.declaration.declaration import ImageSpec
from probes.shared.input_warnings import InputWarning

TAKEN = "The pixels were taken as they are."
VALUES_TAKEN = "The values were taken as they are."
COMPOSED = "Transparent pixels were composed on white."
IN_GREY = "The colours were converted to grey (ITU-R 601)."
IN_COLOURS = "The grey levels were copied to red, green and blue."


LUMA = (19_595, 38_470, 7_471)
"""Weights of red, green and blue in the grey of a picture (ITU-R 601), times 65,536."""

Picture = UInt8[np.ndarray, "height width *channels"]
"""Intensities of a picture, 0 to 255: grey without a channel axis, or RGB with one."""


class NetworkImage(NamedTuple):
    """Image as a network reads it: its row, and its description in the response.

    Attributes:
        row: Input `image` of the network's programs.
        echo: Value of `input` in the response: `pixels` or `values`, and `preparation`.
        warnings: Warnings about the source that its prepared pixels do not show.
    """

    row: np.ndarray
    echo: Mapping[str, Any]
    warnings: tuple[InputWarning, ...] = ()


def prepare_picture(planes: Planes, spec: ImageSpec, preprocess: str) -> NetworkImage:
    """Prepare a picture for a network of images that MNIST's preparation is not for.

    Args:
        planes: Decoded picture, upright, with all of its colours.
        spec: Input of the network.
        preprocess: `fit`, or `none` for a picture of the network's size.

    Raises:
        Problem: With `none`, the picture has another size.
    """
    size = planes.source_size
    if preprocess == "none" and size != [spec.width, spec.height]:
        raise body_problem(
            "invalid-image",
            f"The image is {size[0]} x {size[1]} pixels; preprocess=none takes "
            f"{spec.width} x {spec.height}.",
        )
    pixels = np.ascontiguousarray(fit_pixels(_picture(planes, spec.channels), spec))
    record = _record(preprocess, size, spec, _steps(planes, spec))
    row = spec.normalised(pixels.reshape(spec.height, spec.width, spec.channels))
    return NetworkImage(row, {"pixels": pixels, "preparation": record})


def take_values(
    values: Float32[np.ndarray, "height width channels"], spec: ImageSpec
) -> NetworkImage:
    """Take the numbers that a network of images reads, without preparation."""
    record = _record("none", [spec.width, spec.height], spec, [VALUES_TAKEN])
    shown = values if spec.channels > 1 else values[..., 0]
    return NetworkImage(values, {"values": shown, "preparation": record})


def planes_of(pixels: Picture) -> Planes:
    """Return the planes of a picture that was sent as pixels, in grey or in colours."""
    if pixels.ndim == 2:  # noqa: PLR2004 - rows and columns
        return Planes(pixels)
    grey = (pixels.astype(np.uint32) @ np.array(LUMA, np.uint32) + 32_768) >> 16
    return Planes(grey.astype(np.uint8), colour=pixels)


def _picture(planes: Planes, channels: int) -> Picture:
    """Return a picture in grey or in colours, on white where it is transparent."""
    picture = planes.grey if planes.colour is None or channels == 1 else planes.colour
    if planes.alpha is not None:
        picture = _on_white(picture, planes.alpha)
    is_grey = picture.ndim == 2  # noqa: PLR2004 - rows and columns
    return np.repeat(picture[..., None], channels, -1) if is_grey and channels > 1 else picture


def _on_white(picture: Picture, alpha: UInt8[np.ndarray, "height width"]) -> Picture:
    """Compose a picture with transparency on a white background."""
    opacity = alpha.astype(np.uint32)
    if picture.ndim > alpha.ndim:
        opacity = opacity[..., None]
    composed: Picture = ((picture * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
    return composed


def _steps(planes: Planes, spec: ImageSpec) -> list[str]:
    """Return a sentence for each step of the preparation of a picture."""
    steps = []
    if planes.alpha is not None:
        steps.append(COMPOSED)
    if planes.colour is not None and spec.channels == 1:
        steps.append(IN_GREY)
    if planes.colour is None and spec.channels > 1:
        steps.append(IN_COLOURS)
    size, wanted = planes.source_size, [spec.width, spec.height]
    if size != wanted:
        if size[0] * spec.height != size[1] * spec.width:
            steps.append(f"The centre was cut out, with the aspect {wanted[0]}:{wanted[1]}.")
        steps.append(f"It was scaled to {wanted[0]} x {wanted[1]} pixels.")
    return steps or [TAKEN]


def _record(
    preprocess: str, size: list[int], spec: ImageSpec, steps: list[str]
) -> Mapping[str, Any]:
    """Return the record of a preparation, with the keys of that of MNIST's images."""
    width, height = size
    pixels = min(width / spec.width, height / spec.height)  # of the source in one of the network
    left, top = (width - spec.width * pixels) / 2, (height - spec.height * pixels) / 2
    edges = (left, top, width - left, height - top)
    return {
        "preprocess": preprocess,
        "source_size": size,
        "inverted": False,
        "box": [int(edge) if edge == int(edge) else edge for edge in edges],
        "scale": 1 / pixels,
        "shift": [0, 0],
        "affine": [pixels, 0.0, left, 0.0, pixels, top],
        "steps": steps,
    }
