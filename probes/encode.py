"""An answer as JSON, NPZ or safetensors: the same tensors by name, the rest as metadata."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import orjson
from safetensors.numpy import save as serialise_tensors

from probes.figures import Colour, Figure, Tensor, measures, tensors

Encoding = Literal["nested", "base64"]

MIN_BYTES_PER_NUMBER = 2
"""A digit and a comma: no JSON of so many numbers can be smaller."""


class AnswerTooLargeError(ValueError):
    """An answer has more JSON than an answer may have; the binary forms hold it."""


@dataclass(frozen=True)
class Answer:
    """What is sent back for one input.

    Attributes:
        head: What comes before the tensors: model, weights, and where there is an input, `input`
            and `prediction`.
        figure: What was asked for.
        warnings: `{code, message}` each.
    """

    head: Mapping[str, Any]
    figure: Figure
    warnings: tuple[Mapping[str, str], ...] = ()

    def document(self, encoded: list[dict[str, Any]]) -> dict[str, Any]:
        """Put the whole answer together around its tensors."""
        listed = [
            {"name": one.name, "value": one.value, "unit": one.unit}
            for one in measures(self.figure)
        ]
        warnings = [*self.warnings, *_non_finite(tensors(self.figure))]
        return {**self.head, "tensors": encoded, "measures": listed, "warnings": warnings}


def _non_finite(found: list[Tensor]) -> list[dict[str, str]]:
    """Say which tensors hold values that JSON cannot."""
    named = [one.name for one in found if not np.isfinite(one.values).all()]
    text = "{} holds values that are not finite: null in JSON, exact in NPZ and safetensors."
    return [{"code": "non-finite", "message": text.format(name)} for name in named]


def to_json(answer: Answer, max_bytes: int, encoding: Encoding, precision: int | None) -> bytes:
    """Write an answer as JSON, numbers straight from their arrays.

    Args:
        max_bytes: The most that may be sent.
        encoding: `nested` lists, or `base64` of the little-endian bytes in row-major order.
        precision: Decimals to round floats to; None is every digit that float32 needs.

    Raises:
        AnswerTooLargeError: The answer would be larger than `max_bytes`.
    """
    found = tensors(answer.figure)
    numbers = sum(tensor.values.size for tensor in found)
    if numbers * MIN_BYTES_PER_NUMBER > max_bytes:
        raise AnswerTooLargeError
    encoded = [_entry(tensor, encoding, precision) for tensor in found]
    content = orjson.dumps(answer.document(encoded), option=orjson.OPT_SERIALIZE_NUMPY)
    if len(content) > max_bytes:
        raise AnswerTooLargeError
    return content


def _entry(tensor: Tensor, encoding: Encoding, precision: int | None) -> dict[str, Any]:
    """Describe one tensor and write its values."""
    values = np.ascontiguousarray(tensor.values)
    if encoding == "base64":
        little = values.astype(values.dtype.newbyteorder("<"), copy=False)
        return {
            **describe(tensor),
            "encoding": "base64",
            "data": base64.b64encode(little.tobytes()).decode(),
        }
    if precision is not None and values.dtype.kind == "f":
        values = values.round(precision)
    return {**describe(tensor), "encoding": "nested", "data": values}


def describe(tensor: Tensor) -> dict[str, Any]:
    """Say everything about a tensor but its values."""
    return {
        "name": tensor.name,
        "kind": tensor.kind,
        "axes": tensor.axes,
        "coordinates": {axis: list(rows) for axis, rows in tensor.coordinates.items()},
        "shape": tensor.values.shape,
        "dtype": tensor.values.dtype.name,
        "stats": _stats(tensor.values),
        "colour": _colour(tensor.colour),
    }


def _stats(values: np.ndarray) -> dict[str, float | None]:
    """Return statistics of the finite values; null where there are none."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return dict.fromkeys(("min", "max", "mean", "std", "zero_fraction"))
    return {
        "min": float(finite.min()),
        "max": float(finite.max()),
        "mean": float(finite.mean(dtype=np.float64)),
        "std": float(finite.std(dtype=np.float64)),
        "zero_fraction": float((finite == 0).mean()),
    }


def _colour(colour: Colour | None) -> dict[str, Any] | None:
    if colour is None:
        return None
    return {"map": colour.map, "vmin": colour.vmin, "vmax": colour.vmax, "scope": colour.scope}


def _metadata(answer: Answer) -> bytes:
    """Write all but the values, for the binary forms."""
    described = [describe(tensor) for tensor in tensors(answer.figure)]
    return orjson.dumps(answer.document(described), option=orjson.OPT_SERIALIZE_NUMPY)


def to_npz(answer: Answer) -> bytes:
    """Write the tensors as an uncompressed NPZ, the rest as JSON text under `metadata`."""
    arrays = {tensor.name: tensor.values for tensor in tensors(answer.figure)}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, metadata=np.array(_metadata(answer).decode()), **arrays)
    return file.getvalue()


def to_safetensors(answer: Answer) -> bytes:
    """Write the tensors as safetensors, the rest as JSON text under `lightwell` of its metadata."""
    arrays = {tensor.name: np.ascontiguousarray(tensor.values) for tensor in tensors(answer.figure)}
    return serialise_tensors(arrays, {"lightwell": _metadata(answer).decode()})
