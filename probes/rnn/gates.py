"""Probes of networks of sequences: `predict`, `trace`, and the values of one layer."""

from collections.abc import Callable, Iterable
from typing import Any

from models.architecture import Architecture
from models.runtime.programs import Family
from probes.declaration import (
    Need,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
)
from probes.figures.figures import Figure, Lines, Panels
from probes.rnn.layers import RecurrentLayer
from probes.rnn.needs import HAS_CELL_STATE, HAS_GATES
from probes.rnn.strips import running_logits, running_probability, sequence_strip
from probes.rnn.summary import SUMMARY
from probes.rnn.values import (
    CellSelection,
    GatedSelection,
    LayerSelection,
    TraceSelection,
    check_gates,
    check_layer,
    check_values,
    final_states,
    heatmap,
    state_limits,
)
from probes.shared.class_probabilities import class_bars

SEQUENCE: Family = "sequence"


def predict(context: ProbeContext[Parameters]) -> Figure:
    """Predicted class of a sequence, and the probability of each class.

    `final_cell` and `final_hidden` are the state after the last step: send them as `initial_state`
    with the next steps to continue the sequence, and the number of steps up to there as
    `initial_steps`, which count for the warning about long sequences. In a stack each recurrent
    layer has its own, such as `lstm1.final_cell`. A network that answers at every step has its
    running answers, too.
    """
    architecture = context.model.architecture
    bars = class_bars(context.probabilities, architecture.classes)
    is_running = context.outputs["logits"].ndim > 1
    running = (running_probability(context),) if is_running else ()
    figures = (sequence_strip(context), bars, *running, *final_states(context))
    return Panels("Prediction", figures)


def gates(context: ProbeContext[GatedSelection]) -> Figure:
    """Gates of a recurrent layer at each step, and the candidate.

    An LSTM has a forget, an input and an output gate, a GRU a reset and an update gate. A gate is
    open near 1 and closed near 0. `step` counts from 1: the gates of step t are computed from the
    input of step t and the hidden state of step t - 1.
    """
    chosen, layer = context.parameters, context.parameters.of(context.model.architecture)
    shown = [heatmap(context, name) for name in layer.gates_and_candidate]
    return Panels(layer.titled("Gates"), (sequence_strip(context, chosen.cmap), *shown))


def hidden(context: ProbeContext[LayerSelection]) -> Figure:
    """Hidden state of a recurrent layer after each step; step 0 is the initial state."""
    return _state(context, "hidden")


def cell(context: ProbeContext[CellSelection]) -> Figure:
    """Cell state of an LSTM layer, the long-term memory, after each step; step 0 is initial.

    The cell state is unbounded: that of a unit that counts bits changes a little with each bit.
    """
    return _state(context, "cell")


def _state(context: ProbeContext[LayerSelection], state: str) -> Figure:
    """Figures of a state of a recurrent layer: a heatmap, and a line for each unit."""
    chosen, layer = context.parameters, context.parameters.of(context.model.architecture)
    cells = heatmap(context, layer.value(state))
    limits = state_limits(layer, state)
    lines = Lines("The same, one line for each unit", (cells.tensor,), "step", limits, 0.0)
    title = layer.titled(f"{state.capitalize()} state")
    return Panels(title, (sequence_strip(context, chosen.cmap), cells, lines))


def trace(context: ProbeContext[TraceSelection]) -> Figure:
    """Full trace of a sequence: gates, candidates, states, other layers and running logits.

    `values` selects some of them. `units` are those of recurrent layers.
    """
    chosen = context.parameters
    parts = (
        running_logits(context) if name == "logits" else heatmap(context, name)
        for name in chosen.names(context.model.architecture)
    )
    return Panels("Trace", (sequence_strip(context, chosen.cmap), *parts))


def _check_trace(call: ProbeCall[TraceSelection]) -> None:
    """Raise `ParameterError` for steps or units that none of the traced values has."""
    check_values(call, call.parameters.names(call.model.architecture))


def _of_layer(
    figure: Callable[[ProbeContext[Any]], Figure],
    parameters: type[LayerSelection],
    values: Callable[[RecurrentLayer], Iterable[str]],
    check: Callable[[ProbeCall[LayerSelection]], None] = check_layer,
    *needs: Need,
) -> Probe:
    """Declare a probe of one recurrent layer that reads some of its values in the trace."""

    def outputs(architecture: Architecture, chosen: LayerSelection) -> Iterable[str]:
        return values(chosen.of(architecture))

    return Probe(
        family=SEQUENCE,
        name=figure.__name__,
        figure=figure,
        parameters=parameters,
        program="trace",
        outputs=outputs,
        checkpoints=True,
        check=check,
        example={"units": "0,3"},
        needs=needs,
    )


PROBES = (
    Probe(family=SEQUENCE, name="predict", figure=predict, program="predict", checkpoints=True),
    _of_layer(
        gates, GatedSelection, lambda layer: layer.gates_and_candidate, check_gates, HAS_GATES
    ),
    _of_layer(hidden, LayerSelection, lambda layer: (layer.value("hidden"),)),
    _of_layer(
        cell, CellSelection, lambda layer: (layer.value("cell"),), check_layer, HAS_CELL_STATE
    ),
    SUMMARY,
    Probe(
        family=SEQUENCE,
        name="trace",
        figure=trace,
        checkpoints=True,
        parameters=TraceSelection,
        program="trace",
        outputs=lambda architecture, parameters: parameters.names(architecture),
        check=_check_trace,
        example={"units": "0,3"},
    ),
)
