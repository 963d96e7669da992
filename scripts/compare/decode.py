"""Decode compared answers' bodies into trees of keys, numbers, texts and arrays."""

import gzip
import io
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any
from zipfile import BadZipFile

import numpy as np
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from scripts.compare.wire import Answer

SAFETENSORS_DTYPES = {
    "F32": "<f4",
    "F64": "<f8",
    "I32": "<i4",
    "I64": "<i8",
    "U8": "|u1",
    "BOOL": "|b1",
}


class DecodeError(Exception):
    """Decoding of a compared answer failed: its body is not of its media type."""


class Prose(str):
    """Decoded page, script or style sheet: text for people and browsers, not an API answer."""

    __slots__ = ()


def decoded(answer: Answer) -> Any:
    """Decode a compared answer's body by its media type; bytes where the type is unknown.

    Raises:
        DecodeError: The body is not of its media type.
    """
    if not answer.body:
        return None
    kind = answer.media_type
    if decoder := DECODERS.get(kind):
        try:
            return decoder(answer.body)
        except (ValueError, KeyError, TypeError, OSError, struct.error, BadZipFile) as error:
            msg = f"no {kind}: {error}"
            raise DecodeError(msg) from error
    if kind.startswith("text/") or kind in {"image/svg+xml", "application/manifest+json"}:
        return Prose(_unzipped(answer).decode(errors="replace"))
    return answer.body


def _unzipped(answer: Answer) -> bytes:
    zipped = answer.header("content-encoding") == "gzip"
    return gzip.decompress(answer.body) if zipped else answer.body


def lines(content: bytes) -> list[Any]:
    """Decode a compared answer's JSON lines; sort them by input, as inputs may be interleaved."""
    found = [json.loads(line) for line in content.splitlines()]
    # Lines without a step come first, in the order in which they were sent.
    return sorted(found, key=lambda line: (line.get("input", 0), line.get("step", 0)))


def picture(content: bytes) -> dict[str, Any]:
    """Decode a compared answer's PNG into its mode, its metadata and its pixels."""
    with Image.open(io.BytesIO(content)) as image:
        info = {str(key): str(value) for key, value in image.info.items()}
        return {"mode": image.mode, "info": info, "pixels": np.asarray(image)}


def npz(content: bytes) -> dict[str, Any]:
    """Decode a compared answer's NPZ archive into its names in order, arrays and metadata."""
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    metadata = arrays.pop("metadata", None)
    return {
        "names": list(arrays),
        "metadata": None if metadata is None else json.loads(str(metadata)),
        "tensors": arrays,
    }


def safetensors(content: bytes) -> dict[str, Any]:
    """Decode a compared answer's safetensors file into its names in order, arrays and metadata."""
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    values = content[8 + size :]
    return {
        "names": list(header),
        "metadata": {name: json.loads(text) for name, text in metadata.items()},
        "tensors": {name: _tensor(values, entry) for name, entry in header.items()},
    }


def _tensor(values: bytes, entry: Mapping[str, Any]) -> np.ndarray:
    start, stop = entry["data_offsets"]
    dtype = np.dtype(SAFETENSORS_DTYPES[entry["dtype"]])
    return np.frombuffer(values[start:stop], dtype).reshape(entry["shape"])


def metrics(content: bytes) -> dict[str, Any]:
    """Decode Prometheus metrics for comparison into types and labels, without values.

    The label `status` stays without its values: they count how often a server was still warming.
    """
    families = {}
    for family in text_string_to_metric_families(content.decode()):
        samples = {
            (
                sample.name,
                *sorted((k, "" if k == "status" else v) for k, v in sample.labels.items()),
            )
            for sample in family.samples
        }
        families[family.name] = {
            "type": family.type,
            "description": family.documentation,
            "samples": sorted(repr(sample) for sample in samples),
        }
    return families


def text(content: bytes) -> Any:
    """Decode a compared answer's plain text, which is metrics where it begins as an exposition."""
    return metrics(content) if content.startswith(b"# HELP") else Prose(content.decode())


DECODERS: Mapping[str, Callable[[bytes], Any]] = {
    "application/json": json.loads,
    "application/problem+json": json.loads,
    "application/jsonl": lines,
    "application/x-npz": npz,
    "application/x-safetensors": safetensors,
    "image/png": picture,
    "text/plain": text,
}
