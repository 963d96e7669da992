"""Encode probe results as JSON, NPZ or safetensors: tensors by name, all else as metadata."""

import binascii
import io
import math
import struct
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import accumulate, pairwise
from typing import Any, Literal

import numpy as np
import orjson
from jaxtyping import Float64

from models.runtime.cancellation import raise_if_cancelled
from probes.figures.figures import (
    Colour,
    Figure,
    Panels,
    Tensor,
    finite,
    measures,
    tensors,
)
from probes.output.buffers import Buffer, buffers_of
from probes.output.drawing.layout import page
from probes.output.render import MOST_PIXELS, render

Encoding = Literal["nested", "base64"]

MAX_PYTHON_VALUES = 32
"""Most values of an encoded tensor for which plain Python statistics are faster than NumPy."""

MAX_DOT_VALUES = 8192
"""Most values in a dot product of an encoded tensor's statistics: past 10,000, OpenBLAS starts
threads."""

MIN_BYTES_PER_NUMBER = 2
"""Smallest size of an encoded number in JSON: a digit and a comma."""


class AnswerTooLargeError(ValueError):
    """Answer encoded as JSON is over the size limit; the binary formats have none."""


class PictureTooLargeError(ValueError):
    """Answer for several inputs, encoded as one PNG, is over the pixel limit."""


@dataclass(frozen=True)
class ProbeResult:
    """Result of a probe for one input, before it is encoded.

    Attributes:
        head: Fields before the tensors: model, weights and, with an input, `input` and
            `prediction`.
        figure: Figure of the probe.
        warnings: `{code, message}` of each warning.
    """

    head: Mapping[str, Any]
    figure: Figure
    warnings: tuple[Mapping[str, str], ...] = ()

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Tensors to encode of a probe result's figure, by name."""
        return {tensor.name: tensor for tensor in tensors(self.figure)}

    def document(self, describe: Callable[[Tensor], dict[str, Any]]) -> dict[str, Any]:
        """Return the JSON document of a probe result, to be encoded.

        Args:
            describe: Returns the entry of one tensor, with its `name` and `stats`.
        """
        encoded = [describe(tensor) for tensor in self.tensors.values()]
        listed = [
            {"name": one.name, "value": one.value, "unit": one.unit}
            for one in measures(self.figure)
        ]
        warnings = [*self.warnings, *_non_finite(encoded)]
        return {**self.head, "tensors": encoded, "measures": listed, "warnings": warnings}


@dataclass(frozen=True)
class ProbeResults:
    """Results of a probe for several inputs of one request, before they are encoded.

    Attributes:
        head: Common fields: model and weights.
        answers: Result of each input in order, without the common fields.
    """

    head: Mapping[str, Any]
    answers: tuple[ProbeResult, ...]

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """Tensors to encode of several inputs' probe results, by name: `answers.0.relu1`."""
        return {
            f"answers.{index}.{name}": tensor
            for index, answer in enumerate(self.answers)
            for name, tensor in answer.tensors.items()
        }

    @property
    def figure(self) -> Figure:
        """Figures of several inputs' probe results, one below the other, with the input's index."""
        figures = (one.figure for one in self.answers)
        named = (replace(one, title=f"Input {at}: {one.title}") for at, one in enumerate(figures))
        return Panels("", tuple(named))

    def document(self, describe: Callable[[Tensor], dict[str, Any]]) -> dict[str, Any]:
        """Return the JSON document of several inputs' probe results, to be encoded."""
        return {**self.head, "answers": [one.document(describe) for one in self.answers]}


def _non_finite(described: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return a warning for each encoded tensor with NaN or infinity, which JSON cannot hold."""
    text = "{} holds values that are not finite: null in JSON, exact in NPZ and safetensors."
    return [
        {"code": "non-finite", "message": text.format(one["name"])}
        for one in described
        if not one["stats"].finite
    ]


def to_png(
    answer: ProbeResult | ProbeResults,
    scale: int,
    guard: Callable[[int], AbstractContextManager[object]] = nullcontext,
) -> bytes:
    """Encode a probe result as PNG.

    Args:
        scale: Enlargement, as in `probes.output.render.render`.
        guard: As there.

    Raises:
        PictureTooLargeError: The picture of several inputs would have more than `MOST_PIXELS`.
    """
    if isinstance(answer, ProbeResults):
        pixels = 0.0
        for one in answer.answers:  # one at a time: all are laid out together only within the limit
            block = page(one.figure)
            pixels += block.width * block.height
            if pixels > MOST_PIXELS:
                raise PictureTooLargeError
    return render(answer.figure, scale, guard)


def to_json(
    answer: ProbeResult | ProbeResults, max_bytes: int, encoding: Encoding, precision: int | None
) -> bytes:
    """Encode a probe result as JSON, numbers straight from their arrays.

    Args:
        max_bytes: Size limit of the JSON.
        encoding: `nested` lists, or `base64` of the little-endian bytes in row-major order.
        precision: Decimals that floats are rounded to; None keeps all digits.

    Raises:
        AnswerTooLargeError: The JSON is larger than `max_bytes`.
    """
    numbers = sum(tensor.values.size for tensor in answer.tensors.values())
    # A cheap lower bound first: it avoids encoding what is certainly too large.
    if numbers * MIN_BYTES_PER_NUMBER > max_bytes:
        raise AnswerTooLargeError
    document = answer.document(lambda tensor: _entry(tensor, encoding, precision))
    content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    if len(content) > max_bytes:
        raise AnswerTooLargeError
    return content


def _entry(tensor: Tensor, encoding: Encoding, precision: int | None) -> dict[str, Any]:
    """Encode a tensor of a probe result as its JSON entry, with its values."""
    values = np.ascontiguousarray(tensor.values)
    if encoding == "base64":
        text = binascii.b2a_base64(_little_endian(values).data, newline=False)
        # Base64 needs no escaping in JSON, so it is inserted without a scan.
        data = orjson.Fragment(b'"' + text + b'"')
        return {**describe(tensor), "encoding": "base64", "data": data}
    if precision is not None and values.dtype.kind == "f":
        values = values.round(precision)
    return {**describe(tensor), "encoding": "nested", "data": values}


def describe(tensor: Tensor) -> dict[str, Any]:
    """Encode a tensor of a probe result as its JSON entry, without its values."""
    raise_if_cancelled()
    return {
        "name": tensor.name,
        "kind": tensor.kind,
        "axes": tensor.axes,
        "coordinates": {axis: list(rows) for axis, rows in tensor.coordinates.items()},
        "shape": tensor.values.shape,
        "dtype": _dtype_name(tensor.values.dtype),
        "stats": Statistics(tensor.values),
        "colour": _colour(tensor.colour),
    }


class Statistics(dict[str, float | None]):
    """Statistics of an encoded tensor's finite values; null for a tensor without any.

    Attributes:
        finite: Whether all values are finite.
    """

    def __init__(self, values: np.ndarray) -> None:
        flat, low, high = finite(values.reshape(-1))
        size = flat.size
        self.finite = size == values.size
        if not size:
            super().__init__(dict.fromkeys(("min", "max", "mean", "std", "zero_fraction")))
            return
        # A sum and a product in float64 take a fraction of the time of `mean` and `std`, and what
        # their difference loses is far below what float32 has.
        if size <= MAX_PYTHON_VALUES:
            listed = flat.tolist()
            total, squares = sum(listed), sum([value * value for value in listed])
            zeros = listed.count(0)
        else:
            exact = flat.astype(np.float64)
            total, squares = float(np.add.reduce(exact)), _sum_of_squares(exact)
            zeros = np.count_nonzero(flat == 0)
        mean = total / size
        variance = squares / size - mean * mean
        super().__init__(
            min=low,
            max=high,
            mean=mean,
            std=math.sqrt(variance) if low < high and variance > 0 else 0.0,
            zero_fraction=zeros / size,
        )


def _sum_of_squares(values: Float64[np.ndarray, " values"]) -> float:
    """Sum squares for an encoded tensor's statistics, by dot products in one OpenBLAS thread.

    Of longer ones its threads take part, where an application that embeds this one leaves them
    on; they spin for twenty times the CPU of the whole response.
    """
    if values.size <= MAX_DOT_VALUES:
        return float(values @ values)
    starts = range(0, values.size, MAX_DOT_VALUES)
    return sum(_sum_of_squares(values[start : start + MAX_DOT_VALUES]) for start in starts)


@cache
def _dtype_name(dtype: np.dtype[Any]) -> str:
    """Return the dtype name for an encoded tensor, cached, as NumPy builds it at each access."""
    return dtype.name


def _colour(colour: Colour | None) -> dict[str, Any] | None:
    if colour is None:
        return None
    return {"map": colour.map, "vmin": colour.vmin, "vmax": colour.vmax, "scope": colour.scope}


def _metadata(answer: ProbeResult | ProbeResults) -> bytes:
    """Encode a probe result's metadata for the binary formats as JSON: all but the values."""
    return orjson.dumps(answer.document(describe), option=orjson.OPT_SERIALIZE_NUMPY)


def to_npz(answer: ProbeResult | ProbeResults) -> bytes:
    """Encode a probe result as uncompressed NPZ, all but tensors as JSON text in `metadata`."""
    arrays = {name: tensor.values for name, tensor in answer.tensors.items()}
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, metadata=np.array(_metadata(answer).decode()), **arrays)
    return file.getvalue()


def to_safetensors(answer: ProbeResult | ProbeResults) -> list[Buffer]:
    """Encode a probe result as safetensors, all but tensors as JSON text in `lightwell`.

    The library's own writer copies each value three times; this one copies small ones once.
    """
    arrays = {name: _little_endian(tensor.values) for name, tensor in answer.tensors.items()}
    # Wide types first, as the library orders them, so that each tensor is aligned.
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    ends = list(accumulate((values.nbytes for values in arrays.values()), initial=0))
    header: dict[str, Any] = {"__metadata__": {"lightwell": _metadata(answer).decode()}}
    for (name, values), offsets in zip(arrays.items(), pairwise(ends), strict=True):
        dtype = SAFETENSORS_TYPES[values.dtype.str.lstrip("<|")]
        header[name] = {"dtype": dtype, "shape": values.shape, "data_offsets": offsets}
    text = orjson.dumps(header)
    # The format allows spaces after the header; values then start at a multiple of 8.
    text += b" " * (-len(text) % 8)
    return buffers_of(struct.pack("<Q", len(text)) + text, list(arrays.values()))


SAFETENSORS_TYPES = {"f4": "F32", "f8": "F64", "i4": "I32", "i8": "I64", "u1": "U8", "b1": "BOOL"}
"""Names of dtypes in an encoded safetensors file: NumPy → safetensors."""


def _little_endian(values: np.ndarray) -> np.ndarray:
    """Return values to encode in row-major order and little-endian bytes, as a view if possible."""
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
