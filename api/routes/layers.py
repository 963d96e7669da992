"""Layers of a network as `/models` lists them: every value of a trace, in the order of display."""

from collections.abc import Iterator
from math import prod

from api.openapi.model_schemas import LayerEntry, ReceptiveFieldEntry
from models.architecture import CELL_VALUES, INPUT, Architecture, Layer, Node
from models.declaration.operations import Recurrent
from models.windows import ReceptiveField

SHOWN_ORDER = ("gate", "candidate", "cell", "hidden")
"""Kinds of a recurrent layer's values in the order of display."""


def describe_layers(architecture: Architecture) -> list[LayerEntry]:
    """Describe the layers of a network for `/models`, in the order of computation."""
    return [
        _entry(architecture, node, name)
        for node in architecture.nodes
        for name in _values(architecture, node)
    ]


def _values(architecture: Architecture, node: Node) -> list[str]:
    """Return the values of one layer by their names in the trace, gates before states."""
    if not isinstance(node.operation, Recurrent):
        return [] if node.value is None else [node.value]
    names = (architecture.value_name(node.name, one) for one in CELL_VALUES[node.operation.cell])
    return sorted(names, key=lambda name: SHOWN_ORDER.index(architecture.layers[name].kind))


def _entry(architecture: Architecture, node: Node, name: str) -> LayerEntry:
    """Describe one value of a trace."""
    layer = architecture.layers[name]
    rows, columns = layer.receptive_field or (None, None)
    return LayerEntry(
        name=name,
        kind=layer.kind,
        axes=_axes(architecture, layer),
        shape=_shape(architecture, layer),
        parameters=_parameter_count(architecture, node, layer),
        receptive_field=_field(rows),
        receptive_field_columns=None if _field(columns) == _field(rows) else _field(columns),
        layer=node.name,
        operation=architecture.declaration.layers[node.line].text,
        inputs=list(_inputs(architecture, node)),
    )


def _axes(architecture: Architecture, layer: Layer) -> list[str]:
    if architecture.family == "image":
        return ["channel", "y", "x"][: len(layer.shape)]
    return ["step", "label" if layer.kind == "logits" else "unit"]


def _shape(architecture: Architecture, layer: Layer) -> list[int | None]:
    """Return the shape of a value on the wire: channels first, or a number of steps first."""
    if architecture.family == "image":
        *sides, channels = layer.shape
        return [channels, *sides]
    return [None, *layer.shape]


def _parameter_count(architecture: Architecture, node: Node, layer: Layer) -> int:
    """Count the parameters of a layer that compute one of its values.

    The gates and the candidate of a recurrent layer have equal parts, but for a GRU's second bias,
    which is the candidate's; a state has none, unless the layer has no gates.
    """
    prefix = f"{node.name}."
    shapes = [shape for name, shape in architecture.parameters.items() if name.startswith(prefix)]
    if not isinstance(node.operation, Recurrent):
        return sum(map(prod, shapes))
    kinds = [architecture.layers[name].kind for name in _values(architecture, node)]
    computed = [kind for kind in kinds if kind in {"gate", "candidate"}] or kinds[-1:]
    if layer.kind not in computed:
        return 0
    (units,) = node.shape
    shared = sum(prod(one) // len(computed) for one in shapes if one[-1] == len(computed) * units)
    alone = sum(prod(one) for one in shapes if one[-1] != len(computed) * units)
    return shared + (0 if layer.kind == "gate" else alone)


def _inputs(architecture: Architecture, node: Node) -> Iterator[str]:
    """Yield the values that a layer reads, by their names in the trace; `input` is the input."""
    for name in node.inputs:
        if name == INPUT:
            yield INPUT
            continue
        source = architecture.node(name)
        if isinstance(source.operation, Recurrent):
            yield architecture.value_name(name, "hidden")
        elif source.value is not None:
            yield source.value
        else:
            # Dropout and flatten pass on the value of the layer that they read.
            yield from _inputs(architecture, source)


def _field(field: ReceptiveField | None) -> ReceptiveFieldEntry | None:
    if field is None:
        return None
    return ReceptiveFieldEntry(size=field.size, stride=field.jump, offset=field.before)
