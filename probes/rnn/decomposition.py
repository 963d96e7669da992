"""Exact decompositions of a run of the LSTM: of its memory, and of its answer, into steps."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64
from pydantic import Field

from models.architecture import MAX_STEPS
from probes.declaration import (
    Coloured,
    Indices,
    ParameterError,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
)
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Lines, Measure, Panels, Tensor
from probes.rnn.gates import check_units, sequence_strip
from probes.rnn.targets import NAMES, WEIGHTS, LSTMTargeted

TRACED = ("input_gate", "forget_gate", "candidate", "output_gate", "cell")

Written = Float64[np.ndarray, "states units"]
"""Of each step from 0, the initial state, and each unit."""


class MemoryParameters(Coloured):
    """Whose cell state is taken apart."""

    step: int | None = Field(
        None,
        ge=1,
        le=MAX_STEPS,
        description="After which step; after the last where left out.",
    )
    units: Indices | None = Field(
        None, description="Units to show, counted from 0; all where left out."
    )


def check_memory(call: ProbeCall[MemoryParameters]) -> None:
    """Refuse a step after the end of the sequence, and a unit that the model does not have."""
    row = call.input.row
    parameters = call.parameters
    last = len(row["sequence"])
    if parameters.step is not None and parameters.step > last:
        reason = f"step {parameters.step} is not one of the sequence's, 1 to {last}"
        raise ParameterError("step", reason)
    check_units(row, parameters.units)


def kept(forget_gate: Float[np.ndarray, "steps units"]) -> Written:
    """Return the share of what was there after each step, from 0, that is there after the last.

    It is the product of the forget gates of all later steps.
    """
    later = np.cumprod(forget_gate[::-1].astype(np.float64), axis=0)[::-1]
    return np.concatenate([later, np.ones_like(later[:1])])


def written(trace: Mapping[str, np.ndarray]) -> Written:
    """Return what each step wrote into the cell state, and the initial state before them."""
    i, g = (trace[name].astype(np.float64) for name in ("input_gate", "candidate"))
    return np.concatenate([trace["cell"][:1].astype(np.float64), i * g])


def _until(context: ProbeContext[Parameters], step: int) -> dict[str, np.ndarray]:
    """Return a trace up to a step."""
    return {
        name: context.outputs[name][: step + 1 if name == "cell" else step]
        for name in TRACED
        if name in context.outputs
    }


def memory(context: ProbeContext[MemoryParameters]) -> Figure:
    """What each step wrote into the cell state, and how much of it is still there.

    After step T the cell state is the sum over the steps j of what step j wrote, input gate times
    candidate, times the forget gates of all later steps; step 0 is the initial state.
    `contributions` are the summands, in float64, `kept` the products of forget gates; `rounding` is
    the largest difference of the sum from the cell state itself. The gates depend on what was read
    before, so this is a share of the memory, not the effect of a bit: `/lstm/attribution` has that.
    """
    parameters = context.parameters
    step = parameters.step or len(context.input.row["sequence"])
    trace = _until(context, step)
    share = kept(trace["forget_gate"])
    parts = share * written(trace)
    cell = trace["cell"][-1]
    rounding = float(np.abs(parts.sum(axis=0) - cell).max())
    units = list(range(cell.size)) if parameters.units is None else parameters.units
    at = {"unit": units}
    by_step = {"step": range(step + 1), **at}
    axes = ("step", "unit")
    contributions, still = parts[:, units], share[:, units]
    figures = (
        Heatmap(
            f"Part of the cell state after step {step} that each step wrote",
            Tensor(
                "contributions",
                "cell",
                axes,
                contributions,
                by_step,
                colours.signed(contributions),
            ),
            "step",
        ),
        Heatmap(
            "Share of the state after each step that the forget gates have kept",
            Tensor("kept", "gate", axes, still, by_step, colours.unit_interval(parameters.cmap)),
            "step",
        ),
        Bars(
            f"Cell state after step {step}",
            Tensor("cell", "cell", ("unit",), cell[units], at, colours.signed(cell[units])),
        ),
    )
    measures = (Measure("step", step), Measure("rounding", rounding))
    return Panels("Memory", (sequence_strip(context, parameters.cmap), *figures), measures=measures)


class DecompositionParameters(LSTMTargeted):
    """What is taken apart, and how."""

    split: Literal["change", "memory"] = Field(
        "change",
        description="What is a step's part: the `change` of the cell state at that step, or what "
        "of the final `memory` that step wrote. A counter that forgets has small early parts in "
        "the second alone.",
    )


def path(trace: Mapping[str, np.ndarray], split: Literal["change", "memory"]) -> Written:
    """Return by which values, from step 0 on, the cell state comes to what it is at the end."""
    if split == "change":
        return trace["cell"].astype(np.float64)
    found: Written = np.cumsum(kept(trace["forget_gate"]) * written(trace), axis=0)
    return found


def decomposition(context: ProbeContext[DecompositionParameters]) -> Figure:
    """The answer as an exact sum over steps: what each of them adds to a logit, unit by unit.

    The logit is the readout's bias plus its weights times output gate times tanh of the cell state,
    at the last step. That tanh is a telescoping sum over steps: `contributions` has what each step
    adds through each unit, step 0 being the initial state, `by_step` and `by_unit` their sums.
    `bias` and all contributions add up to `logit`, but for `rounding`. Parts of early steps are
    weighed by the last output gate, whatever it was then; that a step adds much does not say that
    the answer would change without it.
    """
    parameters = context.parameters
    target = WEIGHTS[parameters.target]
    readout = context.model.weights["readout.kernel"].astype(np.float64) @ target
    bias = float(context.model.weights["readout.bias"].astype(np.float64) @ target)
    logit = float(context.outputs["logits"][-1].astype(np.float64) @ target)
    values = np.tanh(path(context.outputs, parameters.split))
    gain = readout * context.outputs["output_gate"][-1].astype(np.float64)
    parts = gain * np.diff(values, axis=0, prepend=0.0)
    measures = (
        Measure("bias", bias, "logits"),
        Measure("initial_state", float(parts[0].sum()), "logits"),
        Measure("logit", logit, "logits"),
        Measure("rounding", float(bias + parts.sum() - logit), "logits"),
    )
    title = f"Logit of {NAMES[parameters.target]}, step by step"
    return Panels(title, (sequence_strip(context), *_sums(parts)), measures=measures)


def _sums(parts: Written) -> tuple[Figure, ...]:
    """Draw the parts, and their sums over units and over steps."""
    steps = {"step": range(len(parts))}
    by_step, by_unit = parts.sum(axis=1), parts.sum(axis=0)
    axes = ("step", "unit")
    return (
        Heatmap(
            "What each step adds through each unit",
            Tensor("contributions", "attribution", axes, parts, steps, colours.signed(parts)),
            "step",
        ),
        Lines(
            "What each step adds",
            (Tensor("by_step", "attribution", ("step",), by_step, steps),),
            "step",
            reference=0.0,
        ),
        Bars(
            "What each unit adds, over all steps",
            Tensor("by_unit", "attribution", ("unit",), by_unit, colour=colours.signed(by_unit)),
        ),
    )


PROBES = (
    Probe(
        model="lstm",
        name="memory",
        figure=memory,
        parameters=MemoryParameters,
        program="trace",
        outputs=lambda _: TRACED,
        checkpoints=True,
        check=check_memory,
        example={"step": "8"},
    ),
    Probe(
        model="lstm",
        name="decomposition",
        figure=decomposition,
        parameters=DecompositionParameters,
        program="trace",
        outputs=lambda _: TRACED,
        checkpoints=True,
    ),
)
