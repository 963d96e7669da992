"""Decoders of every benchmarked system's response bodies into named arrays."""

import base64
import io
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import orjson
from PIL import Image
from safetensors.numpy import load as parse_tensors

from scripts.bench.workloads import Arrays

PNG, ZIP = b"\x89PNG", b"PK\x03\x04"


def from_lightwell(body: bytes) -> Arrays:
    """Decode a Lightwell response to a benchmark request: JSON, safetensors, NPZ or PNG."""
    if body.startswith(PNG):
        return {"picture": downscaled(body)}
    if body.startswith(ZIP):
        with np.load(io.BytesIO(body)) as archive:
            # The entry `metadata` is text.
            return {name: values for name, values in archive.items() if values.dtype.kind != "U"}
    if not body.startswith(b"{"):
        return parse_tensors(body)
    document = orjson.loads(body)
    # The parameter `include` may leave out either part.
    named = {
        one["name"]: _values(one["data"], one["shape"], one["dtype"])
        for one in document.get("tensors", ())
    }
    return {**named, **_prediction(document.get("prediction", {}))}


def downscaled(png: bytes) -> np.ndarray:
    """Decode a response's PNG into pixels at an eighth of its size, for comparing figures.

    A value that rounding moves over the edge of a colour step hardly shows here.
    """
    picture = Image.open(io.BytesIO(png)).convert("RGB").reduce(8)
    return np.asarray(picture, np.float32) / np.float32(255)


def from_pytorch(body: bytes) -> Arrays:
    """Decode a response of the two PyTorch servers: JSON (nested or base64) or safetensors."""
    if not body.startswith(b"{"):
        return parse_tensors(body)
    document = orjson.loads(body)
    named = document.get("activations", document.get("gates", {})).items()
    arrays = {
        name: _values(one["data"], one["shape"]) if isinstance(one, dict) else np.asarray(one)
        for name, one in named
    }
    return {**arrays, **_prediction(document)}


def from_json(body: bytes) -> Arrays:
    """Decode a JSON prediction of LitServe or BentoML, alone or as the only item of a list."""
    document = orjson.loads(body)
    return _prediction(document[0] if isinstance(document, list) else document)


def from_inference_protocol(body: bytes) -> Arrays:
    """Decode a JSON response of the Open Inference Protocol (MLServer)."""
    return _outputs(orjson.loads(body)["outputs"])


def from_triton(body: bytes) -> Arrays:
    """Decode a binary response of the Open Inference Protocol (Triton): tensors after the JSON."""
    # A response header has the length of the JSON, but the load generator keeps only the body.
    end = body.index(b"}]}") + 3
    described, packed = orjson.loads(body[:end])["outputs"], body[end:]
    found, at = {}, 0
    for one in described:
        size = one["parameters"]["binary_data_size"]
        kind = {"INT64": np.int64, "FP32": np.float32}[one["datatype"]]
        found[one["name"]] = (
            np.frombuffer(packed[at : at + size], kind).reshape(one["shape"]).squeeze()
        )
        at += size
    return found


def _outputs(described: Iterable[Mapping[str, Any]]) -> Arrays:
    return {
        one["name"]: np.asarray(one["data"]).reshape(one["shape"]).squeeze() for one in described
    }


def _values(data: Any, shape: Any, dtype: str = "float32") -> np.ndarray:
    if isinstance(data, str):
        return np.frombuffer(base64.b64decode(data), dtype).reshape(shape)
    return np.asarray(data)


def _prediction(stated: Mapping[str, Any]) -> Arrays:
    names = ("label", "probabilities", "logits")
    return {name: np.asarray(stated[name]) for name in names if name in stated}
