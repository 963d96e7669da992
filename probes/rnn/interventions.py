"""Probe `intervene` of the LSTM: edited gates and states and their effect on the logits."""

from dataclasses import replace
from typing import Annotated

import numpy as np
from jaxtyping import Float32
from pydantic import BeforeValidator, Field

from models.rnn.analyses import CHUNK
from models.rnn.counting import EDITABLE_VALUES, run_lstm
from models.rnn.unit_statistics import STATES
from models.runtime.programs import Run
from models.simple_networks import LSTM_LABELS
from probes.declaration import Parameters, Probe, ProbeCall, ProbeContext, ProbeInput, split_commas
from probes.figures import colours
from probes.figures.figures import Figure, Heatmap, Lines, Measure, Panels, Tensor
from probes.rnn.edits import EditedRun, LSTMEdit, LSTMEdits, ValueName, check_edits, side_by_side
from probes.rnn.gates import (
    VALUE_TITLES,
    Selection,
    check_gates,
    check_selection,
    sequence_strip,
    traced,
)
from probes.rnn.targets import difference
from probes.shared.class_probabilities import softmax
from probes.shared.recovery import recovery_of

RUNS = ("baseline", "edited")

DEFAULT_VALUES: tuple[ValueName, ...] = ("forget_gate", "cell", "hidden")
"""Gates and states that an LSTM intervention shows by default."""


class InterventionParameters(Selection):
    """Parameters of the LSTM's probe `intervene`: values, steps and units of both runs to show."""

    values: Annotated[
        list[ValueName],
        BeforeValidator(split_commas),
        Field(min_length=1, max_length=len(EDITABLE_VALUES)),
    ] = Field(
        list(DEFAULT_VALUES),
        description=f"Values of both runs to show; default {', '.join(DEFAULT_VALUES)}.",
    )

    def names(self) -> list[ValueName]:
        """Return the gates and states that an LSTM intervention shows, without duplicates."""
        return list(dict.fromkeys(self.values))


def edits_of(call: ProbeCall[Parameters]) -> tuple[LSTMEdit, ...]:
    """Return the edits that the body of an LSTM intervention has."""
    return call.input.extra_as(LSTMEdits).edits


def check_intervention(call: ProbeCall[InterventionParameters]) -> None:
    """Raise `ParameterError` for an LSTM intervention with an invalid edit, step or unit."""
    check_edits(call.input)
    stepped = not set(STATES).isdisjoint(call.parameters.names())
    (check_selection if stepped else check_gates)(call)


def rows(call: ProbeCall[InterventionParameters]) -> int:
    """Return the number of program rows that an LSTM intervention and its prediction take."""
    row = call.input.row
    # Prediction, baseline and edited run; a source is run once more.
    runs = [row, row, row, *([call.input.source] if call.input.source else [])]
    return sum(-(-len(one["sequence"]) // CHUNK) for one in runs)


def run(call: ProbeCall[InterventionParameters]) -> Run:
    """Run an LSTM intervention: the source sequence, then baseline and edited run together."""
    row = call.input.row
    predicted = yield from run_lstm("predict", row, frozenset({"logits"}))
    found, source = dict(predicted), {}
    edits = edits_of(call)
    if call.input.source:
        patched = frozenset(edit.value for edit in edits if edit.operation == "patch")
        (source,) = yield from side_by_side([EditedRun(call.input.source)], patched | {"logits"})
        found["logits.source"] = source["logits"]
    runs = [EditedRun(row), EditedRun(row, edits, source)]
    both = yield from side_by_side(runs, frozenset({*call.parameters.names(), "logits"}))
    # The initial state is no output of the program; a trace has it as step 0.
    for name, outputs in zip(RUNS, both, strict=True):
        for state in outputs.keys() & set(STATES):  # which have a step 0, as those of a trace
            outputs[state] = np.concatenate([row[state][None], outputs[state]])
        found |= {f"{value}.{name}": values for value, values in outputs.items()}
    return found


def intervene(context: ProbeContext[InterventionParameters]) -> Figure:
    """Intervention on gates and states: the edited run and the baseline, with the logits of both.

    Both runs use one program, in which each value is replaced by value · scale + shift; without an
    edit they are equal to the bit. At each step the gates and the candidate are edited first, then
    the cell state computed from them, then the hidden state computed from that; the next step
    starts from the edited state. For each value there are both runs and the difference, edited
    minus baseline. With a `source`, `recovery` is the share of the way that the edits move the
    logit difference, yes minus no, from that of the sequence (0) to that of `source` (1); null
    where both are equal.
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
    """Heatmap strip of the bits of the source sequence of an LSTM intervention."""
    strip = sequence_strip(replace(context, input=ProbeInput(context.input.source)), cmap)
    return replace(strip, title="Source", tensor=replace(strip.tensor, name="source"))


def _running(context: ProbeContext[Parameters]) -> Lines:
    """Lines of the probability of "yes" after each step of an intervention's runs."""
    tensors = []
    for name in RUNS:
        yes = softmax(context.outputs[f"logits.{name}"])[:, 1]
        at = {"step": range(1, len(yes) + 1)}
        tensors.append(Tensor(f"running_probability.{name}", "probability", ("step",), yes, at))
    title = "Probability of “more ones” so far"
    return Lines(title, tuple(tensors), "step", (0.0, 1.0), 0.5)


def _finals(context: ProbeContext[Parameters]) -> dict[str, Float32[np.ndarray, " classes"]]:
    """Return the logits after the last step of each run of an LSTM intervention."""
    names = [name for name in (*RUNS, "source") if f"logits.{name}" in context.outputs]
    return {name: context.outputs[f"logits.{name}"][-1] for name in names}


def _logits(context: ProbeContext[Parameters]) -> Heatmap:
    """Heatmap of the "yes" and "no" logits of an intervention's runs, differences as measures."""
    finals = _finals(context)
    logits = np.stack(list(finals.values()))
    coordinates = {"run": list(finals), "label": LSTM_LABELS}
    colour = colours.signed(logits)
    tensor = Tensor("logits", "logits", ("run", "label"), logits, coordinates, colour)
    measures = tuple(
        Measure(f"logit_difference_{name}", difference(last), "logits")
        for name, last in finals.items()
    )
    return Heatmap("Logits", tensor, "label", measures)


def _answers(context: ProbeContext[Parameters]) -> tuple[Measure, ...]:
    """Measures of an LSTM intervention: answers of the runs, and recovery."""
    finals = _finals(context)
    answers = {name: LSTM_LABELS[int(last.argmax())] for name, last in finals.items()}
    measures = [
        Measure("edits", len(edits_of(context))),
        *(Measure(f"answer_{name}", answers[name]) for name in RUNS),
        Measure("answer_changed", answers["edited"] != answers["baseline"]),
    ]
    if "source" in finals:
        at = [difference(finals[name]) for name in ("edited", "baseline", "source")]
        measures.append(Measure("answer_source", answers["source"]))
        measures.append(Measure("recovery", recovery_of(*at)))
    return tuple(measures)


def _value(context: ProbeContext[InterventionParameters], name: ValueName) -> Figure:
    """Figures of one gate or state in an intervention: baseline, edited, and their difference."""
    both = [
        traced(replace(context, outputs={name: context.outputs[f"{name}.{each}"]}), name)
        for each in RUNS
    ]
    baseline, edited = (one.values for one in both)
    colour = both[0].colour
    if name == "cell":  # its range is that of its values: both runs share one
        colour = colours.signed(np.stack([baseline, edited]))
    figures: list[Figure] = [
        Heatmap(each, replace(one, name=f"{name}.{each}", colour=colour), "step")
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
    figures.append(Heatmap("edited minus baseline", difference_of, "step"))
    return Panels(VALUE_TITLES[name], tuple(figures))


PROBES = (
    Probe(
        family="sequence",
        name="intervene",
        figure=intervene,
        parameters=InterventionParameters,
        outputs=lambda _, parameters: [
            f"{name}.{run}" for name in parameters.names() for run in RUNS
        ],
        run=run,
        rows=rows,
        body=LSTMEdits,
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
