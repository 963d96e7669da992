"""Probe `patching` of sequences: activation patching of each unit at each step."""

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from models.architecture import Architecture
from models.rnn.analyses import CHUNK
from models.rnn.programs import run_sequence
from models.runtime.programs import SLICE, Run
from probes.declaration import (
    ExtraFields,
    Indices,
    LayerChoice,
    ParameterError,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
)
from probes.figures import colours
from probes.figures.figures import Figure, Heatmap, Lines, Measure, Panels, Tensor
from probes.rnn.edits import EditedRun, SequenceEdit, edited_held, side_by_side
from probes.rnn.interventions import source_strip
from probes.rnn.layers import (
    RecurrentLayer,
    check_units_of,
    chosen_layer,
    state_names,
)
from probes.rnn.strips import sequence_strip
from probes.rnn.targets import compared_classes, logit_weights, weighted
from probes.rnn.values import LAYER_CHOICE, LAYER_DESCRIPTION
from probes.shared.edited_runs import logit_difference
from probes.shared.held_bytes import kept
from probes.shared.recovery import MIN_LOGIT_DIFFERENCE, recoveries_of

MAX_PATCHES = 1024
"""Most patches of the probe `patching`, steps times units; each is one run."""

MAX_PATCHED_STEPS = 1024
"""Longest sequence of the probe `patching`; each patch runs the whole sequence."""


def _patchable(architecture: Architecture) -> tuple[str, ...]:
    """Return the states that patching replaces, without the layer's name."""
    return tuple(dict.fromkeys(state.value for state in architecture.states))


class PatchingParameters(Parameters):
    """Parameters of the probe `patching`: state, layer, steps and units to patch."""

    value: Annotated[Literal["cell", "hidden"] | None, LayerChoice(_patchable)] = Field(
        None,
        description="State that is patched, one unit at one step at a time; default the cell "
        "state, and the hidden state of a layer without one.",
    )
    steps: Indices | None = Field(None, description="Steps to patch, counted from 1; default all.")
    units: Indices | None = Field(None, description="Units to patch, counted from 0; default all.")
    layer: Annotated[str | None, LAYER_CHOICE] = Field(None, description=f"{LAYER_DESCRIPTION}.")

    def of(self, architecture: Architecture) -> RecurrentLayer:
        """Return the recurrent layer whose state is patched."""
        return chosen_layer(architecture, self.layer)

    def state(self, architecture: Architecture) -> str:
        """Return the patched state, without the layer's name."""
        return self.value or self.of(architecture).states[0]


def places(call: ProbeCall[PatchingParameters]) -> tuple[list[int], list[int]]:
    """Return the steps and the units that activation patching replaces."""
    parameters = call.parameters
    every = range(1, len(call.input.row["sequence"]) + 1)
    steps = every if parameters.steps is None else parameters.steps
    units = parameters.units
    if units is None:
        units = list(range(parameters.of(call.model.architecture).units))
    return list(steps), list(units)


class PatchingSource(ExtraFields):
    """Extra fields of the probe `patching`: the sequence whose states are patched in."""

    source: dict[str, Any] = Field(
        description="Second sequence of equal length, as `sequence` and optional `initial_state`, "
        "whose states are patched in.",
    )


def check_patching(call: ProbeCall[PatchingParameters]) -> None:
    """Raise `ParameterError` for patching from another length, or with too many patches."""
    row = call.input.row
    parameters = call.parameters
    length, other = len(row["sequence"]), len(call.input.source["sequence"])
    if other != length:
        reason = f"the source has {other} steps and the sequence {length}: they must be equal"
        raise ParameterError("source", reason, "source")
    if length > MAX_PATCHED_STEPS:
        reason = f"patching takes sequences of up to {MAX_PATCHED_STEPS} steps, not {length}"
        raise ParameterError("value", reason)
    for step in parameters.steps or ():
        if not 1 <= step <= length:
            reason = f"step {step} is not one of the sequence's, 1 to {length}"
            raise ParameterError("steps", reason)
    layer = parameters.of(call.model.architecture)
    if parameters.state(call.model.architecture) not in layer.states:
        reason = f"value '{parameters.value}' is not one of {', '.join(layer.states)}"
        raise ParameterError("value", reason)
    check_units_of(layer, parameters.units)
    steps, units = places(call)
    if (patches := len(steps) * len(units)) > MAX_PATCHES:
        reason = f"{len(steps)} steps times {len(units)} units are {patches} runs; at most "
        reason += f"{MAX_PATCHES} are made: name fewer in steps or units"
        raise ParameterError("steps", reason)


def rows(call: ProbeCall[PatchingParameters]) -> int:
    """Return the number of program rows that all runs of activation patching take."""
    row = call.input.row
    steps, units = places(call)
    # One more at each step for the whole state; and prediction, source and baseline.
    runs = len(steps) * (len(units) + 1) + 3
    return runs * -(-len(row["sequence"]) // CHUNK)


def held(call: ProbeCall[PatchingParameters]) -> int:
    """Return the bytes that activation patching holds: some runs, and the states of the source."""
    architecture, length = call.model.architecture, len(call.input.row["sequence"])
    steps, units = places(call)
    runs = len(steps) * (len(units) + 1) + 1
    source = edited_held(architecture, 1, length, {"logits", *state_names(architecture)}, 0)
    states = sum(state.units for state in architecture.states)  # of one step
    patched = edited_held(architecture, min(runs, SLICE), length, {"logits"}, states)
    return source + patched + kept(runs, 0)


def run(call: ProbeCall[PatchingParameters]) -> Run:
    """Run activation patching: once for each step and unit, the source's state patched in."""
    row, architecture = call.input.row, call.model.architecture
    layer, value = call.parameters.of(architecture), call.parameters.state(architecture)
    predicted = yield from run_sequence(architecture, "predict", row, frozenset({"logits"}))
    weights = logit_weights(architecture, predicted["logits"])
    wanted, states = frozenset({"logits"}), state_names(architecture)
    # One run of the source has the states that all patches take.
    donor = EditedRun(architecture, call.input.source)
    (source,) = yield from side_by_side([donor], wanted | set(states))
    steps, units = places(call)

    def runs() -> Iterator[EditedRun]:
        yield EditedRun(architecture, row)
        for step in steps:
            yield EditedRun(architecture, row, [_patch(name, step) for name in states], source)
        for step in steps:
            for unit in units:
                patch = _patch(layer.value(value), step, unit)
                yield EditedRun(architecture, row, [patch], source)

    # Only the logit difference of each run is kept: a thousand runs of states would not fit.
    coming, patched = runs(), []
    while taken := tuple(islice(coming, SLICE)):
        found = yield from side_by_side(taken, wanted)
        patched += [weighted(one["logits"], weights) for one in found]
    baseline, whole, single = patched[0], patched[1 : len(steps) + 1], patched[len(steps) + 1 :]
    return {
        **predicted,
        "baseline": np.asarray(baseline),
        "source": np.asarray(weighted(source["logits"], weights)),
        "whole": np.array(whole),
        "single": np.array(single).reshape(len(steps), len(units)),
    }


def _patch(name: str, step: int, *units: int) -> SequenceEdit:
    """Return a patch as an edit: one state at one step, of the given units or of all."""
    return SequenceEdit(value=name, units=units or None, steps=(step, step), operation="patch")


def patching(context: ProbeContext[PatchingParameters]) -> Figure:
    """Activation patching: effect of each unit's state at each step on the logit difference.

    One value at a time is replaced by that of the run on `source`. `recovery` is the share of the
    way that this moves the logit difference from that of the sequence (0) to that of `source` (1),
    negative in the other direction. With two classes the logit difference is the second minus the
    first (yes minus no), with more the predicted class minus the next. `whole_state` is the
    recovery when all states of all units are replaced at a step: it shows at which step the state
    holds the difference.
    `recovery` is computed from `logit_difference`, and NaN where both sequences have equal ones.
    Choose sequences that differ as little as possible, such as in one bit; a unit without effect of
    its own may still replace another unit that is patched.
    """
    baseline, source = float(context.outputs["baseline"]), float(context.outputs["source"])
    measures = (
        logit_difference("baseline", baseline),
        logit_difference("source", source),
        *_strongest(context),
    )
    strips = (sequence_strip(context), source_strip(context))
    architecture = context.model.architecture
    layer = context.parameters.of(architecture)
    title = layer.titled(f"Patching of the {context.parameters.state(architecture)} state")
    return Panels(title, (*strips, *_effects(context, baseline, source)), measures=measures)


def _effects(
    context: ProbeContext[PatchingParameters], baseline: float, source: float
) -> tuple[Figure, ...]:
    """Figures of activation patching: recovery by unit and by whole state, logit differences."""
    steps, units = places(context)
    axes, at = ("step", "unit"), {"step": steps, "unit": units}
    single = context.outputs["single"]
    shares = recoveries_of(single, baseline, source).astype(np.float32)
    recovery = Tensor("recovery", "effect", axes, shares, at, colours.signed(shares, "fixed"))
    whole = recoveries_of(context.outputs["whole"], baseline, source).astype(np.float32)
    moved = single.astype(np.float32)
    differences = Tensor("logit_difference", "effect", axes, moved, at, colours.signed(moved))
    positive, negative = _compared(context)
    return (
        Heatmap("Recovery by each unit at each step", recovery, "step"),
        Lines(
            f"Recovery by {_all_states(context)} of all units",
            (Tensor("whole_state", "effect", ("step",), whole, {"step": steps}),),
            "step",
            reference=0.0,
        ),
        Heatmap(f"Logit of {positive} minus that of {negative}, patched", differences, "step"),
    )


def _all_states(context: ProbeContext[PatchingParameters]) -> str:
    """Return the states of a network in the title of patching: `both states` of one LSTM."""
    number = len(context.model.architecture.states)
    return {1: "the state", 2: "both states"}.get(number, "all states")


def _compared(context: ProbeContext[PatchingParameters]) -> tuple[str, str]:
    """Return the two classes whose logits patching compares, the positive one first."""
    classes = context.model.architecture.classes
    positive, negative = compared_classes(context.logits)
    return classes[positive], classes[negative]


def _strongest(context: ProbeContext[PatchingParameters]) -> tuple[Measure, ...]:
    """Measures of the patch with the largest recovery; none where recovery is undefined."""
    baseline, source = float(context.outputs["baseline"]), float(context.outputs["source"])
    if abs(source - baseline) < MIN_LOGIT_DIFFERENCE:
        return ()
    shares = recoveries_of(context.outputs["single"], baseline, source)
    steps, units = places(context)
    # Largest, not largest in magnitude: a negative recovery moves away from the source.
    step, unit = np.unravel_index(shares.argmax(), shares.shape)
    return (Measure("strongest_step", steps[step]), Measure("strongest_unit", units[unit]))


PROBES = (
    Probe(
        family="sequence",
        name="patching",
        figure=patching,
        parameters=PatchingParameters,
        run=run,
        rows=rows,
        held=held,
        body=PatchingSource,
        checkpoints=True,
        check=check_patching,
        posted={"source": {"sequence": "1011001010"}},
    ),
)
