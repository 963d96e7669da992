"""Encode probe results as JSON, NPZ or safetensors: tensors by name, all else as metadata."""

import binascii
import io
import math
import struct
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from itertools import accumulate, pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import orjson
from jaxtyping import Float64

from models.runtime.cancellation import raise_if_cancelled
from probes.figures.figures import Colour, Tensor, finite
from probes.output.buffers import Buffer, buffers_of
from probes.output.drawing.layout import page
from probes.output.parts import ALL_PARTS, Part
from probes.output.quantisation import Quantised, quantise
from probes.output.render import MOST_PIXELS, PictureFormat, render
from probes.output.results import Describe, ProbeResult, ProbeResults
from probes.output.style import Style

Encoding = Literal["nested", "base64", "uint8"]

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
    """Answer for several inputs, encoded as one picture, is over the pixel limit."""


def to_picture(
    answer: ProbeResult | ProbeResults,
    picture_format: PictureFormat,
    style: Style,
    guard: Callable[[int], AbstractContextManager[object]] = nullcontext,
) -> bytes:
    """Encode a probe result as a picture.

    Args:
        picture_format: PNG, SVG or PDF.
        style: As in `probes.output.render.render`.
        guard: As there.

    Raises:
        PictureTooLargeError: The picture of several inputs would have more than `MOST_PIXELS`.
    """
    if isinstance(answer, ProbeResults):
        pixels = 0.0
        for one in answer.answers:  # one at a time: all are laid out together only within the limit
            block = page(one.picture)
            pixels += block.width * block.height
            if pixels > MOST_PIXELS:
                raise PictureTooLargeError
    return render(answer.picture, style, picture_format, guard)


def to_json(
    answer: ProbeResult | ProbeResults,
    max_bytes: int,
    encoding: Encoding,
    precision: int | None,
    parts: frozenset[Part] = ALL_PARTS,
) -> bytes:
    """Encode a probe result as JSON, numbers straight from their arrays.

    Args:
        max_bytes: Size limit of the JSON.
        encoding: `nested` lists, `base64` of the little-endian bytes in row-major order, or
            base64 of quantised values (`uint8`).
        precision: Decimals that floats are rounded to; None keeps all digits.
        parts: Those that the answer has.

    Raises:
        AnswerTooLargeError: The JSON is larger than `max_bytes`.
    """
    numbers = sum(tensor.values.size for tensor in _shown(answer, parts).values())
    # A cheap lower bound first: it avoids encoding what is certainly too large.
    if numbers * (1 if encoding == "uint8" else MIN_BYTES_PER_NUMBER) > max_bytes:
        raise AnswerTooLargeError
    document = answer.document(parts, lambda one: _entry(one, encoding, precision, parts))
    content = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    if len(content) > max_bytes:
        raise AnswerTooLargeError
    return content


def _shown(answer: ProbeResult | ProbeResults, parts: frozenset[Part]) -> Mapping[str, Tensor]:
    """Return the tensors whose values an encoded answer has, by name."""
    return answer.tensors if "tensors" in parts else {}


def _entry(
    tensor: Tensor, encoding: Encoding, precision: int | None, parts: frozenset[Part]
) -> dict[str, Any]:
    """Encode a tensor of a probe result as its JSON entry, with its values."""
    if "tensors" not in parts:
        return describe(tensor, parts)
    if encoding == "uint8":
        quantised = quantise(tensor)
        entry = _quantised_entry(tensor, quantised, parts)
        return {**entry, "encoding": encoding, "data": _base64(quantised.values)}
    if encoding == "base64":
        data: object = _base64(_little_endian(tensor.values))
    else:
        data = np.ascontiguousarray(tensor.values)
        if precision is not None and tensor.values.dtype.kind == "f":
            data = _rounded(data, precision)
    return {**describe(tensor, parts), "encoding": encoding, "data": data}


def _rounded(values: np.ndarray, decimals: int) -> np.ndarray:
    """Round floats to encode to decimals; those without further decimals stay as they are.

    From a size on, neighbouring floats are further apart than the last decimal. NumPy multiplies
    by a power of ten, which is infinite for the largest ones.
    """
    limit = 2.0 ** (np.finfo(values.dtype).nmant + 1) / 10**decimals
    has_more = np.abs(values) < limit
    if has_more.all():
        return values.round(decimals)
    found = values.copy()
    found[has_more] = values[has_more].round(decimals)
    return found


def _base64(values: np.ndarray) -> orjson.Fragment:
    """Encode values as a JSON string of base64, which needs no escaping, and no scan for it."""
    text = binascii.b2a_base64(np.ascontiguousarray(values).data, newline=False)
    return orjson.Fragment(b'"' + text + b'"')


def describe(tensor: Tensor, parts: frozenset[Part] = ALL_PARTS) -> dict[str, Any]:
    """Encode a tensor of a probe result as its JSON entry, without its values."""
    raise_if_cancelled()
    stats = {"stats": Statistics(tensor.values)} if "stats" in parts else {}
    return {
        "name": tensor.name,
        "kind": tensor.kind,
        "axes": tensor.axes,
        "coordinates": {axis: list(rows) for axis, rows in tensor.coordinates.items()},
        "shape": tensor.values.shape,
        "dtype": _dtype_name(tensor.values.dtype),
        **stats,
        "colour": _colour(tensor.colour),
    }


def _quantised_entry(
    tensor: Tensor, quantised: Quantised, parts: frozenset[Part]
) -> dict[str, Any]:
    """Encode a quantised tensor of a probe result as its JSON entry, without its values."""
    entry = {**describe(tensor, parts), "dtype": "uint8"}
    return {**entry, "scale": quantised.scale, "offset": quantised.offset}


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


class _Binary(NamedTuple):
    """Binary form of an encoded answer: arrays by name, all else as JSON."""

    arrays: Mapping[str, np.ndarray]
    metadata: bytes


def _binary(
    answer: ProbeResult | ProbeResults, encoding: Encoding, parts: frozenset[Part]
) -> _Binary:
    """Return arrays and metadata of an encoded answer in a binary form."""
    shown = _shown(answer, parts)
    arrays = {name: tensor.values for name, tensor in shown.items()}
    if encoding != "uint8":
        return _Binary(arrays, _metadata(answer, parts, partial(describe, parts=parts)))
    # By identity: several inputs have tensors of equal names.
    quantised = {id(tensor): quantise(tensor) for tensor in shown.values()}

    def described(tensor: Tensor) -> dict[str, Any]:
        if (found := quantised.get(id(tensor))) is None:
            return describe(tensor, parts)
        return {**_quantised_entry(tensor, found, parts), "encoding": encoding}

    arrays = {name: quantised[id(tensor)].values for name, tensor in shown.items()}
    return _Binary(arrays, _metadata(answer, parts, described))


def _metadata(
    answer: ProbeResult | ProbeResults, parts: frozenset[Part], describe_one: Describe
) -> bytes:
    """Encode a probe result's metadata for the binary formats as JSON: all but the values."""
    document = answer.document(parts, describe_one)
    return orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)


def to_npz(
    answer: ProbeResult | ProbeResults,
    encoding: Encoding = "nested",
    parts: frozenset[Part] = ALL_PARTS,
) -> bytes:
    """Encode a probe result as uncompressed NPZ, all but tensors as JSON text in `metadata`."""
    arrays, metadata = _binary(answer, encoding, parts)
    file = io.BytesIO()
    # `numpy.savez` takes arrays as keyword arguments, so that `file` could not be the name of one.
    with zipfile.ZipFile(file, "w") as archive:
        for name, values in {"metadata": np.array(metadata.decode()), **arrays}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, values, allow_pickle=False)
    return file.getvalue()


def to_safetensors(
    answer: ProbeResult | ProbeResults,
    encoding: Encoding = "nested",
    parts: frozenset[Part] = ALL_PARTS,
) -> list[Buffer]:
    """Encode a probe result as safetensors, all but tensors as JSON text in `lightwell`.

    The library's own writer copies each value three times; this one copies small ones once.
    """
    values, metadata = _binary(answer, encoding, parts)
    arrays = {name: _little_endian(one) for name, one in values.items()}
    # Wide types first, as the library orders them, so that each tensor is aligned.
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    ends = list(accumulate((one.nbytes for one in arrays.values()), initial=0))
    header: dict[str, Any] = {"__metadata__": {"lightwell": metadata.decode()}}
    for (name, one), offsets in zip(arrays.items(), pairwise(ends), strict=True):
        dtype = SAFETENSORS_TYPES[one.dtype.str.lstrip("<|")]
        header[name] = {"dtype": dtype, "shape": one.shape, "data_offsets": offsets}
    text = orjson.dumps(header)
    # The format allows spaces after the header; values then start at a multiple of 8.
    text += b" " * (-len(text) % 8)
    return buffers_of(struct.pack("<Q", len(text)) + text, list(arrays.values()))


SAFETENSORS_TYPES = {"f4": "F32", "f8": "F64", "i4": "I32", "i8": "I64", "u1": "U8", "b1": "BOOL"}
"""Names of dtypes in an encoded safetensors file: NumPy → safetensors."""


def _little_endian(values: np.ndarray) -> np.ndarray:
    """Return values to encode in row-major order and little-endian bytes, as a view if possible."""
    return np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
