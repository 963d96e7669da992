"""Probes `memory` and `decomposition` of sequences: state and logit as sums over steps."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float, Float64
from pydantic import Field

from models.architecture import KEEPING_GATES, MAX_STEPS, Architecture
from probes.declaration import (
    Coloured,
    Indices,
    LayerChoice,
    ParameterError,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
)
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Lines, Measure, Panels, Tensor
from probes.rnn.layers import (
    RecurrentLayer,
    check_units_of,
    chosen_layer,
    gated_names,
    recurrent_layers,
)
from probes.rnn.needs import HAS_GATES, HAS_LINEAR_READOUT
from probes.rnn.readout import Readout
from probes.rnn.strips import sequence_strip
from probes.rnn.targets import SequenceTargetParameters, logit_weights, target_title
from probes.rnn.values import GATED_CHOICE, LAYER_DESCRIPTION

Split = Literal["change", "memory"]

MEMORIES: Mapping[str, str] = {"lstm": "cell", "gru": "hidden", "rnn": "hidden"}
"""State of each kind of cell whose decomposition over steps is shown."""

READ: Mapping[str, tuple[str, ...]] = {
    "lstm": ("input_gate", "forget_gate", "candidate", "output_gate", "cell"),
    "gru": ("update_gate", "candidate", "hidden"),
    "rnn": ("hidden",),
}
"""Values of each kind of cell that a decomposition reads."""

StatesByUnit = Float64[np.ndarray, "states units"]
"""Values of each step and unit in a decomposition of a state; step 0 is initial."""


class MemoryParameters(Coloured):
    """Parameters of the probe `memory`: step, layer and units whose state is decomposed."""

    step: int | None = Field(
        None,
        ge=1,
        le=MAX_STEPS,
        description="Step after which the cell state is decomposed; default the last.",
    )
    units: Indices | None = Field(None, description="Units to show, counted from 0; default all.")
    layer: Annotated[str | None, GATED_CHOICE] = Field(
        None, description=f"{LAYER_DESCRIPTION} with gates."
    )

    def of(self, architecture: Architecture) -> RecurrentLayer:
        """Return the layer whose state is decomposed; the last one with gates by default."""
        return chosen_layer(architecture, self.layer, gated_names(architecture))


def check_memory(call: ProbeCall[MemoryParameters]) -> None:
    """Raise `ParameterError` for a decomposition at a step or of a unit that does not exist."""
    parameters = call.parameters
    last = len(call.input.row["sequence"])
    if parameters.step is not None and parameters.step > last:
        reason = f"step {parameters.step} is not one of the sequence's, 1 to {last}"
        raise ParameterError("step", reason)
    check_units_of(parameters.of(call.model.architecture), parameters.units)


def kept(gate: Float[np.ndarray, "steps units"]) -> StatesByUnit:
    """Return the kept shares of a state's decomposition: products of later forget gates.

    Those of a GRU are its update gates. The first share is that of the initial state.
    """
    # Reversed, because each step needs the product of the gates after it.
    later = np.cumprod(gate[::-1].astype(np.float64), axis=0)[::-1]
    return np.concatenate([later, np.ones_like(later[:1])])


def written(cell: str, trace: Mapping[str, np.ndarray]) -> StatesByUnit:
    """Return the terms of a state's decomposition: the initial state, and each step's write.

    An LSTM writes input gate × candidate, a GRU (1 − update gate) × candidate.

    Args:
        cell: Kind of cell, `lstm` or `gru`.
        trace: Values of the layer, without its name.
    """
    g = trace["candidate"].astype(np.float64)
    if cell == "lstm":
        i = trace["input_gate"].astype(np.float64)
        return np.concatenate([trace["cell"][:1].astype(np.float64), i * g])
    z = trace["update_gate"].astype(np.float64)
    return np.concatenate([trace["hidden"][:1].astype(np.float64), (1.0 - z) * g])


def _trace_of(
    context: ProbeContext[Parameters], layer: RecurrentLayer, step: int
) -> dict[str, np.ndarray]:
    """Return the part of a layer's trace that the decomposition after a step reads."""
    return {
        # States have one row more than the gates: the initial state.
        name: context.outputs[layer.value(name)][: step + 1 if name in layer.states else step]
        for name in READ[layer.cell]
    }


def memory(context: ProbeContext[MemoryParameters]) -> Figure:
    """Decomposition of the cell state: each step's write, times the later forget gates.

    After step T the cell state is the sum over the steps j of input gate times candidate of step j,
    times the forget gates of all later steps; step 0 is the initial state. `contributions` are the
    summands, in float64, `kept` the products of forget gates; `rounding` is the largest difference
    of the sum from the cell state. The gates depend on earlier steps, so a contribution is not the
    effect of a step's input: the probe `attribution` measures that. Of a GRU the hidden state is
    such a sum, of (1 − update gate) times candidate, times the later update gates.
    """
    parameters = context.parameters
    layer = parameters.of(context.model.architecture)
    step = parameters.step or len(context.input.row["sequence"])
    trace = _trace_of(context, layer, step)
    share = kept(trace[KEEPING_GATES[layer.cell]])
    parts = share * written(layer.cell, trace)
    state = MEMORIES[layer.cell]
    rounding = float(np.abs(parts.sum(axis=0) - trace[state][-1]).max())
    figures = _memory_figures(context, step, parts, share)
    measures = (Measure("step", step), Measure("rounding", rounding))
    strip = sequence_strip(context, parameters.cmap)
    return Panels(layer.titled("Memory"), (strip, *figures), measures=measures)


def _memory_figures(
    context: ProbeContext[MemoryParameters], step: int, parts: StatesByUnit, share: StatesByUnit
) -> tuple[Figure, ...]:
    """Figures of a state's decomposition: contributions, kept shares, and the state."""
    layer = context.parameters.of(context.model.architecture)
    state, gate = MEMORIES[layer.cell], KEEPING_GATES[layer.cell].replace("_", " ")
    name = layer.value(state)
    cell = context.outputs[name][step]
    chosen = context.parameters.units
    units = list(range(cell.size)) if chosen is None else chosen
    at = {"unit": units}
    by_step = {"step": range(step + 1), **at}
    axes = ("step", "unit")
    values, still = parts[:, units], share[:, units]
    colour = colours.unit_interval(context.parameters.cmap)
    return (
        Heatmap(
            f"Part of the {state} state after step {step} that each step wrote",
            Tensor(
                "contributions",
                context.model.architecture.layers[name].kind,
                axes,
                values,
                by_step,
                colours.signed(values),
            ),
            "step",
        ),
        Heatmap(
            f"Share of the state after each step that the {gate}s have kept",
            Tensor("kept", "gate", axes, still, by_step, colour),
            "step",
        ),
        Bars(
            f"{state.capitalize()} state after step {step}",
            Tensor(
                name,
                context.model.architecture.layers[name].kind,
                ("unit",),
                cell[units],
                at,
                colours.signed(cell[units]),
            ),
        ),
    )


def _splits(architecture: Architecture) -> Iterable[Split]:
    """Return the splits of a decomposition: a plain RNN has no gates that keep its memory."""
    return ("change", "memory") if gated_names(architecture) else ("change",)


class DecompositionParameters(SequenceTargetParameters):
    """Parameters of the probe `decomposition`: target logit, and split of the cell state."""

    split: Annotated[Split, LayerChoice(_splits)] = Field(
        "change",
        description="Contribution of a step: the `change` of the cell state at that step, or the "
        "part of the final `memory` that it wrote. A forgetting counter has small early parts only "
        "in the second. Of a GRU the hidden state is split, of a plain RNN by `change` alone.",
    )


def path(cell: str, trace: Mapping[str, np.ndarray], split: Split) -> StatesByUnit:
    """Return the path of the decomposed state from step 0 to the last, for either split.

    Args:
        cell: Kind of cell, such as `lstm`.
        trace: Values of the layer, without its name.
        split: One that the cell has.
    """
    if split == "change":
        return trace[MEMORIES[cell]].astype(np.float64)
    share = kept(trace[KEEPING_GATES[cell]])
    found: StatesByUnit = np.cumsum(share * written(cell, trace), axis=0)
    return found


def decomposition(context: ProbeContext[DecompositionParameters]) -> Figure:
    """Decomposition of the target logit into exact contributions of each step through each unit.

    The logit is the readout's bias plus its weights times output gate times tanh of the cell state,
    at the last step. That tanh is a telescoping sum over steps: `contributions` has the term of
    each step and unit, step 0 being the initial state, `by_step` and `by_unit` their sums. `bias`
    and all contributions sum to `logit`, up to `rounding`. All steps are weighted by the last
    output gate; a large contribution does not show that the answer would change without the step.
    Of a GRU and of a plain RNN the hidden state, which the readout reads, is itself such a sum.
    """
    parameters, architecture = context.parameters, context.model.architecture
    (layer,) = recurrent_layers(architecture)
    logits = context.outputs["logits"][-1]
    target = logit_weights(architecture, logits, parameters.target)
    linear = Readout.of(architecture, context.model.weights)
    readout, bias = linear.kernel @ target, float(linear.bias @ target)
    logit = float(logits.astype(np.float64) @ target)
    trace = _trace_of(context, layer, len(context.input.row["sequence"]))
    values, gain = path(layer.cell, trace, parameters.split), readout
    if layer.cell == "lstm":
        values, gain = np.tanh(values), readout * trace["output_gate"][-1].astype(np.float64)
    # tanh(0) = 0 in front: the first term is that of the initial state.
    parts = gain * np.diff(values, axis=0, prepend=0.0)
    measures = (
        Measure("bias", bias, "logits"),
        Measure("initial_state", float(parts[0].sum()), "logits"),
        Measure("logit", logit, "logits"),
        Measure("rounding", float(bias + parts.sum() - logit), "logits"),
    )
    title = f"Logit of {target_title(architecture, logits, parameters.target)}, step by step"
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


def _memory_outputs(architecture: Architecture, chosen: MemoryParameters) -> Iterable[str]:
    layer = chosen.of(architecture)
    return map(layer.value, READ[layer.cell])


def _logit_outputs(architecture: Architecture, _: DecompositionParameters) -> Iterable[str]:
    return READ[recurrent_layers(architecture)[0].cell]


PROBES = (
    Probe(
        family="sequence",
        name="memory",
        figure=memory,
        parameters=MemoryParameters,
        program="trace",
        outputs=_memory_outputs,
        checkpoints=True,
        check=check_memory,
        example={"step": "8"},
        needs=(HAS_GATES,),
    ),
    Probe(
        family="sequence",
        name="decomposition",
        figure=decomposition,
        parameters=DecompositionParameters,
        program="trace",
        outputs=_logit_outputs,
        checkpoints=True,
        needs=(HAS_LINEAR_READOUT,),
    ),
)
