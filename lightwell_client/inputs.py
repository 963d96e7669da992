"""What is sent: every form in which an image or a sequence may be at hand → a body."""

import base64
import json
import os
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

READS = {"cnn": "image", "lstm": "sequence"}
"""What each model reads."""


class Drawing(Protocol):
    """An image of Pillow."""

    def save(self, fp: Any, format: str | None = None) -> None:  # noqa: A002 - Pillow's name
        """Write it."""


Image: TypeAlias = str | os.PathLike[str] | bytes | np.ndarray | Sample | Drawing
"""A path; the bytes of a PNG or JPEG; rows of grey, integers from 0 to 255; an image of Pillow."""

Bits: TypeAlias = str | Sequence[int] | np.ndarray
"""A sequence, oldest bit first: "10110" or [1, 0, 1, 1, 0]."""

State: TypeAlias = tuple[ArrayLike, ArrayLike]
"""A state to start from: `final_cell` and `final_hidden` of an answer."""


class Body(NamedTuple):
    """What is sent."""

    content: bytes
    media_type: str


def is_several(given: Any, model: str) -> bool:
    """Tell a list of inputs from one input: a list of integers is one sequence."""
    if isinstance(given, np.ndarray):
        return READS[model] == "sequence" and given.ndim > 1
    if not isinstance(given, list | tuple):
        return False
    return READS[model] == "image" or any(not _is_integer(one) for one in given)


def reads_as_bits(given: Any) -> bool:
    """Tell sequences from images: a text of 0s and 1s or integers in a row are a sequence."""
    if isinstance(given, str):
        return bool(given) and not given.strip("01")
    if isinstance(given, np.ndarray):
        return given.ndim == 1
    if not isinstance(given, list | tuple):
        return False
    return all(_is_integer(one) or reads_as_bits(one) for one in given)


class Beside(NamedTuple):
    """What is sent beside an input, where something is.

    Attributes:
        state: A state to start from.
        edits: What is done to values on their way, as the server's documentation says.
        source: A second input, whose values edits may take.
    """

    state: State | None = None
    edits: Sequence[Mapping[str, Any]] | None = None
    source: Any = None


def alone(given: Any, model: str, beside: Beside) -> Body:
    """Make the body for one input."""
    if READS[model] == "image" and beside == Beside():
        encoded = _encoded(given)
        return Body(encoded, "image/jpeg" if encoded.startswith(JPEG) else "image/png")
    return Body(json.dumps(_entry(given, model, beside)).encode(), "application/json")


def together(several: Sequence[Any], model: str, beside: Beside) -> Body:
    """Make the body for several inputs, all with the same beside them."""
    entries = [_entry(one, model, beside) for one in several]
    return Body(json.dumps({"inputs": entries}).encode(), "application/json")


def _entry(given: Any, model: str, beside: Beside) -> dict[str, Any]:
    """Make the JSON object of one input."""
    if READS[model] == "image":
        entry: dict[str, Any] = {"image": base64.b64encode(_encoded(given)).decode()}
    else:
        entry = _sequence(given, beside.state)
    if beside.edits is not None:
        entry["edits"] = [dict(edit) for edit in beside.edits]
    if beside.source is not None:
        entry["source"] = _entry(beside.source, model, Beside())
    return entry


def grey_png(pixels: np.ndarray) -> bytes:
    """Write a grey image of 8 bits a pixel.

    Raises:
        TypeError: The pixels are not integers.
        ValueError: They are not rows of 0 to 255.
    """
    if pixels.dtype.kind not in "iub":
        raise TypeError(
            "An image of floats may be meant from 0 to 1 or to 255; an array must hold integers "
            "from 0 to 255, such as (255 * image).round().astype(np.uint8)."
        )
    if pixels.ndim != 2 or not pixels.size or pixels.min() < 0 or pixels.max() > WHITE:  # noqa: PLR2004 - rows
        raise ValueError(
            f"An image is rows of integers from 0 to 255; this array has the shape {pixels.shape}"
            + (f" and goes from {pixels.min()} to {pixels.max()}." if pixels.size else ".")
        )
    height, width = pixels.shape
    rows = np.zeros((height, 1 + width), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = pixels
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    return PNG + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Frame a chunk of a PNG: its length, kind, content and checksum."""
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _encoded(image: Any) -> bytes:
    """Turn an image, in whatever form it is at hand, into a PNG or JPEG."""
    match image:
        case bytes():
            return image
        case str() | os.PathLike():
            return Path(image).read_bytes()
        case np.ndarray():
            return grey_png(image)
        case Sample():
            return grey_png(image.pixels)
    if not hasattr(image, "save"):
        raise TypeError(
            "An image is a path, the bytes of a PNG or JPEG, an array, a sample or an image of "
            f"Pillow, not {type(image).__name__}."
        )
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _sequence(given: Any, state: State | None) -> dict[str, Any]:
    """Make the JSON object of one sequence; whether it is one of 0 and 1, the server says."""
    if isinstance(given, str):
        entry: dict[str, Any] = {"sequence": given}
    elif isinstance(given, Iterable) and all(_is_integer(bit) for bit in given):
        entry = {"sequence": [int(bit) for bit in given]}
    else:
        raise TypeError("A sequence is a text or a list of the integers 0 and 1.")
    if state is not None:
        cell, hidden = (np.asarray(one, np.float32).tolist() for one in state)
        entry["initial_state"] = {"cell": cell, "hidden": hidden}
    return entry


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer | np.bool_)
