"""Probes `predict`, `gates`, `hidden`, `cell`, `summary` and `trace` of the LSTM."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from models.rnn.unit_statistics import (
    GATES,
    HELD_OUT_STEPS,
    QUANTITIES,
    SATURATED_HIGH,
    SATURATED_LOW,
    STATES,
    UnitStatistics,
)
from models.runtime.programs import Row
from models.simple_networks import LSTM_LABELS
from probes.declaration import (
    Coloured,
    Indices,
    ParameterError,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
    split_commas,
)
from probes.figures import colours
from probes.figures.figures import (
    Bars,
    Colour,
    Coordinates,
    Figure,
    Heatmap,
    Kind,
    Lines,
    Measure,
    Panels,
    Tensor,
)
from probes.shared.class_probabilities import class_bars, softmax

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(GATES, "gate"),
    "candidate": "candidate",
    "cell": "cell",
    "hidden": "hidden",
}
"""Tensor kind of each LSTM gate and state, in the order of display."""

TRACED_VALUES = tuple(KINDS)

Value = Literal["input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden", "logits"]
Values = Annotated[
    list[Value],
    BeforeValidator(split_commas),
    Field(min_length=1, max_length=len(TRACED_VALUES) + 1),
]
"""Names of LSTM gates, states and logits that the probe `trace` shows, in the order given."""

VALUE_TITLES = {
    "input_gate": "Input gate: how much of the candidate is written",
    "forget_gate": "Forget gate: how much of the cell state is kept",
    "candidate": "Candidate: what could be written",
    "output_gate": "Output gate: how much of the cell state is shown",
    "cell": "Cell state: the long-term memory",
    "hidden": "Hidden state: what the readout sees",
}


class Selection(Coloured):
    """Parameters of the probes of LSTM gates and states: steps and units to show."""

    steps: Indices | None = Field(
        None,
        description="Steps to show, counted from 1; step 0 is the initial state, which has no "
        "gates. Default all.",
    )
    units: Indices | None = Field(None, description="Units to show, counted from 0; default all.")


class TraceSelection(Selection):
    """Parameters of the LSTM's probe `trace`: gates and states, steps and units to show."""

    values: Values | None = Field(
        None,
        description="Values to show, in this order; default all. `logits` are those of each step.",
    )

    def names(self) -> list[str]:
        """Return the gates, states and logits that a trace selects, without duplicates."""
        return (
            [*TRACED_VALUES, "logits"] if self.values is None else list(dict.fromkeys(self.values))
        )


def check_selection(call: ProbeCall[Selection]) -> None:
    """Raise `ParameterError` for gates or states of a step or LSTM unit that does not exist."""
    row = call.input.row
    parameters = call.parameters
    last = len(row["sequence"])
    if (step := max(parameters.steps or [0])) > last:
        raise ParameterError("steps", f"step {step} is not one of the sequence's, 0 to {last}")
    check_units(row, parameters.units)


def check_units(row: Row, chosen: Iterable[int] | None) -> None:
    """Check the units whose gates or states are selected against the units of the LSTM.

    Raises:
        ParameterError: A unit that does not exist, with the number of units.
    """
    units = len(row["cell"])
    if (unit := max(chosen or [0])) >= units:
        reason = f"unit {unit} is not one of the model's {units} (0 to {units - 1})"
        raise ParameterError("units", reason)


def check_gates(call: ProbeCall[Selection]) -> None:
    """Raise `ParameterError` also for gates of step 0 alone, the initial state, which has none."""
    parameters = call.parameters
    check_selection(call)
    # Among other steps, step 0 is left out of the gates; alone it would leave an empty tensor.
    if parameters.steps is not None and not any(parameters.steps):
        raise ParameterError("steps", "step 0 is the initial state, which has no gates")


def check_trace(call: ProbeCall[TraceSelection]) -> None:
    """Raise `ParameterError` also for a trace of step 0 alone that selects gates only."""
    stepped = not {*STATES, "logits"}.isdisjoint(call.parameters.names())
    (check_selection if stepped else check_gates)(call)


def traced(context: ProbeContext[Selection], name: str) -> Tensor:
    """Return one LSTM gate or state as a tensor: gates have steps 1 to T, states 0 to T."""
    chosen = context.parameters
    values = context.outputs[name]
    # States have one row more than gates: the initial state.
    first = 0 if name in STATES else 1
    steps: Sequence[int] = range(first, first + len(values))
    if chosen.steps is not None:
        steps = [step for step in chosen.steps if step >= first]
        values = values[np.array(steps, int) - first]
    coordinates: dict[str, Sequence[int]] = {"step": steps}
    if chosen.units is not None:
        values = values[:, chosen.units]
        coordinates["unit"] = chosen.units
    kind, values = KINDS[name], np.ascontiguousarray(values)
    colour = _colour(kind, values, chosen.cmap)
    return Tensor(name, kind, ("step", "unit"), values, coordinates, colour)


def _colour(kind: Kind, values: np.ndarray, cmap: str) -> Colour:
    """Return the colour rule of an LSTM gate or state: fixed limits for gates and tanh outputs."""
    match kind:
        case "gate":
            return colours.unit_interval(cmap)
        case "cell":
            return colours.signed(values)
        case _:
            return colours.tanh_interval()


def heatmap(context: ProbeContext[Selection], name: str) -> Heatmap:
    """Heatmap of one LSTM gate or state over steps and units."""
    return Heatmap(VALUE_TITLES[name], traced(context, name), "step")


def sequence_strip(context: ProbeContext[Parameters], cmap: str = "viridis") -> Heatmap:
    """Heatmap strip of the LSTM's input bits, oldest first, to show above the gates."""
    bits = context.input.row["sequence"]
    steps = {"step": range(1, len(bits) + 1)}
    colour = colours.unit_interval(cmap)
    return Heatmap("Sequence", Tensor("sequence", "input", ("step",), bits, steps, colour), "step")


def running_count(context: ProbeContext[Parameters]) -> Lines:
    """Line of ones minus zeros after each step, next to the gates: above zero, yes is correct."""
    # Unsigned bits would wrap around at 2 · 0 - 1.
    bits = context.input.row["sequence"].astype(np.int32)
    count = np.cumsum(2 * bits - 1, dtype=np.int32)
    steps = {"step": range(1, len(count) + 1)}
    tensor = Tensor("running_count", "count", ("step",), count, steps)
    return Lines("Ones minus zeros so far", (tensor,), "step", reference=0.0)


def running_probability(context: ProbeContext[Parameters]) -> Lines:
    """Line of the LSTM's probability of "yes" after each step, to show next to the gates."""
    yes = softmax(context.outputs["logits"])[:, 1]
    steps = {"step": range(1, len(yes) + 1)}
    colour = colours.unit_interval("viridis")
    tensor = Tensor("running_probability", "probability", ("step",), yes, steps, colour)
    return Lines("Probability of “more ones” so far", (tensor,), "step", (0.0, 1.0), 0.5)


def predict(context: ProbeContext[Parameters]) -> Figure:
    """Predicted answer of the LSTM, whether a sequence has more 1s than 0s, and its probability.

    `final_cell` and `final_hidden` are the state after the last step: send them as `initial_state`
    with the next bits to continue the sequence, and the number of steps up to there as
    `initial_steps`, which count for the warning about long sequences.
    """
    bars = class_bars(context.probabilities, LSTM_LABELS)
    return Panels("Prediction", (sequence_strip(context), bars, *final_state(context)))


def final_state(context: ProbeContext[Parameters]) -> tuple[Bars, Bars]:
    """Bars of the LSTM's cell and hidden state after the gates of the last step."""
    # The hidden state is a gate times a tanh, within -1 and 1; the cell state is unbounded.
    cell, hidden = context.outputs["final_cell"], context.outputs["final_hidden"]
    return (
        Bars("Cell state at the end", _vector("final_cell", "cell", cell)),
        Bars("Hidden state at the end", _vector("final_hidden", "hidden", hidden), (-1.0, 1.0)),
    )


def _vector(name: str, kind: Kind, values: np.ndarray) -> Tensor:
    return Tensor(name, kind, ("unit",), values, colour=_colour(kind, values, "viridis"))


def gates(context: ProbeContext[Selection]) -> Figure:
    """Gates of the LSTM at each step: forget, input and output gate, and the candidate.

    A gate is open near 1 and closed near 0. `step` counts from 1: the gates of step t are computed
    from bit t and the hidden state of step t - 1.
    """
    chosen = context.parameters
    shown = ("forget_gate", "input_gate", "output_gate", "candidate")
    return Panels(
        "Gates",
        (sequence_strip(context, chosen.cmap), *(heatmap(context, name) for name in shown)),
    )


def hidden(context: ProbeContext[Selection]) -> Figure:
    """Hidden state after the gates of each step; step 0 is the initial state."""
    return _state(context, "hidden", (-1.0, 1.0))


def cell(context: ProbeContext[Selection]) -> Figure:
    """Cell state, the long-term memory, after the gates of each step; step 0 is initial.

    The cell state is unbounded: that of a counting unit changes a little with each bit.
    """
    return _state(context, "cell", None)


def _state(
    context: ProbeContext[Selection], name: str, limits: tuple[float, float] | None
) -> Figure:
    """Figures of a state after the gates of each step: a heatmap, and a line for each unit."""
    chosen = context.parameters
    cells = heatmap(context, name)
    lines = Lines("The same, one line for each unit", (cells.tensor,), "step", limits, 0.0)
    return Panels(
        name.capitalize() + " state", (sequence_strip(context, chosen.cmap), cells, lines)
    )


def trace(context: ProbeContext[TraceSelection]) -> Figure:
    """Full trace of a sequence: gates, candidate, states and running logits.

    `values` selects some of them.
    """
    chosen = context.parameters
    parts = (
        running_logits(context) if name == "logits" else heatmap(context, name)
        for name in chosen.names()
    )
    return Panels("Trace", (sequence_strip(context, chosen.cmap), *parts))


def running_logits(context: ProbeContext[Parameters]) -> Lines:
    """Lines of the LSTM's logits after each step, to show below gates and states."""
    logits = context.outputs["logits"]
    coordinates: Coordinates = {"step": range(1, len(logits) + 1), "label": LSTM_LABELS}
    running = Tensor("logits", "logits", ("step", "label"), logits, coordinates)
    return Lines("Logits so far", (running,), "step", reference=0.0)


def summary(context: ProbeContext[Selection]) -> Figure:
    """Summary of a sequence: gates, states, running answer, and statistics of each LSTM unit.

    Roles, R², saturation and time constants describe the network, not this sequence: they are
    measured over fixed held-out sequences. A time constant is −1 / ln of the mean forget gate:
    infinite for a unit that never forgets, which JSON has as null with a warning.
    """
    chosen = context.parameters
    units = context.model.units
    if units is None:
        msg = "the model context of this probe needs unit statistics"
        raise ValueError(msg)
    measured = (Measure(f"role.{unit}", role) for unit, role in enumerate(units.roles))
    run: tuple[Figure, ...] = (
        sequence_strip(context, chosen.cmap),
        running_count(context),
        running_probability(context),
        *(heatmap(context, name) for name in TRACED_VALUES),
    )
    known = Panels(
        "What each unit does, over held-out sequences", _unit_figures(units, chosen.cmap), 2
    )
    return Panels("Summary", (*run, known), measures=tuple(measured))


def _unit_figures(units: UnitStatistics, cmap: str) -> tuple[Figure, ...]:
    """Figures of LSTM unit statistics over held-out sequences, to show below gates and states."""
    unit = colours.unit_interval(cmap)
    follows = [f"{state} · {quantity}" for state in STATES for quantity in QUANTITIES]
    ends = (f"< {SATURATED_LOW}", f"> {SATURATED_HIGH}")
    gate_ends = [f"{gate} {end}" for gate in GATES for end in ends]
    r2 = units.r2.reshape(len(follows), -1)
    saturation = units.saturation.reshape(len(gate_ends), -1)
    return (
        Heatmap(
            "R² with what a state may follow",
            Tensor("r2", "statistic", ("follows", "unit"), r2, {"follows": follows}, unit),
            "unit",
        ),
        Heatmap(
            "Share of steps at which a gate is saturated",
            Tensor(
                "saturation", "statistic", ("gate", "unit"), saturation, {"gate": gate_ends}, unit
            ),
            "unit",
        ),
        Bars(
            f"Time constant of the memory, in steps (bars end at {HELD_OUT_STEPS})",
            Tensor("time_constant", "statistic", ("unit",), units.time_constant),
            # The time constant of a counting unit can be infinite, or millions of steps.
            (0.0, float(HELD_OUT_STEPS)),
        ),
        Bars(
            "Change of the cell state for one more 1",
            Tensor("slope", "statistic", ("unit",), units.slope[0, 0]),
        ),
    )


def _of_trace(
    name: str,
    figure: Callable[[ProbeContext[Selection]], Figure],
    outputs: tuple[str, ...],
    check: Callable[[ProbeCall[Selection]], None] = check_selection,
) -> Probe:
    """Declare a probe of LSTM gates and states that reads some outputs of the trace program."""
    return Probe(
        family="sequence",
        name=name,
        figure=figure,
        parameters=Selection,
        program="trace",
        outputs=lambda *_: outputs,
        checkpoints=name != "summary",  # whose statistics are those of the trained network
        check=check,
        example={"units": "0,3"},
    )


PROBES = (
    Probe(family="sequence", name="predict", figure=predict, program="predict", checkpoints=True),
    _of_trace("gates", gates, (*GATES, "candidate"), check_gates),
    _of_trace("hidden", hidden, ("hidden",)),
    _of_trace("cell", cell, ("cell",)),
    _of_trace("summary", summary, TRACED_VALUES),
    Probe(
        family="sequence",
        name="trace",
        figure=trace,
        checkpoints=True,
        parameters=TraceSelection,
        program="trace",
        outputs=lambda _, parameters: parameters.names(),
        check=check_trace,
        example={"units": "0,3"},
    ),
)
