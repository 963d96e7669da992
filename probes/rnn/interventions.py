"""Probe `intervene` on sequences: edited gates and states and their effect on the logits."""

from dataclasses import replace
from typing import Annotated

import numpy as np
from jaxtyping import Float32
from pydantic import BeforeValidator, Field

from models.architecture import Architecture
from models.rnn.analyses import CHUNK
from models.rnn.programs import run_sequence
from models.runtime.programs import Run
from probes.declaration import (
    LayerChoice,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
    ProbeInput,
    split_commas,
)
from probes.figures import colours
from probes.figures.figures import Figure, Heatmap, Lines, Measure, Panels, Tensor
from probes.rnn.edits import (
    EditedRun,
    SequenceEdit,
    SequenceEdits,
    check_edits,
    editable_values,
    edited_held,
    side_by_side,
)
from probes.rnn.layers import recurrent_layers, recurrent_values, state_names
from probes.rnn.strips import running_lines, running_tensor, sequence_strip
from probes.rnn.targets import LogitWeights, logit_weights, weighted
from probes.rnn.values import Selection, check_values, traced, value_title
from probes.shared.edited_runs import ANSWERS, RUNS, logit_difference
from probes.shared.recovery import recovery_of

DEFAULT_VALUES = ("forget_gate", "cell", "hidden")
"""Values of one LSTM layer that an intervention shows by default."""

SHOWN_VALUES = (*DEFAULT_VALUES, "update_gate")
"""Values of the last recurrent layer that an intervention shows by default, where it has them."""


def _default_values(architecture: Architecture) -> tuple[str, ...]:
    """Return the values that an intervention shows by default: those of the last layer."""
    *_, layer = recurrent_layers(architecture)
    return tuple(layer.value(one) for one in layer.shown if one in SHOWN_VALUES)


class InterventionParameters(Selection):
    """Parameters of the probe `intervene` on sequences: values, steps and units to show."""

    values: Annotated[
        list[str],
        BeforeValidator(split_commas),
        LayerChoice(recurrent_values, _default_values, is_limited=True),
    ] = Field(
        list(DEFAULT_VALUES),
        min_length=1,
        description=f"Values of both runs to show; default {', '.join(DEFAULT_VALUES)}, or those "
        "that the last recurrent layer has, with the update gate of a GRU.",
    )

    def names(self) -> list[str]:
        """Return the values that an intervention shows, without duplicates."""
        return list(dict.fromkeys(self.values))


def edits_of(call: ProbeCall[Parameters]) -> tuple[SequenceEdit, ...]:
    """Return the edits that the body of an intervention on a sequence has."""
    return call.input.extra_as(SequenceEdits).edits


def check_intervention(call: ProbeCall[InterventionParameters]) -> None:
    """Raise `ParameterError` for an intervention with an invalid edit, step or unit."""
    check_edits(call)
    check_values(call, call.parameters.names())


def rows(call: ProbeCall[InterventionParameters]) -> int:
    """Return the number of program rows that an intervention and its prediction take."""
    row = call.input.row
    # Prediction, baseline and edited run; a source is run once more.
    runs = [row, row, row, *([call.input.source] if call.input.source else [])]
    return sum(-(-len(one["sequence"]) // CHUNK) for one in runs)


def held(call: ProbeCall[InterventionParameters]) -> int:
    """Return the bytes that an intervention on a sequence holds."""
    architecture, row = call.model.architecture, call.input.row
    shown = {*call.parameters.names(), "logits"}
    values = editable_values(architecture) if edits_of(call) else 0
    found = edited_held(architecture, 2, len(row["sequence"]), shown, values)
    if source := call.input.source:
        patched = {edit.value for edit in edits_of(call)} | {"logits"}
        found += edited_held(architecture, 1, len(source["sequence"]), patched, 0)
    # The states with step 0, and the differences; their text is some four times as much.
    return 3 * found


def run(call: ProbeCall[InterventionParameters]) -> Run:
    """Run an intervention: the source sequence, then baseline and edited run together."""
    row, architecture = call.input.row, call.model.architecture
    predicted = yield from run_sequence(architecture, "predict", row, frozenset({"logits"}))
    found, source = dict(predicted), {}
    edits = edits_of(call)
    if call.input.source:
        patched = frozenset(edit.value for edit in edits if edit.operation == "patch")
        donor = EditedRun(architecture, call.input.source)
        (source,) = yield from side_by_side([donor], patched | {"logits"})
        found["logits.source"] = source["logits"]
    runs = [EditedRun(architecture, row), EditedRun(architecture, row, edits, source)]
    names = call.parameters.names()
    both = yield from side_by_side(runs, frozenset({*names, "logits"}))
    # The initial state is no output of the program; a trace has it as step 0.
    for name, outputs in zip(RUNS, both, strict=True):
        for state in outputs.keys() & set(state_names(architecture)):
            outputs[state] = np.concatenate([row[state][None], outputs[state]])
        found |= {f"{value}.{name}": values for value, values in outputs.items()}
    return found


def intervene(context: ProbeContext[InterventionParameters]) -> Figure:
    """Intervention on gates and states: the edited run and the baseline, with the logits of both.

    Both runs use one program, in which each value is replaced by value · scale + shift; without an
    edit they are equal to the bit. At each step the gates and the candidate are edited first, then
    the states computed from them; the next step and later layers read the edited values. For each
    value there are both runs and the difference, edited minus baseline. With a `source`, `recovery`
    is the share of the way that the edits move the logit difference from that of the sequence (0)
    to that of `source` (1); null where both are equal. With two classes the logit difference is
    the second minus the first (yes minus no), with more the predicted class minus the next.
    """
    parameters = context.parameters
    top: tuple[Figure, ...] = (
        sequence_strip(context, parameters.cmap),
        *([source_strip(context, parameters.cmap)] if context.input.source else []),
        _running(context),
        Panels("Answers after the last step", (_logits(context),), measures=_answers(context)),
    )
    values = (_value(context, name) for name in parameters.names())
    return Panels("Intervention", (*top, *values))


def source_strip(context: ProbeContext[Parameters], cmap: str = "viridis") -> Heatmap:
    """Heatmap strip of the source sequence of an intervention."""
    strip = sequence_strip(replace(context, input=ProbeInput(context.input.source)), cmap)
    return replace(strip, title="Source", tensor=replace(strip.tensor, name="source"))


def _running(context: ProbeContext[Parameters]) -> Lines:
    """Lines of the class probabilities after each step of an intervention's runs."""
    tensors = (
        running_tensor(context, f"running_probability.{name}", context.outputs[f"logits.{name}"])
        for name in RUNS
    )
    return running_lines(context, tuple(tensors))


def _finals(context: ProbeContext[Parameters]) -> dict[str, Float32[np.ndarray, " classes"]]:
    """Return the logits after the last step of each run of an intervention on a sequence."""
    names = [name for name in (*RUNS, "source") if f"logits.{name}" in context.outputs]
    return {name: context.outputs[f"logits.{name}"][-1] for name in names}


def _logits(context: ProbeContext[Parameters]) -> Heatmap:
    """Heatmap of the logits of an intervention's runs, with their differences as measures."""
    finals = _finals(context)
    logits = np.stack(list(finals.values()))
    coordinates = {"run": list(finals), "label": context.model.architecture.classes}
    colour = colours.signed(logits)
    tensor = Tensor("logits", "logits", ("run", "label"), logits, coordinates, colour)
    measures = tuple(
        logit_difference(name, weighted(last, _weights(context))) for name, last in finals.items()
    )
    return Heatmap("Logits", tensor, "label", measures)


def _weights(context: ProbeContext[Parameters]) -> LogitWeights:
    """Return the weights of the logit difference of an intervention: those of the baseline."""
    return logit_weights(context.model.architecture, context.outputs["logits.baseline"])


def _answers(context: ProbeContext[Parameters]) -> tuple[Measure, ...]:
    """Measures of an intervention on a sequence: answers of the runs, and recovery."""
    finals = _finals(context)
    classes, weights = context.model.architecture.classes, _weights(context)
    answers = {name: classes[int(last.argmax())] for name, last in finals.items()}
    measures = [
        Measure("edits", len(edits_of(context))),
        *(Measure(f"answer_{name}", answers[name], words=ANSWERS[name]) for name in RUNS),
        Measure("answer_changed", answers["edited"] != answers["baseline"]),
    ]
    if "source" in finals:
        at = [weighted(finals[name], weights) for name in ("edited", "baseline", "source")]
        measures.append(Measure("answer_source", answers["source"], words=ANSWERS["source"]))
        measures.append(Measure("recovery", recovery_of(*at)))
    return tuple(measures)


def _value(context: ProbeContext[InterventionParameters], name: str) -> Figure:
    """Figures of one value in an intervention on a sequence: both runs, and their difference."""
    both = [
        traced(replace(context, outputs={name: context.outputs[f"{name}.{each}"]}), name)
        for each in RUNS
    ]
    baseline, edited = (one.values for one in both)
    colour = both[0].colour
    if colour is not None and colour.scope == "layer":  # its range is that of its values
        colour = colours.signed(np.stack([baseline, edited]))  # both runs share one
    figures: list[Figure] = [
        Heatmap(each.capitalize(), replace(one, name=f"{name}.{each}", colour=colour), "step")
        for each, one in zip(RUNS, both, strict=True)
    ]
    changed = edited - baseline
    difference_of = replace(
        both[0],
        name=f"{name}.difference",
        kind="difference",
        values=changed,
        colour=colours.signed(changed),
    )
    figures.append(Heatmap("Edited minus baseline", difference_of, "step"))
    return Panels(value_title(context.model.architecture, name), tuple(figures))


def _outputs(_: Architecture, parameters: InterventionParameters) -> list[str]:
    return [f"{name}.{run}" for name in parameters.names() for run in RUNS]


PROBES = (
    Probe(
        family="sequence",
        name="intervene",
        figure=intervene,
        parameters=InterventionParameters,
        outputs=_outputs,
        run=run,
        rows=rows,
        held=held,
        body=SequenceEdits,
        checkpoints=True,
        check=check_intervention,
        posted={
            "edits": [
                {"value": "forget_gate", "units": [3], "steps": [2, 5], "operation": "zero"},
                {"value": "cell", "steps": [4, 4], "operation": "patch"},
            ],
            "source": {"sequence": "0100110001"},
        },
    ),
)
