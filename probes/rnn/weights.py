"""Probe `weights` of sequences: kernels of every gate of each layer, and of all other layers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from models.architecture import CELL_WEIGHTS, Architecture, Node
from models.declaration.operations import Dense, Embed, Recurrent
from probes.declaration import LayerChoice, Parameters, Probe, ProbeContext
from probes.figures import colours
from probes.figures.figures import Bars, Coordinates, Figure, Heatmap, Kind, Panels, Tensor


def weighted_layers(architecture: Architecture) -> tuple[str, ...]:
    """Return the names of a network's layers that have weights."""
    return tuple(dict.fromkeys(name.partition(".")[0] for name in architecture.parameters))


class WeightsParameters(Parameters):
    """Parameters of the probe `weights` of sequences: the layer to show."""

    layer: Annotated[str | None, LayerChoice(weighted_layers)] = Field(
        None, description="Layer whose weights are shown; default all."
    )


def gate_weights(context: ProbeContext[WeightsParameters]) -> Figure:
    """Weights of the network: kernels of each gate, biases, and the readout.

    Rows are what a kernel reads (an input, or a unit's hidden state), columns the unit that it
    writes; a single input has a row for each gate.
    """
    architecture, chosen = context.model.architecture, context.parameters.layer
    shown = weighted_layers(architecture) if chosen is None else (chosen,)
    figures = [figure for name in shown for figure in _layer(architecture.node(name), context)]
    return Panels("Weights", tuple(figures))


def _layer(node: Node, context: ProbeContext[WeightsParameters]) -> Iterator[Figure]:
    """Yield the figures of the weights of one layer."""
    prefix = f"{node.name}."
    held = {
        name.removeprefix(prefix): value
        for name, value in context.model.weights.items()
        if name.startswith(prefix)
    }
    match node.operation:
        case Recurrent(cell):
            yield from _recurrent(prefix, CELL_WEIGHTS[cell], held)
        case Dense():
            yield from _dense(prefix, node, context, held)
        case Embed():
            at = {"symbol": context.model.architecture.sequence.alphabet}
            name, values = f"{prefix}embedding", held["embedding"]
            yield _matrix(_title(name), name, ("symbol", "unit"), values, at)
        case _:
            yield from (_vector(prefix + name, "unit", value) for name, value in held.items())


def _recurrent(
    prefix: str, gates: Sequence[str], held: Mapping[str, np.ndarray]
) -> Iterator[Figure]:
    """Yield the figures of a recurrent layer's weights, split by gate."""
    kernels: list[tuple[str, str]] = [("dense_h.kernel", "hidden_unit")]
    if len(held["dense_i.kernel"]) == 1:
        yield _by_gate(f"{prefix}dense_i.kernel", gates, held["dense_i.kernel"])
    else:
        kernels.insert(0, ("dense_i.kernel", "input"))
    for name in sorted(held.keys() & {"dense_i.bias", "dense_h.bias"})[::-1]:
        is_whole = held[name].size == held["dense_h.kernel"].shape[1]
        # The second bias of a GRU is that of the candidate alone.
        yield _by_gate(f"{prefix}{name}", gates if is_whole else ("candidate",), held[name])
    for name, axis in kernels:
        for gate, values in zip(gates, np.split(held[name], len(gates), axis=1), strict=True):
            full = f"{prefix}{name}"
            title = f"{_title(full)}: {gate.replace('_', ' ')}"
            yield _matrix(title, f"{full}.{gate}", (axis, "unit"), values, {})


def _by_gate(name: str, gates: Sequence[str], values: np.ndarray) -> Heatmap:
    """Heatmap of weights with a row for each gate."""
    rows = values.reshape(len(gates), -1)
    return _matrix(f"{_title(name)}, by gate", name, ("gate", "unit"), rows, {"gate": gates})


def _dense(
    prefix: str,
    node: Node,
    context: ProbeContext[WeightsParameters],
    held: Mapping[str, np.ndarray],
) -> Iterator[Figure]:
    """Yield the figures of a dense layer's weights: a row for each class, or each unit."""
    classes = context.model.architecture.classes
    is_readout = node.value == "logits"
    axis, at = ("label", {"label": classes}) if is_readout else ("output_unit", {})
    name = f"{prefix}kernel"
    yield _matrix(_title(name), name, (axis, "unit"), held["kernel"].T, at)
    if "bias" in held:
        yield _vector(f"{prefix}bias", axis, held["bias"], at)


def _vector(
    name: str, axis: str, values: np.ndarray, coordinates: Coordinates | None = None
) -> Bars:
    kind: Kind = "bias" if name.endswith("bias") else "weight"
    return Bars(_title(name), Tensor(name, kind, (axis,), values, coordinates or {}))


_PARAMETERS = {
    "kernel": "weights",
    "bias": "biases",
    "dense_i.kernel": "input weights",
    "dense_i.bias": "input biases",
    "dense_h.kernel": "recurrent weights",
    "dense_h.bias": "recurrent biases",
}
"""Words for the parameters of a layer in the title of their figure."""


def _title(name: str) -> str:
    """Return the title of the figure of a parameter: its words, and the layer that has it."""
    layer, _, parameter = name.partition(".")
    return f"{_PARAMETERS.get(parameter, parameter).capitalize()} of {layer}"


def _matrix(
    title: str,
    name: str,
    axes: tuple[str, str],
    values: np.ndarray,
    coordinates: Coordinates,
) -> Heatmap:
    kind: Kind = "bias" if name.endswith("bias") else "weight"
    values = np.ascontiguousarray(values)
    tensor = Tensor(name, kind, axes, values, coordinates, colours.signed(values))
    return Heatmap(title, tensor, "unit")


PROBES = (
    Probe(
        family="sequence",
        name="weights",
        figure=gate_weights,
        parameters=WeightsParameters,
        input=False,
        checkpoints=True,
    ),
)
