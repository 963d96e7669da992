"""ONNX files as data: nodes, constants, the input and outputs of a graph, within limits."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from models.importers.errors import ConversionError, missing_package, printable
from models.importers.limits import (
    MAX_FILE,
    check_bytes,
    check_count,
    check_elements,
    read_bytes,
)
from models.importers.protobuf_parts import check_parts

DOMAINS = {"", "ai.onnx"}
"""Domains of operators that an imported ONNX file may use."""


@dataclass(frozen=True)
class OnnxNode:
    """Node of an ONNX file: an operator with its attributes, and names of its values."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class OnnxInput:
    """Input of an ONNX file.

    Attributes:
        shape: Size of each axis; None where the file leaves it open.
        is_symbols: Whether it is of whole numbers.
    """

    name: str
    shape: tuple[int | None, ...]
    is_symbols: bool


@dataclass(frozen=True)
class OnnxFile:
    """ONNX file: its nodes in the order of computation, constants, input and outputs."""

    nodes: tuple[OnnxNode, ...]
    constants: Mapping[str, np.ndarray]
    input: OnnxInput
    outputs: tuple[str, ...]


def read_onnx(path: Path) -> OnnxFile:
    """Read an ONNX file.

    Raises:
        ConversionError: It is no ONNX file, too large, or has parts that cannot be imported.
    """
    try:
        import onnx  # noqa: PLC0415 - an optional requirement, of the importer alone
        from google.protobuf.message import DecodeError  # noqa: PLC0415
    except ImportError as error:
        raise missing_package("ONNX files", "onnx") from error
    content = read_bytes(path)
    try:
        check_parts(content, onnx.ModelProto.DESCRIPTOR)
        model = onnx.ModelProto.FromString(content)
    except (DecodeError, ValueError) as error:
        msg = f"{printable(path.name)} is not a whole ONNX file"
        raise ConversionError(msg) from error
    if not model.graph.node:
        msg = f"{printable(path.name)} is not an ONNX file, or has no nodes"
        raise ConversionError(msg)
    check_count(len(model.graph.node) + len(model.graph.initializer), "nodes and tensors")
    model = _inlined(model)
    tensors = _Tensors(path.parent)
    constants = _constants(model.graph, tensors)
    nodes = tuple(_node(node, tensors) for node in model.graph.node)
    outputs = tuple(one.name for one in model.graph.output)
    return OnnxFile(nodes, constants, _input(model.graph, constants), outputs)


def _inlined(model: Any) -> Any:
    """Return an ONNX model whose local functions are written out."""
    if not model.functions:
        return model
    from onnx import inliner  # noqa: PLC0415

    try:
        check_count(_expanded_count(model), "nodes, with those of its functions")
        found = inliner.inline_local_functions(model)
    except (RuntimeError, ValueError) as error:
        msg = "functions of the ONNX file cannot be written out: export without them"
        raise ConversionError(msg) from error
    check_count(len(found.graph.node), "nodes")
    return found


def _expanded_count(model: Any) -> int:
    """Return the number of nodes of an ONNX model whose local functions are written out.

    Raises:
        RecursionError: Functions call each other in a circle, or too deeply.
    """
    bodies: dict[tuple[str, str], list[Any]] = {}
    for one in model.functions:
        bodies.setdefault(_key(one.domain, one.name), []).extend(_nodes(one.node))

    @cache
    def size(key: tuple[str, str]) -> int:
        # A call takes time even where nothing comes of it.
        return max(count(bodies[key]), 1)

    def count(nodes: Iterable[Any]) -> int:
        keys = (_key(node.domain, node.op_type) for node in nodes)
        return sum(size(key) if key in bodies else 1 for key in keys)

    return count(_nodes(model.graph.node))


def _key(domain: str, name: str) -> tuple[str, str]:
    return ("" if domain in DOMAINS else domain), name


def _nodes(nodes: Iterable[Any]) -> Iterator[Any]:
    """Iterate over nodes of an ONNX file and those of the loops and branches within them."""
    for node in nodes:
        yield node
        for one in node.attribute:
            for graph in (one.g, *one.graphs):
                yield from _nodes(graph.node)


def _node(node: Any, tensors: "_Tensors") -> OnnxNode:
    """Return one node of an ONNX file."""
    from onnx import AttributeProto, helper  # noqa: PLC0415

    name = node.name or node.op_type
    if node.domain not in DOMAINS:
        msg = f"node {printable(name)} is of the domain {printable(node.domain)}: export without it"
        raise ConversionError(msg)
    attributes: dict[str, Any] = {}
    for one in node.attribute:
        if one.type in {AttributeProto.GRAPH, AttributeProto.GRAPHS}:
            msg = f"node {printable(name)} ({node.op_type}) has a loop or a branch: export without"
            raise ConversionError(msg)
        value = helper.get_attribute_value(one)
        if one.type == AttributeProto.TENSOR:
            value = tensors.array(value)
        attributes[one.name] = value.decode(errors="replace") if isinstance(value, bytes) else value
    return OnnxNode(node.op_type, name, tuple(node.input), tuple(node.output), attributes)


def _constants(graph: Any, tensors: "_Tensors") -> dict[str, np.ndarray]:
    """Return the initialisers of an ONNX graph."""
    if graph.sparse_initializer:
        msg = "the ONNX file has sparse tensors: export dense ones"
        raise ConversionError(msg)
    return {tensor.name: tensors.array(tensor) for tensor in graph.initializer}


class _Tensors:
    """Tensors of an ONNX file as arrays, in limited memory together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bytes = 0
        self._files: dict[str, bytes] = {}

    def array(self, tensor: Any) -> np.ndarray:
        """Return the array of a tensor of an ONNX file."""
        from onnx import TensorProto, numpy_helper  # noqa: PLC0415

        name = printable(tensor.name or "of a constant")
        if any(size < 0 for size in tensor.dims):
            msg = f"tensor {name} has a negative size"
            raise ConversionError(msg)
        check_elements(tensor.name, prod(tensor.dims))
        if tensor.data_location == TensorProto.EXTERNAL:
            tensor = self._with_external(tensor)
        try:
            found = np.asarray(numpy_helper.to_array(tensor))
        except (TypeError, ValueError, KeyError, NotImplementedError) as error:
            msg = f"tensor {name} cannot be read: {printable(error)}"
            raise ConversionError(msg) from error
        self._bytes += found.nbytes
        check_bytes(self._bytes)
        return found

    def _with_external(self, tensor: Any) -> Any:
        """Return a tensor of an ONNX file with its bytes from a file next to it."""
        from onnx import TensorProto  # noqa: PLC0415

        entries = {one.key: one.value for one in tensor.external_data}
        content = self._content(entries.get("location", ""))
        offset, length = entries.get("offset", "0"), entries.get("length", "")
        if not offset.isdecimal() or not (length.isdecimal() or not length):
            location = printable(entries.get("location", ""))
            msg = f"tensor {printable(tensor.name)} has no valid place in {location}"
            raise ConversionError(msg)
        start = int(offset)
        found = TensorProto()
        found.CopyFrom(tensor)
        found.ClearField("external_data")
        found.data_location = TensorProto.DEFAULT
        found.raw_data = content[start : start + int(length)] if length else content[start:]
        return found

    def _content(self, location: str) -> bytes:
        """Return the content of a file next to an ONNX file, which is read once."""
        if location in self._files:
            return self._files[location]
        path = self._folder / location
        is_next = bool(location) and location == Path(location).name
        # A file from elsewhere must not have other files of the machine read.
        if not is_next or path.is_symlink() or not path.is_file():
            msg = (
                f"weights are in another file, {printable(location)}, which is not next to the "
                "ONNX file: put it there, or export with external_data=False"
            )
            raise ConversionError(msg)
        content = read_bytes(path, MAX_FILE - sum(map(len, self._files.values())))
        self._files[location] = content
        return content


def _input(graph: Any, constants: Mapping[str, np.ndarray]) -> OnnxInput:
    """Return the one input of an ONNX graph."""
    from onnx import TensorProto  # noqa: PLC0415

    inputs = [one for one in graph.input if one.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(printable(one.name) for one in inputs[:6])
        msg = f"the network has {len(inputs)} inputs ({names}): export it with one, states at zero"
        raise ConversionError(msg)
    given = inputs[0].type.tensor_type
    shape = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in given.shape.dim)
    whole = {TensorProto.INT64, TensorProto.INT32}
    return OnnxInput(inputs[0].name, shape, given.elem_type in whole)
