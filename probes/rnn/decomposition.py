"""Probes `memory` and `decomposition` of the LSTM: cell state and logit as sums over steps."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from jaxtyping import Float, Float64
from pydantic import Field

from models.simple_networks import MAX_STEPS
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
from probes.rnn.targets import LOGIT_WEIGHTS, TARGET_NAMES, LSTMTargetParameters

TRACED = ("input_gate", "forget_gate", "candidate", "output_gate", "cell")

StatesByUnit = Float64[np.ndarray, "states units"]
"""Values of each step and unit in a decomposition of the cell state; step 0 is initial."""


class MemoryParameters(Coloured):
    """Parameters of the probe `memory`: step and units whose cell state is decomposed."""

    step: int | None = Field(
        None,
        ge=1,
        le=MAX_STEPS,
        description="Step after which the cell state is decomposed; default the last.",
    )
    units: Indices | None = Field(None, description="Units to show, counted from 0; default all.")


def check_memory(call: ProbeCall[MemoryParameters]) -> None:
    """Raise `ParameterError` for a decomposition at a step or of a unit that does not exist."""
    row = call.input.row
    parameters = call.parameters
    last = len(row["sequence"])
    if parameters.step is not None and parameters.step > last:
        reason = f"step {parameters.step} is not one of the sequence's, 1 to {last}"
        raise ParameterError("step", reason)
    check_units(row, parameters.units)


def kept(forget_gate: Float[np.ndarray, "steps units"]) -> StatesByUnit:
    """Return the kept shares of a cell state's decomposition, products of later forget gates.

    The product of the forget gates of all later steps; the first share is of the initial state.
    """
    # Reversed, because each step needs the product of the gates after it.
    later = np.cumprod(forget_gate[::-1].astype(np.float64), axis=0)[::-1]
    return np.concatenate([later, np.ones_like(later[:1])])


def written(trace: Mapping[str, np.ndarray]) -> StatesByUnit:
    """Return the terms of the cell state's decomposition: initial, input gate × candidate."""
    i, g = (trace[name].astype(np.float64) for name in ("input_gate", "candidate"))
    return np.concatenate([trace["cell"][:1].astype(np.float64), i * g])


def _until(context: ProbeContext[Parameters], step: int) -> dict[str, np.ndarray]:
    """Return the part of a trace that the decomposition after a step reads."""
    return {
        # The cell state has one row more than the gates: the initial state.
        name: context.outputs[name][: step + 1 if name == "cell" else step]
        for name in TRACED
        if name in context.outputs
    }


def memory(context: ProbeContext[MemoryParameters]) -> Figure:
    """Decomposition of the cell state: each step's write, times the later forget gates.

    After step T the cell state is the sum over the steps j of input gate times candidate of step j,
    times the forget gates of all later steps; step 0 is the initial state. `contributions` are the
    summands, in float64, `kept` the products of forget gates; `rounding` is the largest difference
    of the sum from the cell state. The gates depend on earlier bits, so a contribution is not the
    effect of a bit: `/lstm/attribution` measures that.
    """
    parameters = context.parameters
    step = parameters.step or len(context.input.row["sequence"])
    trace = _until(context, step)
    share = kept(trace["forget_gate"])
    parts = share * written(trace)
    rounding = float(np.abs(parts.sum(axis=0) - trace["cell"][-1]).max())
    figures = _memory_figures(context, step, parts, share)
    measures = (Measure("step", step), Measure("rounding", rounding))
    return Panels("Memory", (sequence_strip(context, parameters.cmap), *figures), measures=measures)


def _memory_figures(
    context: ProbeContext[MemoryParameters], step: int, parts: StatesByUnit, share: StatesByUnit
) -> tuple[Figure, ...]:
    """Figures of the cell state's decomposition: contributions, kept shares, and cell state."""
    cell = context.outputs["cell"][step]
    chosen = context.parameters.units
    units = list(range(cell.size)) if chosen is None else chosen
    at = {"unit": units}
    by_step = {"step": range(step + 1), **at}
    axes = ("step", "unit")
    values, still = parts[:, units], share[:, units]
    colour = colours.unit_interval(context.parameters.cmap)
    return (
        Heatmap(
            f"Part of the cell state after step {step} that each step wrote",
            Tensor("contributions", "cell", axes, values, by_step, colours.signed(values)),
            "step",
        ),
        Heatmap(
            "Share of the state after each step that the forget gates have kept",
            Tensor("kept", "gate", axes, still, by_step, colour),
            "step",
        ),
        Bars(
            f"Cell state after step {step}",
            Tensor("cell", "cell", ("unit",), cell[units], at, colours.signed(cell[units])),
        ),
    )


class DecompositionParameters(LSTMTargetParameters):
    """Parameters of the probe `decomposition`: target logit, and split of the cell state."""

    split: Literal["change", "memory"] = Field(
        "change",
        description="Contribution of a step: the `change` of the cell state at that step, or the "
        "part of the final `memory` that it wrote. A forgetting counter has small early parts only "
        "in the second.",
    )


def path(trace: Mapping[str, np.ndarray], split: Literal["change", "memory"]) -> StatesByUnit:
    """Return the path of the decomposed cell state from step 0 to the last, for either split."""
    if split == "change":
        return trace["cell"].astype(np.float64)
    found: StatesByUnit = np.cumsum(kept(trace["forget_gate"]) * written(trace), axis=0)
    return found


def decomposition(context: ProbeContext[DecompositionParameters]) -> Figure:
    """Decomposition of the target logit into exact contributions of each step through each unit.

    The logit is the readout's bias plus its weights times output gate times tanh of the cell state,
    at the last step. That tanh is a telescoping sum over steps: `contributions` has the term of
    each step and unit, step 0 being the initial state, `by_step` and `by_unit` their sums. `bias`
    and all contributions sum to `logit`, up to `rounding`. All steps are weighted by the last
    output gate; a large contribution does not show that the answer would change without the step.
    """
    parameters = context.parameters
    target = LOGIT_WEIGHTS[parameters.target]
    readout = context.model.weights["readout.kernel"].astype(np.float64) @ target
    bias = float(context.model.weights["readout.bias"].astype(np.float64) @ target)
    logit = float(context.outputs["logits"][-1].astype(np.float64) @ target)
    values = np.tanh(path(context.outputs, parameters.split))
    gain = readout * context.outputs["output_gate"][-1].astype(np.float64)
    # tanh(0) = 0 in front: the first term is that of the initial state.
    parts = gain * np.diff(values, axis=0, prepend=0.0)
    measures = (
        Measure("bias", bias, "logits"),
        Measure("initial_state", float(parts[0].sum()), "logits"),
        Measure("logit", logit, "logits"),
        Measure("rounding", float(bias + parts.sum() - logit), "logits"),
    )
    title = f"Logit of {TARGET_NAMES[parameters.target]}, step by step"
    return Panels(title, (sequence_strip(context), *_sums(parts)), measures=measures)


def _sums(parts: StatesByUnit) -> tuple[Figure, ...]:
    """Figures of a logit's decomposition: contributions, and their sums over units and steps."""
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
        family="sequence",
        name="memory",
        figure=memory,
        parameters=MemoryParameters,
        program="trace",
        outputs=lambda *_: TRACED,
        checkpoints=True,
        check=check_memory,
        example={"step": "8"},
    ),
    Probe(
        family="sequence",
        name="decomposition",
        figure=decomposition,
        parameters=DecompositionParameters,
        program="trace",
        outputs=lambda *_: TRACED,
        checkpoints=True,
    ),
)
