"""ONNX graphs as imported networks: walk over the nodes, one layer after another."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.declaration.operations import LayerError
from models.importers.assembly import assemble
from models.importers.errors import ConversionError, printable
from models.importers.graph import Graph
from models.importers.imported import Draft, Imported, InputDraft, declaration_text, input_scale
from models.importers.limits import check_bytes, check_elements
from models.importers.onnx_constants import VIEWS, compute
from models.importers.onnx_file import OnnxFile, OnnxNode, read_onnx
from models.importers.values import INPUT, Factor, Value

BATCH = 1009
"""Size for an open batch axis of an imported file; a prime that no layer has."""

STEPS = 997
"""Size for an open axis of steps of an imported file; a prime that no layer has."""


class TimeFirst(Exception):  # noqa: N818 - it starts a second try and is no error
    """The first axis of an ONNX file's input is that of steps, not of the batch."""


class OnnxReader:
    """Reader of an ONNX graph.

    Attributes:
        graph: Layers that were read.
        values: Values and constants by their names in the file.
        symbols: Number of symbols of an embedding or one-hot input; 0 without.
        encoding: Encoding of these.
        suffix: Activation at the end that makes probabilities of logits; None without.
    """

    def __init__(self, file: OnnxFile, *, time_first: bool = False) -> None:
        self.file = file
        self.values: dict[str, Value | np.ndarray] = dict(file.constants)
        self.symbols, self.encoding = 0, "embed"
        self.suffix: str | None = None
        self._bytes = 0
        given = _input_value(file, time_first=time_first)
        self.values[file.input.name] = given
        self.graph = Graph(_input_shape(given))

    def read(self) -> Value:
        """Read all nodes that the first output of an ONNX graph needs, and return its value."""
        for node in _needed(self.file):
            self._step(node)
        found = self.values.get(self.file.outputs[0])
        if not isinstance(found, Value):
            msg = "the output of the ONNX file does not depend on its input"
            raise ConversionError(msg)
        return found

    def _step(self, node: OnnxNode) -> None:
        """Read one ONNX node."""
        inputs = [self._value(node, name) for name in node.inputs]
        try:
            outputs = self._outputs(node, inputs)
        except (ConversionError, LayerError) as error:
            msg = f"node {printable(node.name)} ({node.operator}): {error}"
            raise ConversionError(msg) from error
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            msg = (
                f"node {printable(node.name)} ({node.operator}) cannot be read: {printable(error)}"
            )
            raise ConversionError(msg) from error
        self.values.update(zip(node.outputs, outputs, strict=False))
        if node.operator not in VIEWS:
            self._bytes += sum(one.nbytes for one in outputs)
            check_bytes(self._bytes)

    def _outputs(
        self, node: OnnxNode, inputs: list[Value | np.ndarray | None]
    ) -> Sequence[Value | np.ndarray]:
        from models.importers.onnx_layers import LAYERS, UNKNOWN  # noqa: PLC0415 - it imports this

        if node.operator == "Shape" and isinstance(inputs[0], Value):
            start, end = node.attributes.get("start", 0), node.attributes.get("end")
            return [np.asarray(inputs[0].shape[start:end], np.int64)]
        if not any(isinstance(one, Value) for one in inputs):
            return [compute(node, inputs)]
        # A constant that repeats one value takes no memory, but copies of it would.
        for name, one in zip(node.inputs, inputs, strict=True):
            if isinstance(one, np.ndarray):
                check_elements(name, one.size)
        if node.operator not in LAYERS:
            reason = UNKNOWN.get(node.operator, "no layer line says it")
            raise ConversionError(reason)
        return LAYERS[node.operator](self, node, inputs)

    def _value(self, node: OnnxNode, name: str) -> Value | np.ndarray | None:
        """Return the value or the constant of a name; None for an input that is left out."""
        if not name:
            return None
        if name not in self.values:
            maker = next((one for one in self.file.nodes if name in one.outputs), None)
            place = maker.outputs.index(name) if maker else 0
            source = f"output {place} of {maker.operator}" if maker else printable(name)
            msg = f"node {printable(node.name)} reads {source}, which cannot be declared"
            raise ConversionError(msg)
        return self.values[name]


def _needed(file: OnnxFile) -> list[OnnxNode]:
    """Return the nodes on which the first output of an ONNX graph depends."""
    makers = {name: node for node in file.nodes for name in node.outputs}
    names, needed = [file.outputs[0]], set()
    while names:
        node = makers.get(names.pop())
        if node is not None and id(node) not in needed:
            needed.add(id(node))
            names += node.inputs
    return [node for node in file.nodes if id(node) in needed]


def _input_value(file: OnnxFile, *, time_first: bool) -> Value:
    """Return the input of an ONNX graph with the meaning of its axes."""
    shape, name = file.input.shape, printable(file.input.name)
    if len(shape) == 4:  # noqa: PLR2004 - batch, rows, columns and channels
        return _image_value(name, shape)
    is_sequence = len(shape) == 3 or (len(shape) == 2 and file.input.is_symbols)  # noqa: PLR2004
    if not is_sequence:
        msg = (
            f"input {name} has {len(shape)} axes: an image has 4, a sequence of rows 3, and one of "
            "symbols 2, of whole numbers"
        )
        raise ConversionError(msg)
    batch, steps = (shape[1], shape[0]) if time_first else (shape[0], shape[1])
    leading = [Factor("N", batch or BATCH)], [Factor("T", steps or STEPS)]
    axes = [tuple(one) for one in (reversed(leading) if time_first else leading)]
    if len(shape) == 3:  # noqa: PLR2004
        if shape[2] is None:
            msg = f"input {name} leaves its number of features open: export with a fixed one"
            raise ConversionError(msg)
        axes.append((Factor("C", shape[2]),))
    return Value(INPUT, tuple(axes))


def _image_value(name: str, shape: tuple[int | None, ...]) -> Value:
    """Return the image of an ONNX graph, with channels first or last."""
    if None in shape[1:]:
        msg = f"input {name} leaves rows or columns open: export with a fixed size"
        raise ConversionError(msg)
    channels = {1, 3}
    is_last = shape[3] in channels and shape[1] not in channels
    labels = "NHWC" if is_last else "NCHW"
    sizes = (shape[0] or BATCH, *shape[1:])
    return Value(
        INPUT, tuple((Factor(label, size or 1),) for label, size in zip(labels, sizes, strict=True))
    )


def _input_shape(value: Value) -> tuple[int, ...]:
    """Return the shape of an imported input in our order."""
    sizes = dict(zip(value.labels, value.shape, strict=True))
    if "H" in sizes:
        return sizes["H"], sizes["W"], sizes["C"]
    return (sizes["C"],) if "C" in sizes else ()


def import_onnx(
    path: Path, title: str, classes: Sequence[str] = (), alphabet: Sequence[str] = ()
) -> Imported:
    """Import a network from an ONNX file: its declaration and its weights.

    Raises:
        ConversionError: The file cannot be read, or has a layer that no declaration says.
    """
    file = read_onnx(path)
    try:
        reader = OnnxReader(file)
        output = reader.read()
    except TimeFirst:
        reader = OnnxReader(file, time_first=True)
        output = reader.read()
    notes = []
    if len(file.outputs) > 1:
        notes.append(
            f"of {len(file.outputs)} outputs the first, {printable(file.outputs[0])}, is taken"
        )
    return finish(reader, output, title, (classes, alphabet), tuple(notes))


def finish(
    reader: Any,
    output: Value,
    title: str,
    names: tuple[Sequence[str], Sequence[str]],
    notes: tuple[str, ...],
) -> Imported:
    """Return the imported network of a graph that was read to its end."""
    graph: Graph = reader.graph
    found = assemble(graph, output)
    last = graph.shape(replace(output, affine=None))[-1]
    given, scale = InputDraft(features=int((graph.input_shape or (0,))[-1])), 1.0
    if len(graph.input_shape) == 3:  # noqa: PLR2004 - an image
        rows, columns, channels = graph.input_shape
        affine = graph.input_affine
        given = InputDraft((rows, columns, channels), (0.0,) * channels, (1.0,) * channels)
        if affine is not None:
            given, scale = input_scale((rows, columns, channels), affine.scale, affine.shift)
    elif reader.symbols:
        given = InputDraft(symbols=reader.symbols, encoding=reader.encoding)
    is_every = "T" in output.labels and not output.is_last
    lines = (*found.lines, *([reader.suffix] if reader.suffix else []))
    draft = Draft(given, lines, int(last), "every" if is_every else "last")
    text = declaration_text(draft, title, *names)
    scales = graph.input_affine is not None
    return Imported(text, found.parameters, found.matches, notes, scale, scales)


def scope_of(node: OnnxNode, weight: str) -> str:
    """Return the layer's name in the original network, from an ONNX weight's or node's name."""
    path, _, last = weight.rpartition(".")
    if last in {"weight", "kernel"} and path:
        return path
    parts = [part for part in node.name.split("/")[:-1] if part]
    inner = [
        part
        for part, following in zip(parts, [*parts[1:], ""], strict=False)
        if not following.startswith(f"{part}.")
    ]
    return re.sub(r"[^A-Za-z0-9_.]", "", ".".join(inner))
