"""Tensors and heatmaps of trace values of networks of sequences, and the selection of a part."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import BeforeValidator, Field

from models.architecture import Architecture
from probes.declaration import (
    Coloured,
    Indices,
    LayerChoice,
    ParameterError,
    Parameters,
    ProbeCall,
    ProbeContext,
    split_commas,
)
from probes.figures import colours
from probes.figures.figures import Bars, Colour, Heatmap, Kind, Tensor
from probes.rnn.layers import (
    RecurrentLayer,
    bare,
    check_units,
    check_units_of,
    chosen_layer,
    gated_names,
    layer_names,
    lstm_names,
    owner,
    shown_values,
    state_names,
)

LAYER_CHOICE = LayerChoice(layer_names, lambda architecture: layer_names(architecture)[-1])
GATED_CHOICE = LayerChoice(gated_names, lambda architecture: gated_names(architecture)[-1])
LSTM_CHOICE = LayerChoice(lstm_names, lambda architecture: lstm_names(architecture)[-1])
"""Choices of a probe's recurrent layer: any, one with gates, one with a cell state."""

LAYER_DESCRIPTION = "Recurrent layer of a stack, by its name; default the last one"

VALUE_TITLES: Mapping[str, str] = {
    "input_gate": "Input gate: how much of the candidate is written",
    "forget_gate": "Forget gate: how much of the cell state is kept",
    "reset_gate": "Reset gate: how much of the hidden state the candidate reads",
    "update_gate": "Update gate: how much of the hidden state is kept",
    "candidate": "Candidate: what could be written",
    "output_gate": "Output gate: how much of the cell state is shown",
    "cell": "Cell state: the long-term memory",
    "hidden": "Hidden state: what the readout sees",
}
"""Titles of the values of recurrent layers."""


class Selection(Coloured):
    """Parameters of the probes of values of recurrent layers: steps and units to show."""

    steps: Indices | None = Field(
        None,
        description="Steps to show, counted from 1; step 0 is the initial state, which has no "
        "gates. Default all.",
    )
    units: Indices | None = Field(None, description="Units to show, counted from 0; default all.")


class LayerSelection(Selection):
    """Parameters of probes of one recurrent layer: the layer, steps and units to show."""

    layer: Annotated[str | None, LAYER_CHOICE] = Field(None, description=f"{LAYER_DESCRIPTION}.")

    def of(self, architecture: Architecture) -> RecurrentLayer:
        """Return the recurrent layer that a selection names; the last one without a name."""
        return chosen_layer(architecture, self.layer)


class GatedSelection(LayerSelection):
    """Parameters of probes of one recurrent layer with gates: the layer, steps and units."""

    layer: Annotated[str | None, GATED_CHOICE] = Field(
        None, description=f"{LAYER_DESCRIPTION} with gates."
    )

    def of(self, architecture: Architecture) -> RecurrentLayer:
        """Return the gated layer that a selection names; the last one without a name."""
        return chosen_layer(architecture, self.layer, gated_names(architecture))


class CellSelection(LayerSelection):
    """Parameters of probes of one LSTM layer: the layer, steps and units to show."""

    layer: Annotated[str | None, LSTM_CHOICE] = Field(
        None, description=f"{LAYER_DESCRIPTION} with a cell state."
    )

    def of(self, architecture: Architecture) -> RecurrentLayer:
        """Return the LSTM layer that a selection names; the last one without a name."""
        return chosen_layer(architecture, self.layer, lstm_names(architecture))


class TraceSelection(Selection):
    """Parameters of the probe `trace`: values, steps and units to show."""

    values: Annotated[
        list[str] | None,
        BeforeValidator(split_commas),
        LayerChoice(lambda architecture: architecture.layers, is_limited=True),
    ] = Field(
        None,
        min_length=1,
        description="Values to show, in this order; default all. `logits` are those of each step.",
    )

    def names(self, architecture: Architecture) -> list[str]:
        """Return the trace values that a selection names, without duplicates."""
        return list(dict.fromkeys(self.values or shown_values(architecture)))


def check_steps(call: ProbeCall[Selection]) -> None:
    """Raise `ParameterError` for values of a step that the sequence does not have."""
    last = len(call.input.row["sequence"])
    if (step := max(call.parameters.steps or [0])) > last:
        raise ParameterError("steps", f"step {step} is not one of the sequence's, 0 to {last}")


def check_layer(call: ProbeCall[LayerSelection]) -> None:
    """Raise `ParameterError` for a step or a unit of a recurrent layer that does not exist."""
    check_steps(call)
    check_units_of(call.parameters.of(call.model.architecture), call.parameters.units)


def check_gates(call: ProbeCall[LayerSelection]) -> None:
    """Raise `ParameterError` also for gates of step 0 alone, the initial state, which has none."""
    chosen = call.parameters
    if chosen.steps is None and chosen.units is None:
        return  # as most requests
    check_layer(call)
    check_later_steps(call)


def check_values(call: ProbeCall[Selection], names: Sequence[str]) -> None:
    """Check steps and units that are selected of some trace values.

    Raises:
        ParameterError: A step or a unit that does not exist, or step 0 alone of values that have
            none.
    """
    architecture = call.model.architecture
    check_steps(call)
    owners = [found for name in names if (found := owner(architecture, name)) is not None]
    if owners:
        check_units_of(min(owners, key=lambda layer: layer.units), call.parameters.units)
    else:
        check_units(architecture, call.parameters.units)
    if {*state_names(architecture), "logits"}.isdisjoint(names):
        check_later_steps(call)


def check_later_steps(call: ProbeCall[Selection]) -> None:
    """Raise `ParameterError` for step 0 alone, the initial state, where only gates are shown."""
    # Among other steps, step 0 is left out of the gates; alone it would leave an empty tensor.
    steps = call.parameters.steps
    if steps is not None and not any(steps):
        raise ParameterError("steps", "step 0 is the initial state, which has no gates")


def traced(context: ProbeContext[Selection], name: str) -> Tensor:
    """Return one trace value as a tensor: states have steps 0 to T, all others 1 to T."""
    return _tensor(context, name, _described(context.model.architecture, name))


def _tensor(context: ProbeContext[Selection], name: str, described: "_Described") -> Tensor:
    chosen, values = context.parameters, context.outputs[name]
    layer, kind, first, _ = described
    steps: Sequence[int] = range(first, first + len(values))
    if chosen.steps is not None:
        steps = [step for step in chosen.steps if step >= first]
        values = values[np.array(steps, int) - first]
    coordinates: dict[str, Sequence[int]] = {"step": steps}
    if chosen.units is not None and layer is not None:
        values = values[:, chosen.units]
        coordinates["unit"] = chosen.units
    values = np.ascontiguousarray(values)
    colour = value_colour(kind, values, chosen.cmap, layer)
    return Tensor(name, kind, ("step", "unit"), values, coordinates, colour)


def value_colour(kind: Kind, values: np.ndarray, cmap: str, layer: RecurrentLayer | None) -> Colour:
    """Return the colour rule of a trace value: fixed limits for gates and tanh outputs."""
    if kind == "gate":
        return colours.unit_interval(cmap)
    if kind == "candidate" or (kind == "hidden" and layer is not None and layer.is_bounded):
        return colours.tanh_interval()
    if kind in {"hidden", "post_activation"} and values.min(initial=0.0) >= 0.0:
        return colours.non_negative(values, cmap)
    return colours.signed(values)


def heatmap(context: ProbeContext[Selection], name: str) -> Heatmap:
    """Heatmap of one trace value over steps and units."""
    described = _described(context.model.architecture, name)
    return Heatmap(described.title, _tensor(context, name, described), "step")


def value_title(architecture: Architecture, name: str) -> str:
    """Return the title of a trace value: the meaning of a gate or a state, else layer and kind."""
    return _described(architecture, name).title


class _Described(NamedTuple):
    """Description of one trace value, which depends on the network alone.

    Attributes:
        layer: Recurrent layer that it belongs to; None for a value of another layer.
        first: Number of its first step: 0 of a state, which begins with the initial one, else 1.
    """

    layer: RecurrentLayer | None
    kind: Kind
    first: int
    title: str


# Each request asks for it several times.
@lru_cache(maxsize=1024)
def _described(architecture: Architecture, name: str) -> _Described:
    """Describe one trace value of a network."""
    layer, kind = owner(architecture, name), architecture.layers[name].kind
    title = f"{name}: {kind.replace('_', '-')}"
    if layer is not None:
        title = layer.titled(VALUE_TITLES[bare(architecture, name)])
    return _Described(layer, kind, 0 if name in state_names(architecture) else 1, title)


def final_states(context: ProbeContext[Parameters]) -> Iterator[Bars]:
    """Yield bars of each state of a network's recurrent layers after the last step."""
    architecture = context.model.architecture
    for state in architecture.states:
        layer = RecurrentLayer(architecture, architecture.node(state.layer))
        kind, values = architecture.layers[state.name].kind, context.outputs[state.final]
        colour = value_colour(kind, values, "viridis", layer)
        tensor = Tensor(state.final, kind, ("unit",), values, colour=colour)
        title = layer.titled(f"{state.value.capitalize()} state at the end")
        yield Bars(title, tensor, state_limits(layer, state.value))


def state_limits(layer: RecurrentLayer, state: str) -> tuple[float, float] | None:
    """Return the limits of a recurrent layer's state: -1 and 1, or None for one without."""
    # A bounded hidden state is a gate times a tanh, or a mean of such; a cell state is unbounded.
    return (-1.0, 1.0) if state == "hidden" and layer.is_bounded else None
