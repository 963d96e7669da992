"""Probe `patching` of the LSTM: activation patching of each unit at each step."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import numpy as np
from pydantic import Field

from models.rnn.analyses import CHUNK
from models.rnn.counting import run_lstm
from models.runtime.programs import SLICE, Row, Run
from probes.declaration import (
    ExtraFields,
    Indices,
    ParameterError,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
)
from probes.figures import colours
from probes.figures.figures import Figure, Heatmap, Lines, Measure, Panels, Tensor
from probes.rnn.edits import EditedRun, LSTMEdit, ValueName, side_by_side
from probes.rnn.gates import check_units, sequence_strip
from probes.rnn.interventions import source_strip
from probes.rnn.targets import difference
from probes.shared.recovery import MIN_LOGIT_DIFFERENCE, recoveries_of

MAX_PATCHES = 1024
"""Most patches of the probe `patching`, steps times units; each is one run."""

MAX_PATCHED_STEPS = 1024
"""Longest sequence of the probe `patching`; each patch runs the whole sequence."""

STATE_VALUES: tuple[ValueName, ...] = ("cell", "hidden")
"""LSTM states that the probe `patching` replaces: those that one step passes to the next."""


class PatchingParameters(Parameters):
    """Parameters of the probe `patching`: state, steps and units to patch."""

    value: Literal["cell", "hidden"] = Field(
        "cell", description="State that is patched, one unit at one step at a time."
    )
    steps: Indices | None = Field(None, description="Steps to patch, counted from 1; default all.")
    units: Indices | None = Field(None, description="Units to patch, counted from 0; default all.")

    def places(self, row: Row) -> tuple[list[int], list[int]]:
        """Return the steps and the units that activation patching replaces."""
        steps = range(1, len(row["sequence"]) + 1) if self.steps is None else self.steps
        units = range(len(row["cell"])) if self.units is None else self.units
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
    check_units(row, parameters.units)
    steps, units = parameters.places(row)
    if (patches := len(steps) * len(units)) > MAX_PATCHES:
        reason = f"{len(steps)} steps times {len(units)} units are {patches} runs; at most "
        reason += f"{MAX_PATCHES} are made: name fewer in steps or units"
        raise ParameterError("steps", reason)


def rows(call: ProbeCall[PatchingParameters]) -> int:
    """Return the number of program rows that all runs of activation patching take."""
    row = call.input.row
    steps, units = call.parameters.places(row)
    # One more at each step for the whole state; and prediction, source and baseline.
    runs = len(steps) * (len(units) + 1) + 3
    return runs * -(-len(row["sequence"]) // CHUNK)


def run(call: ProbeCall[PatchingParameters]) -> Run:
    """Run activation patching: once for each step and unit, the source's state patched in."""
    row = call.input.row
    parameters = call.parameters
    predicted = yield from run_lstm("predict", row, frozenset({"logits"}))
    wanted = frozenset({"logits"})
    # One run of the source has the states that all patches take.
    (source,) = yield from side_by_side([EditedRun(call.input.source)], wanted | set(STATE_VALUES))
    steps, units = parameters.places(row)

    def runs() -> Iterator[EditedRun]:
        yield EditedRun(row)
        for step in steps:
            yield EditedRun(row, [_patch(name, step) for name in STATE_VALUES], source)
        for step in steps:
            for unit in units:
                yield EditedRun(row, [_patch(parameters.value, step, unit)], source)

    # Only the logit difference of each run is kept: a thousand runs of states would not fit.
    coming, patched = runs(), []
    while taken := tuple(islice(coming, SLICE)):
        found = yield from side_by_side(taken, wanted)
        patched += [difference(one["logits"]) for one in found]
    baseline, whole, single = patched[0], patched[1 : len(steps) + 1], patched[len(steps) + 1 :]
    return {
        **predicted,
        "baseline": np.asarray(baseline),
        "source": np.asarray(difference(source["logits"])),
        "whole": np.array(whole),
        "single": np.array(single).reshape(len(steps), len(units)),
    }


def _patch(name: ValueName, step: int, *units: int) -> LSTMEdit:
    """Return a patch as an edit: one state at one step, of the given units or of all."""
    return LSTMEdit(value=name, units=units or None, steps=(step, step), operation="patch")


def patching(context: ProbeContext[PatchingParameters]) -> Figure:
    """Activation patching: effect of each unit's state at each step on the logit difference.

    One value at a time is replaced by that of the run on `source`. `recovery` is the share of the
    way that this moves the logit difference, yes minus no, from that of the sequence (0) to that of
    `source` (1), negative in the other direction. `whole_state` is the recovery when both states of
    all units are replaced at a step: it shows at which step the state holds the difference.
    `recovery` is computed from `logit_difference`, and NaN where both sequences have equal ones.
    Choose sequences that differ as little as possible, such as in one bit; a unit without effect of
    its own may still replace another unit that is patched.
    """
    baseline, source = float(context.outputs["baseline"]), float(context.outputs["source"])
    measures = (
        Measure("logit_difference_baseline", baseline, "logits"),
        Measure("logit_difference_source", source, "logits"),
        *_strongest(context),
    )
    strips = (sequence_strip(context), source_strip(context))
    title = f"Patching of the {context.parameters.value} state"
    return Panels(title, (*strips, *_effects(context, baseline, source)), measures=measures)


def _effects(
    context: ProbeContext[PatchingParameters], baseline: float, source: float
) -> tuple[Figure, ...]:
    """Figures of activation patching: recovery by unit and by whole state, logit differences."""
    steps, units = context.parameters.places(context.input.row)
    axes, at = ("step", "unit"), {"step": steps, "unit": units}
    single = context.outputs["single"]
    shares = recoveries_of(single, baseline, source).astype(np.float32)
    recovery = Tensor("recovery", "effect", axes, shares, at, colours.signed(shares, "fixed"))
    whole = recoveries_of(context.outputs["whole"], baseline, source).astype(np.float32)
    moved = single.astype(np.float32)
    differences = Tensor("logit_difference", "effect", axes, moved, at, colours.signed(moved))
    return (
        Heatmap("Recovery by each unit at each step", recovery, "step"),
        Lines(
            "Recovery by both states of all units",
            (Tensor("whole_state", "effect", ("step",), whole, {"step": steps}),),
            "step",
            reference=0.0,
        ),
        Heatmap("Logit of yes minus that of no, patched", differences, "step"),
    )


def _strongest(context: ProbeContext[PatchingParameters]) -> tuple[Measure, ...]:
    """Measures of the patch with the largest recovery; none where recovery is undefined."""
    baseline, source = float(context.outputs["baseline"]), float(context.outputs["source"])
    if abs(source - baseline) < MIN_LOGIT_DIFFERENCE:
        return ()
    shares = recoveries_of(context.outputs["single"], baseline, source)
    steps, units = context.parameters.places(context.input.row)
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
        body=PatchingSource,
        checkpoints=True,
        check=check_patching,
        posted={"source": {"sequence": "1011001010"}},
    ),
)
