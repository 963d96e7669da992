"""Assembly of an imported graph: layer lines, parameters and matches of a declaration."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from models.architecture import CELL_VALUES
from models.declaration.operations import Activation, Conv, Dense, Flatten, Merge, Norm
from models.declaration.written_line import line_of
from models.derivation import OUTPUT, RESERVED, SUFFIXES
from models.importers.errors import ConversionError
from models.importers.graph import NO_EPSILON, Graph
from models.importers.graph_layer import GraphLayer, Origin
from models.importers.matching import Match
from models.importers.values import INPUT, Value, check_answers
from models.layer_shapes import NAMES

NAME_LENGTH = 32
"""Characters of a layer's name."""


@dataclass(frozen=True)
class Assembled:
    """Layer lines of an imported network, its parameters and where each comes from."""

    lines: tuple[str, ...]
    parameters: dict[str, np.ndarray]
    matches: tuple[Match, ...]


def assemble(graph: Graph, output: Value) -> Assembled:
    """Assemble layer lines and parameters from an imported graph.

    Raises:
        ConversionError: Its output is not a value for each class.
    """
    last = _last_layer(graph, output)
    layers = _folded(_needed(graph.layers, last))
    names = _names(layers)
    found: dict[str, np.ndarray] = {}
    matches = []
    for key, layer in layers.items():
        for parameter, values in layer.parameters.items():
            name = f"{names[key]}.{parameter}"
            found[name] = np.ascontiguousarray(values, np.float32)
            theirs, transformation = layer.origin.tensors.get(parameter, ((), "constant"))
            matches.append(Match(name, theirs, transformation))
    return Assembled(tuple(_lines(layers, names)), found, tuple(matches))


def _last_layer(graph: Graph, output: Value) -> str:
    """Return the key of the layer whose values are an imported network's answers."""
    extra = [label for label in output.labels if set(label) - {"N", "T", "C", "H", "W"}]
    output = graph.settled(output)
    if output.layer == INPUT or extra:
        msg = "the network computes nothing that a declaration can say"
        raise ConversionError(msg)
    check_answers(output.rows)
    shape = graph.shape(output)
    if len(shape) == 1:
        return output.layer
    layer = graph.layers[output.layer]
    is_whole = isinstance(layer.operation, Conv) and shape[:2] == (1, 1)
    if not is_whole:
        msg = f"the output is maps of shape {shape}: a declaration answers with a value a class"
        raise ConversionError(msg)
    return _as_dense(graph, output.layer, layer)


def _as_dense(graph: Graph, key: str, layer: GraphLayer) -> str:
    """Write a last convolution with one window over whole maps as a dense layer."""
    conv, kernel = layer.operation, layer.parameters["kernel"]
    read = layer.inputs[0]
    shape = graph.input_shape if read == INPUT else graph.layers[read].shape
    if not isinstance(conv, Conv) or conv.groups > 1 or kernel.shape[:3] != shape:
        msg = "the last convolution must read whole maps, or be followed by a pool of whole maps"
        raise ConversionError(msg)
    flat = f"{key}.flat"
    graph.layers[flat] = GraphLayer(Flatten(), [read], (prod(shape),), Origin())
    matrix = layer.parameters | {"kernel": kernel.reshape(prod(shape), -1)}
    dense = Dense(conv.filters, conv.bias)
    graph.layers[f"{key}.dense"] = GraphLayer(dense, [flat], (conv.filters,), layer.origin, matrix)
    return f"{key}.dense"


def _needed(layers: Mapping[str, GraphLayer], last: str) -> dict[str, GraphLayer]:
    """Return the layers of an imported graph on which its answer depends."""
    needed, waiting = set(), [last]
    while waiting:
        key = waiting.pop()
        if key != INPUT and key not in needed:
            needed.add(key)
            waiting += layers[key].inputs
    return {key: replace(layer) for key, layer in layers.items() if key in needed}


def _folded(layers: dict[str, GraphLayer]) -> dict[str, GraphLayer]:
    """Fold constant factors and summands into the layer before, where only they read it."""
    readers = Counter(one for layer in layers.values() for one in layer.inputs)
    moved: dict[str, str] = {}
    for key, layer in list(layers.items()):
        layer.inputs = [moved.get(one, one) for one in layer.inputs]
        before = layers.get(layer.inputs[0])
        is_constant = layer.operation == Norm("batch", NO_EPSILON)
        if not is_constant or before is None or readers[layer.inputs[0]] > 1:
            continue
        if isinstance(before.operation, Conv | Dense):
            _fold(before, layer)
            moved[key] = layer.inputs[0]
            readers[layer.inputs[0]] = readers[key]
            del layers[key]
    return layers


def _fold(before: GraphLayer, norm: GraphLayer) -> None:
    """Fold the factor and the summand of a constant normalisation into an imported layer."""
    scale, shift = norm.parameters["scale"], norm.parameters["bias"]
    old = before.parameters.get("bias", np.zeros_like(shift))
    before.parameters = {
        "kernel": before.parameters["kernel"] * scale,
        "bias": old * scale + shift,
    }
    if isinstance(before.operation, Conv | Dense):
        before.operation = replace(before.operation, bias=True)


def _names(layers: Mapping[str, GraphLayer]) -> dict[str, str]:
    """Return a name for each layer: the imported file's where possible, or the derived one."""
    derived = _derived(layers)
    cells = {value for values in CELL_VALUES.values() for value in values}
    free = RESERVED | cells | {f"final_{value}" for value in cells}
    names: dict[str, str] = {}
    for key, layer in layers.items():
        wanted = re.sub(r"[^a-z0-9]+", "_", layer.origin.name.lower()).strip("_")[:NAME_LENGTH]
        others = (set(derived.values()) - {derived[key]}) | set(names.values()) | free
        is_name = re.fullmatch(r"[a-z][a-z0-9_]*", wanted) is not None and wanted not in others
        names[key] = wanted if is_name else derived[key]
    return names


def _derived(layers: Mapping[str, GraphLayer]) -> dict[str, str]:
    """Return the names that a declaration derives for lines without one."""
    counts: Counter[str] = Counter()
    names = {}
    for key, layer in layers.items():
        kind = NAMES[type(layer.operation)](layer.operation)
        counts[kind] += 1
        names[key] = f"{kind}{counts[kind]}"
    *before, last = layers
    operation = layers[last].operation
    if isinstance(operation, Activation) and operation.function in SUFFIXES and before:
        last = before[-1]
    if isinstance(layers[last].operation, Dense):
        names[last] = OUTPUT
    return names


def _lines(layers: Mapping[str, GraphLayer], names: Mapping[str, str]) -> list[str]:
    """Return a line for each layer of an imported network."""
    derived = _derived(layers)
    keys = {INPUT: INPUT} | dict(names)
    lines, before = [], INPUT
    for key, layer in layers.items():
        inputs = [keys[one] for one in layer.inputs]
        operation = layer.operation
        if isinstance(operation, Merge):
            # A sum has no order, so that it reads the line before where it can.
            if operation.kind == "add" and before in inputs:
                inputs.remove(before)
                inputs.insert(0, before)
            operation = replace(operation, others=tuple(inputs[1:]))
        prefix = f"{names[key]}: " if names[key] != derived[key] else ""
        suffix = f" from {inputs[0]}" if inputs[0] != before else ""
        lines.append(prefix + line_of(operation) + suffix)
        before = names[key]
    return lines
