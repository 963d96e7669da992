"""Which unit at which step carries what makes one sequence's answer different from another's."""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Literal

import numpy as np
from pydantic import Field

from models.rnn.analyses import CHUNK
from models.rnn.programs import run_lstm
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
from probes.shared.recovery import NEGLIGIBLE, shares_of_way

MAX_PATCHES = 1024
"""Steps times units: runs with one value patched each."""

MAX_PATCHED_STEPS = 1024
"""Each of these runs reads the whole sequence."""

WHOLE: tuple[ValueName, ...] = ("cell", "hidden")
"""The whole state that one step hands to the next."""


class PatchingParameters(Parameters):
    """Which values are patched."""

    value: Literal["cell", "hidden"] = Field(
        "cell", description="The state whose values are patched, one unit at one step at a time."
    )
    steps: Indices | None = Field(
        None, description="Steps to patch, counted from 1; all where left out."
    )
    units: Indices | None = Field(
        None, description="Units to patch, counted from 0; all where left out."
    )

    def places(self, row: Row) -> tuple[list[int], list[int]]:
        """Return the steps and the units to patch."""
        steps = range(1, len(row["sequence"]) + 1) if self.steps is None else self.steps
        units = range(len(row["cell"])) if self.units is None else self.units
        return list(steps), list(units)


class PatchingSource(ExtraFields):
    """Where the values come from."""

    source: dict[str, Any] = Field(
        description="A second sequence of the same length, in `sequence` and perhaps "
        "`initial_state`, whose values take the place of this one's.",
    )


def check_patching(call: ProbeCall[PatchingParameters]) -> None:
    """Refuse a source of another length, what the run does not have, and too many patches."""
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
    """Return how many rows a grid makes."""
    row = call.input.row
    parameters = call.parameters
    steps, units = parameters.places(row)
    runs = len(steps) * (len(units) + 1) + 3
    return runs * -(-len(row["sequence"]) // CHUNK)


def run(call: ProbeCall[PatchingParameters]) -> Run:
    """Run the sequence once for each place, with the source's value there."""
    row = call.input.row
    parameters = call.parameters
    said = yield from run_lstm("predict", row, frozenset({"logits"}))
    wanted = frozenset({"logits"})
    (source,) = yield from side_by_side([EditedRun(call.input.source)], wanted | set(WHOLE))
    steps, units = parameters.places(row)

    def runs() -> Iterator[EditedRun]:
        yield EditedRun(row)
        for step in steps:
            yield EditedRun(row, [_patch(name, step) for name in WHOLE], source)
        for step in steps:
            for unit in units:
                yield EditedRun(row, [_patch(parameters.value, step, unit)], source)

    coming, patched = runs(), []
    while taken := tuple(islice(coming, SLICE)):
        found = yield from side_by_side(taken, wanted)
        patched += [difference(one["logits"]) for one in found]
    baseline, whole, single = patched[0], patched[1 : len(steps) + 1], patched[len(steps) + 1 :]
    return {
        **said,
        "baseline": np.asarray(baseline),
        "source": np.asarray(difference(source["logits"])),
        "whole": np.array(whole),
        "single": np.array(single).reshape(len(steps), len(units)),
    }


def _patch(name: ValueName, step: int, *units: int) -> LSTMEdit:
    """Declare that a state of one step is the source's: of these units, of all where none."""
    return LSTMEdit(value=name, units=units or None, steps=(step, step), operation="patch")


def patching(context: ProbeContext[PatchingParameters]) -> Figure:
    """Which unit at which step carries what makes the answers to two sequences different.

    One value at a time of this run is replaced by that of the run on `source`. `recovery` is how
    far that moves the logit difference, yes minus no, from this sequence's to the source's: 0 not
    at all, 1 all the way, below 0 away from it. `whole_state` is the same with both states of all
    units replaced at a step: it shows by when the difference is in the state. `logit_difference` is
    what `recovery` is computed from; where both sequences have the same, nothing can be recovered
    (NaN). Take sequences that differ in as little as the question is about, such as one bit; and a
    unit without effect alone may still do the work of another that is patched.
    """
    parameters = context.parameters
    baseline, source = float(context.outputs["baseline"]), float(context.outputs["source"])
    single = context.outputs["single"]
    measures = (
        Measure("logit_difference_baseline", baseline, "logits"),
        Measure("logit_difference_source", source, "logits"),
        *_strongest(context),
    )
    steps, units = parameters.places(context.input.row)
    at = {"step": steps, "unit": units}
    axes = ("step", "unit")
    shares = shares_of_way(single, baseline, source).astype(np.float32)
    recovery = Tensor("recovery", "effect", axes, shares, at, colours.signed(shares, "fixed"))
    whole = shares_of_way(context.outputs["whole"], baseline, source).astype(np.float32)
    moved = single.astype(np.float32)
    differences = Tensor("logit_difference", "effect", axes, moved, at, colours.signed(moved))
    title = f"Patching of the {parameters.value} state"
    figures = (
        sequence_strip(context),
        source_strip(context),
        Heatmap("Recovery by each unit at each step", recovery, "step"),
        Lines(
            "Recovery by both states of all units",
            (Tensor("whole_state", "effect", ("step",), whole, {"step": steps}),),
            "step",
            reference=0.0,
        ),
        Heatmap("Logit of yes minus that of no, patched", differences, "step"),
    )
    return Panels(title, figures, measures=measures)


def _strongest(context: ProbeContext[PatchingParameters]) -> tuple[Measure, ...]:
    """State which single patch moves the answer furthest towards the source's, if any can."""
    parameters = context.parameters
    baseline, source = float(context.outputs["baseline"]), float(context.outputs["source"])
    if abs(source - baseline) < NEGLIGIBLE:
        return ()
    shares = shares_of_way(context.outputs["single"], baseline, source)
    steps, units = parameters.places(context.input.row)
    step, unit = np.unravel_index(shares.argmax(), shares.shape)
    return (Measure("strongest_step", steps[step]), Measure("strongest_unit", units[unit]))


PROBES = (
    Probe(
        model="lstm",
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
