"""Bytes of memory that a request holds at its worst, from admission until its answer is sent.

Counted are inputs, outputs that are kept until the end, and the encoded answer. Decoding, drawing
and encoding are work of a few threads, for which the memory budget has a reserve.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from api.responses.negotiation import MAX_JSON_BYTES, PICTURES, Format
from models.architecture import LEAST_CHUNK, Architecture
from models.registry import ResidentModel
from probes.declaration import Probe, ProbeCall

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


def request_bytes(
    model: ResidentModel,
    probe: Probe,
    calls: Sequence[ProbeCall[Any]],
    step_bytes: int,
    response_format: Format,
) -> int:
    """Return the bytes that a request holds at its worst, from its inputs on.

    Args:
        model: Network that answers.
        probe: Probe of the request.
        calls: Call of the probe for each input.
        step_bytes: Bytes of the outputs of one image, or of one step of a sequence.
        response_format: Format of the answer.
    """
    found, answer = REQUEST_BYTES, ANSWER_BYTES[response_format]
    for call in calls:
        if probe.run is not None:
            # A run about the weights alone counts when it begins: its result may be kept.
            held, shown = probe.held(call) if probe.input else 0, ANALYSIS_ANSWER_BYTES
        elif probe.program is None:
            shown = _largest_weight(model)
            held = 2 * shown
        else:
            steps, chunks = _steps(call)
            shown = steps * step_bytes
            # Chunks of a long sequence are held until they are joined.
            held = shown * (1 + (chunks > 1))
        found += INPUT_BYTES + sum(one.nbytes for one in call.input.row.values()) + held
        answer += encoded_bytes(shown, call.parameters, response_format)
    return found + min(answer, MAX_JSON_BYTES if response_format == "json" else answer)


def encoded_bytes(values: int, options: Any, response_format: Format) -> int:
    """Return the bytes of an encoded answer, given those of its values as float32."""
    if response_format in PICTURES:
        return values // 4
    if response_format != "json":
        return values
    is_text = getattr(options, "encoding", "nested") == "nested"
    return int(values * (TEXT_PER_BYTE if is_text else BASE64_PER_BYTE))


def _steps(call: ProbeCall[Any]) -> tuple[int, int]:
    """Return the steps of a call's sequence, padded, and its chunks; of an image 1 and 1."""
    sequence = call.input.row.get("sequence")
    if sequence is None:
        return 1, 1
    chunks = -(-len(sequence) // LEAST_CHUNK)
    return chunks * LEAST_CHUNK, chunks


def _largest_weight(model: ResidentModel) -> int:
    """Return the bytes of the largest parameter of a model, which a probe of weights shows."""
    return max((one.nbytes for one in model.weights.values()), default=0)


@lru_cache(maxsize=1024)
def step_bytes_of(architecture: Architecture, outputs: frozenset[str]) -> int:
    """Return the bytes of the traced values of one image, or of one step."""
    layers = architecture.layers
    values = sum(prod(layers[name].shape) for name in outputs if name in layers)
    return values * np.dtype(np.float32).itemsize
