"""Bytes of memory that a request holds at its worst, from admission until its answer is sent.

Counted are inputs, outputs that are kept until the end, and the encoded answer. Decoding, drawing
and encoding are work of a few threads, for which the memory budget has a reserve.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from api.responses.negotiation import MAX_JSON_BYTES, Format
from models.architecture import LEAST_CHUNK, Architecture
from models.registry import ResidentModel
from probes.declaration import Probe, ProbeCall
from probes.output.render import PictureFormat

KERNEL_AXES = 4
"""Axes of the kernel of a convolution, that a request shows."""

KIB = 1024

REQUEST_BYTES = 64 * KIB
"""Bytes that any request holds: its scope, headers, tasks and timers."""

INPUT_BYTES = 16 * KIB
"""Bytes that each input of a request holds besides its arrays: its echo, call and warnings."""

TEXT_PER_BYTE = 3.5
"""Bytes of JSON text that a request holds for each byte of float32: 14 characters of a number."""

BASE64_PER_BYTE = 1.34
"""Bytes of JSON text that a request holds for each byte of values in base64."""

ANSWER_BYTES: Mapping[Format, int] = {
    "json": 16 * KIB,
    "png": 192 * KIB,
    "svg": 192 * KIB,
    "pdf": 192 * KIB,
    "npz": 32 * KIB,
    "safetensors": 32 * KIB,
}
"""Bytes of an answer that a request holds besides its values: metadata; a small picture."""

ANALYSIS_ANSWER_BYTES = 128 * KIB
"""Bytes of the answer of an analysis, whose tensors are small."""

PICTURE_BYTES_PER_VALUE: Mapping[PictureFormat, int] = {"png": 6, "svg": 4, "pdf": 8}
"""Bytes of a picture that a request holds for each value, at scale 1: its colour, which noise
cannot be compressed below; in a small map of a PDF it is a rectangle."""

PICTURE_BYTES_PER_TILE: Mapping[PictureFormat, int] = {"png": 0, "svg": 400, "pdf": 40}
"""Bytes of a picture that a request holds for each map: in SVG each is an image in base64, with a
place, an outline and a caption."""

ENLARGED_BYTES = 128 * KIB
"""Bytes of a PNG that a request holds for each further scale, besides those of its values."""

LARGEST_SCALE = 4
"""Scale at most that a request's picture of a chosen width is counted with."""


class Shown(NamedTuple):
    """Values that an answer shows, by which the bytes of its request are counted.

    Attributes:
        values: Bytes of the values as float32.
        tiles: Number of maps among them, each of which is a tile of a picture.
    """

    values: int
    tiles: int = 0


def request_bytes(
    model: ResidentModel,
    probe: Probe,
    calls: Sequence[ProbeCall[Any]],
    traced: Shown,
    response_format: Format,
) -> int:
    """Return the bytes that a request holds at its worst, from its inputs on.

    Args:
        model: Network that answers.
        probe: Probe of the request.
        calls: Call of the probe for each input.
        traced: Outputs of one image, or of one step of a sequence.
        response_format: Format of the answer.
    """
    found, answer = REQUEST_BYTES, ANSWER_BYTES[response_format]
    for call in calls:
        if probe.run is not None:
            # A run about the weights alone counts when it begins: its result may be kept.
            held, shown = probe.held(call) if probe.input else 0, Shown(ANALYSIS_ANSWER_BYTES)
        elif probe.program is None:
            shown = _largest_weight(model)
            held = 2 * shown.values
        else:
            steps, chunks = _steps(call)
            shown = Shown(steps * traced.values, traced.tiles)
            # Chunks of a long sequence are held until they are joined.
            held = shown.values * (1 + (chunks > 1))
        found += INPUT_BYTES + sum(one.nbytes for one in call.input.row.values()) + held
        answer += encoded_bytes(shown, call.parameters, response_format)
    return found + min(answer, MAX_JSON_BYTES if response_format == "json" else answer)


def encoded_bytes(shown: Shown, options: Any, response_format: Format) -> int:
    """Return the bytes of an encoded answer, given the values that it shows."""
    match response_format:
        case "png" | "svg" | "pdf":
            return _picture_bytes(shown, options, response_format)
        case "json":
            is_text = getattr(options, "encoding", "nested") == "nested"
            return int(shown.values * (TEXT_PER_BYTE if is_text else BASE64_PER_BYTE))
        case _:
            return shown.values


def _picture_bytes(shown: Shown, options: Any, picture_format: PictureFormat) -> int:
    """Return the bytes of a request's picture; rows of an enlarged PNG repeat, columns do not."""
    count = shown.values // np.dtype(np.float32).itemsize
    found = count * PICTURE_BYTES_PER_VALUE[picture_format]
    if picture_format == "png":
        is_wide = getattr(options, "width", None) is not None
        scale = LARGEST_SCALE if is_wide else getattr(options, "scale", 1)
        found = found * scale + ENLARGED_BYTES * (scale - 1)
    return found + shown.tiles * PICTURE_BYTES_PER_TILE[picture_format]


def _steps(call: ProbeCall[Any]) -> tuple[int, int]:
    """Return the steps of a call's sequence, padded, and its chunks; of an image 1 and 1."""
    sequence = call.input.row.get("sequence")
    if sequence is None:
        return 1, 1
    chunks = -(-len(sequence) // LEAST_CHUNK)
    return chunks * LEAST_CHUNK, chunks


def _largest_weight(model: ResidentModel) -> Shown:
    """Return the largest parameter of a model, which a probe of weights shows.

    That with the most maps may be another; both count.
    """
    weights = model.weights.values()
    kernels = (prod(one.shape[2:]) for one in weights if one.ndim == KERNEL_AXES)
    return Shown(max((one.nbytes for one in weights), default=0), max(kernels, default=0))


@lru_cache(maxsize=1024)
def step_bytes_of(architecture: Architecture, outputs: frozenset[str]) -> int:
    """Return the bytes of the traced values of one image, or of one step."""
    layers = architecture.layers
    values = sum(prod(layers[name].shape) for name in outputs if name in layers)
    return values * np.dtype(np.float32).itemsize


@lru_cache(maxsize=1024)
def traced_of(architecture: Architecture, outputs: frozenset[str]) -> Shown:
    """Return the traced values of one image, or of one step, by which a request is counted."""
    layers = (architecture.layers[name] for name in outputs if name in architecture.layers)
    tiles = sum(layer.shape[-1] for layer in layers if layer.has_maps)
    return Shown(step_bytes_of(architecture, outputs), tiles)
