"""Axes of imported ONNX graphs: reshapes, transposes, steps of sequences, embeddings, padding."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from models.declaration.declaration import MAX_SIDE
from models.importers.errors import ConversionError
from models.importers.graph_layer import Origin
from models.importers.groups import as_float32
from models.importers.onnx_constants import axes_of, reshape_sizes, slices_of
from models.importers.onnx_file import OnnxNode
from models.importers.onnx_reader import scope_of
from models.importers.values import INPUT, Factor, Value

UNROLLED = (
    "single steps are read, as where a recurrent layer is written out step by step: export it as "
    "one LSTM, GRU or RNN (PyTorch: dynamo=False), or convert its weights with --declaration"
)
"""Reason why an ONNX graph that reads single steps cannot be imported."""


def _same(_: Any, __: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    return [inputs[0]]


def _cast(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Any]:
    return [_kept(reader, inputs[0], int(node.attributes["to"]))]


def _cast_like(reader: Any, _: OnnxNode, inputs: list[Any]) -> Sequence[Any]:
    from onnx import TensorProto, helper  # noqa: PLC0415 - an optional requirement

    value, like = inputs
    if not isinstance(like, Value):
        return [_kept(reader, value, helper.np_dtype_to_tensor_dtype(like.dtype))]
    # All values are floating-point, except those of an input of whole numbers.
    is_whole = _is_whole(reader, like)
    return [_kept(reader, value, TensorProto.INT64 if is_whole else TensorProto.FLOAT)]


def _kept(reader: Any, value: Any, target: int) -> Any:
    """Return a value of an ONNX graph that is cast to a type that has its numbers.

    Raises:
        ConversionError: The type has no others than whole numbers, or no numbers.
    """
    from onnx import TensorProto as Types  # noqa: PLC0415 - its types alone are meant

    floats = {Types.FLOAT, Types.DOUBLE, Types.FLOAT16, Types.BFLOAT16}
    wholes = {Types.INT32, Types.INT64, Types.UINT32, Types.UINT64}
    if target in floats or (target in wholes and _is_whole(reader, value)):
        return value
    msg = (
        f"a cast of values to {Types.DataType.Name(target)} cannot be declared, only to "
        "floating-point numbers of at least 16 bits"
    )
    raise ConversionError(msg)


def _is_whole(reader: Any, value: Any) -> bool:
    """Return whether a value of an ONNX graph is of whole numbers, as the symbols of its input."""
    if isinstance(value, Value):
        return bool(value.layer == INPUT and value.affine is None and reader.file.input.is_symbols)
    return bool((value == np.trunc(value)).all())


def _dropout(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    ratio = inputs[1] if len(inputs) > 1 else node.attributes.get("ratio", 0.5)
    rate = float(np.asarray(0.5 if ratio is None else ratio).reshape(-1)[0])
    return [reader.graph.dropout(inputs[0], round(rate, 6), "")]


def _reshape(_: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = inputs[0]
    return [value.reshaped(reshape_sizes(node, value.shape, inputs[1]))]


def _flatten(_: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = inputs[0]
    axis = int(node.attributes.get("axis", 1)) % (len(value.axes) + 1)
    return [value.reshaped((prod(value.shape[:axis]), prod(value.shape[axis:])))]


def _transpose(_: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = inputs[0]
    return [value.transposed(node.attributes.get("perm", range(len(value.axes))[::-1]))]


def _squeeze(_: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = inputs[0]
    count = len(value.axes)
    axes = axes_of(node, inputs)
    if axes is None:
        axes = [place for place, label in enumerate(value.labels) if label == ""]
    for axis in sorted((one % count for one in axes), reverse=True):
        value = value.without(axis)
    return [value]


def _unsqueeze(_: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = inputs[0]
    axes = axes_of(node, inputs) or []
    for axis in sorted(one % (len(value.axes) + len(axes)) for one in axes):
        value = value.with_unit(axis)
    return [value]


def _slice(_: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = inputs[0]
    for axis, part in slices_of(node, inputs):
        place = axis % len(value.axes)
        if value.stack and value.labels[place] == "":
            value = _of_stack(value, range(len(value.stack))[part])
            continue
        chosen = range(value.shape[place])[part]
        if chosen == range(value.shape[place]):
            continue
        if value.labels[place] != "T":
            msg = f"a part of {value.labels[place] or 'an axis'} cannot be read"
            raise ConversionError(msg)
        if list(chosen) != [value.shape[place] - 1]:
            raise ConversionError(UNROLLED)
        value = replace(value.without_steps(place), is_last=True)
    return [value]


def _of_stack(value: Value, chosen: Sequence[int]) -> Value:
    """Return the final state of one of several recurrent ONNX layers."""
    if len(chosen) != 1:
        msg = "final states of several layers are read together, which cannot be declared"
        raise ConversionError(msg)
    return value.stack[chosen[0]]


def _gather(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    data, indices = inputs
    axis = int(node.attributes.get("axis", 0))
    if not isinstance(data, Value):
        return [_embedded(reader, node, data, indices)]
    if isinstance(indices, Value) or indices.size != 1:
        msg = "values at computed or several places cannot be read"
        raise ConversionError(msg)
    place, index = axis % len(data.axes), int(indices.reshape(-1)[0])
    keeps = indices.ndim > 0
    if data.stack and data.labels[place] == "":
        found = data.stack[index]
        return [found if keeps else found.without(place)]
    if data.labels[place] == "T":
        if index % data.shape[place] != data.shape[place] - 1:
            raise ConversionError(UNROLLED)
        data = replace(data.without_steps(place), is_last=True)
    elif data.labels[place] != "":
        msg = f"a part of {data.labels[place]} cannot be read"
        raise ConversionError(msg)
    return [data if keeps else data.without(place)]


def _embedded(reader: Any, node: OnnxNode, table: np.ndarray, indices: Value) -> Value:
    """Return the embedding of an ONNX graph's symbols."""
    is_table = table.ndim == 2 and node.attributes.get("axis", 0) == 0  # noqa: PLR2004
    if not is_table or indices.layer != INPUT or set(indices.labels) != {"N", "T"}:
        msg = "an embedding must read the symbols of the input"
        raise ConversionError(msg)
    reader.symbols = table.shape[0]
    name = node.inputs[0]
    origin = Origin(scope_of(node, name), {"embedding": ((name,), "as it is")})
    found: Value = reader.graph.embedded(indices, as_float32(name, table), origin)
    return found


def _one_hot(reader: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value, depth, values = inputs
    is_last = node.attributes.get("axis", -1) in {-1, 2}
    is_plain = isinstance(value, Value) and value.layer == INPUT and is_last
    if not is_plain or [float(one) for one in values] != [0.0, 1.0]:
        msg = "one-hot vectors must be those of the input's symbols, of zeros and a 1"
        raise ConversionError(msg)
    reader.symbols, reader.encoding = int(np.asarray(depth).reshape(-1)[0]), "one-hot"
    reader.graph.input_shape = (reader.symbols,)
    return [Value(INPUT, (*value.axes, (Factor("C", reader.symbols),)))]


def _pad(_: Any, node: OnnxNode, inputs: list[Any]) -> Sequence[Value]:
    value = inputs[0]
    constant = inputs[2] if len(inputs) > 2 else node.attributes.get("value", 0.0)  # noqa: PLR2004
    mode = node.attributes.get("mode", "constant")
    number = float(np.asarray(0.0 if constant is None else constant).reshape(-1)[0])
    is_least = number < -1e30  # noqa: PLR2004
    if mode != "constant" or (number and not is_least) or any(value.padding):
        msg = "padding with other values than 0 cannot be declared"
        raise ConversionError(msg)
    pads = [int(one) for one in (inputs[1] if len(inputs) > 1 else node.attributes["pads"])]
    axes = list(range(len(value.axes)))
    if len(inputs) > 3 and inputs[3] is not None:  # noqa: PLR2004
        axes = [int(one) % len(value.axes) for one in inputs[3]]
    half = len(pads) // 2
    by_label = {value.labels[axis]: (pads[i], pads[half + i]) for i, axis in enumerate(axes)}
    return [replace(padded(value, by_label), pads_least=is_least)]


def padded(value: Value, by_label: Mapping[str, tuple[int, int]]) -> Value:
    """Return an imported value with zeros before and after its rows and columns.

    Raises:
        ConversionError: Other axes are padded, or something is cut off.
    """
    others = any(any(pair) for label, pair in by_label.items() if label not in {"H", "W"})
    rows, columns = by_label.get("H", (0, 0)), by_label.get("W", (0, 0))
    if others or min(*rows, *columns) < 0:
        msg = "only zeros around rows and columns can be declared"
        raise ConversionError(msg)
    if value.affine is not None and value.affine.shift.any() and value.layer != INPUT:
        msg = "padding after a constant summand cannot be declared"
        raise ConversionError(msg)
    added = (*rows, *columns)
    top, bottom, left, right = (a + b for a, b in zip(value.padding, added, strict=True))
    check_padding(top, bottom, left, right)
    return replace(value, padding=(top, bottom, left, right))


def check_padding(*sizes: int) -> None:
    """Check the padding of an imported layer, of which there is no more than an image has rows."""
    if max(sizes) > MAX_SIDE:
        msg = f"padding of {max(sizes):,} cannot be declared, only up to {MAX_SIDE}"
        raise ConversionError(msg)


AXES_LAYERS: Mapping[str, Any] = {
    "Identity": _same,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Dropout": _dropout,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Slice": _slice,
    "Gather": _gather,
    "OneHot": _one_hot,
    "Pad": _pad,
}
"""Operators of ONNX that change axes, with the function that reads each."""
