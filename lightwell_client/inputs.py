"""Inputs of the Python client as request bodies: images as PNG or JPEG, sequences as JSON."""

import base64
import json
import os
import re
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from lightwell_client.answers import Sample

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
WHITE = 255
ROWS = 2  # axes of an image
RGB, RGBA = 3, 4  # channels of colours, behind rows and columns
MNIST = (28, 28)
FLAT = 784  # pixels of an image of MNIST, as tables have them
LSTM_STATES = ("cell", "hidden")

INPUT_KINDS = {"cnn": "image", "lstm": "sequence"}
"""Kind of input of the shipped models; the Python client asks the server for those of others."""


class Drawing(Protocol):
    """Protocol of `PIL.Image.Image`, an input that the Python client does not import."""

    def save(self, fp: Any, format: str | None = None) -> None:  # noqa: A002 - Pillow's name
        """Write an input image to a file, as Pillow does, for the Python client."""


Image: TypeAlias = str | os.PathLike[str] | bytes | np.ndarray | Sample | Drawing
"""Image input of the Python client: path, bytes of a PNG or JPEG, rows of greys, Pillow image.

Grey values are from 0 to 255, or floats from 0 to 1. Axes of length 1 are dropped. An array of
several images, N x H x W or N x H x W x 1 or 3, is a list of them.
"""

Bits: TypeAlias = str | Sequence[float] | np.ndarray
"""Sequence input of the Python client, oldest bit first: "10110", "1, 0, 1" or [1, 0, 1].

Bits may be integers, floats or booleans.
"""

State: TypeAlias = tuple[ArrayLike, ArrayLike] | Mapping[str, ArrayLike]
"""State input of the Python client, before the first step: `final_cell` and `final_hidden`.

Those are tensors of an answer. Other networks than an LSTM have states of other names, by which a
mapping has them: `{"gru1.hidden": …, "gru2.hidden": …}`.
"""


class Body(NamedTuple):
    """Request body of the Python client's inputs, with its media type."""

    content: bytes
    media_type: str


def is_input_list(given: Any, kind: str) -> bool:
    """Return whether an argument of the client is a list of inputs.

    A list of numbers is one sequence, and an array with the axes of several images a list of them.
    """
    if isinstance(given, np.ndarray):
        return given.ndim > 1 if kind == "sequence" else _is_image_stack(given)
    if not isinstance(given, list | tuple):
        return False
    return kind == "image" or any(not _is_number(one) for one in given)


def input_list(given: Any, kind: str) -> Sequence[Any]:
    """Return a client's list of inputs, those of an array of images as PNG.

    Raises:
        TypeError: The array does not hold numbers.
        ValueError: Its values are out of range, or have two meanings.
    """
    if kind == "sequence" or not isinstance(given, np.ndarray):
        return list(given)
    if not len(given):
        return []
    # Of all images together: a dark one with values up to 1 is not taken for floats from 0 to 1.
    return [_png(_rows(one)) for one in _levels(given)]


def _is_image_stack(pixels: np.ndarray) -> bool:
    """Return whether an array of the client is several images: N x H x W, with channels or not.

    An array of one image is that image, with or without the axis: 1 x 28 x 28 and 28 x 28 x 1.
    """
    has_channels = pixels.shape[-1:] in ((1,), (RGB,), (RGBA,))
    return pixels.ndim == ROWS + 1 + has_channels and pixels.shape[0] != 1


def _is_flat_image(values: np.ndarray) -> bool:
    """Return whether an array of the client is an image of MNIST in one line, not a sequence."""
    return values.shape == (FLAT,) and not np.isin(values, (0, 1)).all()


def is_sequence(given: Any) -> bool:
    """Return whether a client's input is a sequence, or a list of them.

    Sequences are texts of 0s and 1s, perhaps with commas or white space, or numbers.
    """
    if isinstance(given, str):
        return re.fullmatch(r"[01,\s]*[01][01,\s]*", given) is not None
    if isinstance(given, np.ndarray):
        return given.ndim == 1 and not _is_flat_image(given)
    if not isinstance(given, list | tuple):
        return False
    return all(_is_number(one) or is_sequence(one) for one in given)


class ExtraFields(NamedTuple):
    """Extra fields of an input in the Python client's JSON body.

    Attributes:
        state: Cell and hidden state before the first step.
        edits: Changes of values inside the network, as in docs/probes.md.
        source: Second input, whose values the edit `patch` copies.
    """

    state: State | None = None
    edits: Sequence[Mapping[str, Any]] | None = None
    source: Any = None


def single_body(given: Any, kind: str, extra: ExtraFields) -> Body:
    """Make the client's body of one input: the picture itself, or JSON for extra fields."""
    if kind == "image" and not isinstance(given, Mapping) and extra == ExtraFields():
        encoded = _encoded(given)
        return Body(encoded, "image/jpeg" if encoded.startswith(JPEG) else "image/png")
    return _json(_entry(given, kind, extra))


def list_body(several: Sequence[Any], kind: str, extra: ExtraFields) -> Body:
    """Make the client's JSON body of several inputs, all with equal extra fields."""
    entries = [_entry(one, kind, extra) for one in several]
    return _json({"inputs": entries})


def _json(content: Any) -> Body:
    return Body(json.dumps(content, default=_plain).encode(), "application/json")


def _entry(given: Any, kind: str, extra: ExtraFields) -> dict[str, Any]:
    """Make the client's JSON object of one input."""
    if isinstance(given, Mapping):
        entry = dict(given)
    elif kind == "image":
        entry = {"image": base64.b64encode(_encoded(given)).decode()}
    else:
        entry = _sequence(given)
    if extra.state is not None:
        entry["initial_state"] = _state(extra.state)
    if extra.edits is not None:
        entry["edits"] = [dict(edit) for edit in extra.edits]
    if extra.source is not None:
        entry["source"] = _entry(extra.source, kind, ExtraFields())
    return entry


def _plain(value: Any) -> Any:
    """Return an array in the client's body as nested lists, and a number of NumPy as Python's.

    Raises:
        TypeError: The value is neither.
    """
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"JSON has no values of the type {type(value).__name__}.")


def _state(state: State) -> dict[str, Any]:
    """Make the client's JSON object of an initial state."""
    named = state if isinstance(state, Mapping) else dict(zip(LSTM_STATES, state, strict=True))
    return {name: np.asarray(one, np.float32).tolist() for name, one in named.items()}


def array_png(pixels: np.ndarray) -> bytes:
    """Encode an input image as PNG in the Python client, with 8 bits a channel.

    The client writes PNG itself so that it needs only httpx2 and NumPy.

    Args:
        pixels: Levels from 0 to 255, or floats from 0 to 1: rows of grey pixels, or H x W x 3.
            Other axes of length 1 are dropped.

    Raises:
        ValueError: The pixels are not rows of such values, or are 0 and 1 only and no floats.
    """
    return _png(_levels(_rows(pixels)))


def _png(pixels: np.ndarray) -> bytes:
    """Encode levels from 0 to 255 of an input image of the client as PNG."""
    height, width = pixels.shape[:ROWS]
    rows = np.zeros(
        (height, 1 + pixels[0].size), np.uint8
    )  # byte 0 of each row is its filter: none
    rows[:, 1:] = pixels.reshape(height, -1)
    colour_type = 0 if pixels.ndim == ROWS else 2
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    return PNG + b"".join(_chunk(kind, content) for kind, content in chunks)


def _rows(pixels: np.ndarray) -> np.ndarray:
    """Return an input image of the client as rows of pixels: 28x28x1 and 1x28x28 are 28x28.

    Raises:
        ValueError: It has another shape, or no pixels.
    """
    shape = pixels.shape
    while pixels.ndim > ROWS and pixels.shape[0] == 1:
        pixels = pixels[0]
    if shape and shape[-1] == FLAT and pixels.ndim <= ROWS:
        raise ValueError(
            f"An image is rows of pixels; this array of the shape {shape} has them in one line: "
            f"reshape it to {(*shape[:-1], *MNIST)}."
        )
    if pixels.ndim == ROWS + 1 and shape[-1] == RGB and pixels.size:
        return pixels
    while pixels.ndim > ROWS and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.ndim != ROWS or not pixels.size:
        raise ValueError(
            f"An image is rows of pixels, H x W or H x W x 3; this array has the shape {shape}."
        )
    return pixels


def _levels(pixels: np.ndarray) -> np.ndarray:
    """Return the pixels of an input image of the client as levels from 0 to 255.

    Raises:
        TypeError: They are not numbers.
        ValueError: They are out of range, or have two meanings.
    """
    if pixels.dtype.kind not in "iubf":
        raise TypeError(
            f"An image holds numbers; this array of the shape {pixels.shape} has the type "
            f"{pixels.dtype}."
        )
    least, most = pixels.min(), pixels.max()
    # Written so that NaN is refused.
    if not (least >= 0 and most <= WHITE):
        raise ValueError(
            "Pixels are integers from 0 to 255, or floats from 0 to 1; this array goes from "
            f"{least} to {most}, and has the shape {pixels.shape}."
        )
    if pixels.dtype.kind == "f" and most <= 1:
        return np.floor(pixels * WHITE + 0.5)
    if 0 < most <= 1:
        raise ValueError(
            "The pixels are 0 and 1 only, which are two levels of black: multiply them by 255, or "
            "make them floats."
        )
    if pixels.dtype.kind == "f" and (pixels % 1).any():
        raise ValueError(
            "The pixels have fractions and values above 1: divide them by 255, or round them."
        )
    return pixels


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of the Python client's PNG: length, type, content and CRC-32."""
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _encoded(image: Any) -> bytes:
    """Encode an input image of any type that the client accepts, as PNG or JPEG."""
    match image:
        case bytes():
            return image
        case str() | os.PathLike():
            return Path(image).read_bytes()
        case np.ndarray():
            return array_png(image)
        case Sample():
            return array_png(image.pixels)
    if not hasattr(image, "save"):
        raise TypeError(
            "An image is a path, the bytes of a PNG or JPEG, an array, a sample or an image of "
            f"Pillow, not {type(image).__name__}."
        )
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _sequence(given: Any) -> dict[str, Any]:
    """Make the client's JSON object of a sequence input.

    The server checks that its values are those of the network.
    """
    if isinstance(given, str):
        return {"sequence": given}
    if isinstance(given, Iterable) and all(_is_number(bit) for bit in given):
        return {"sequence": np.asarray(given).tolist()}
    raise TypeError(
        "A sequence is a text or a list of the numbers 0 and 1; words and rows of numbers are sent "
        'as {"sequence": [...]}.'
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating | np.bool_)
