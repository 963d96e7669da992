"""Probe `findings` of the LSTM: three statements about gates and states, measured."""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8
from pydantic import BeforeValidator, Field

from models.rnn.analyses import CHUNK, EDITABLE_VALUES, no_edit
from models.rnn.unit_statistics import GATES, held_out_sequences
from models.runtime.programs import Call, Outputs, Run, in_slices
from probes.declaration import Parameters, Probe, ProbeCall, ProbeContext, split_commas
from probes.figures.figures import Bars, Figure, Lines, Tensor
from probes.shared.statements import Measurement, panels

Name = Literal["gates_decide", "cell_remembers", "hidden_encodes_context"]

HARD_SEQUENCES = 128
HARD_STEPS = 64
HARD_SEED = 2026
WIPED_STEP = HARD_STEPS // 2

FROZEN_GATES = {"all gates": GATES, **{name.replace("_", " "): (name,) for name in GATES}}
"""Gates that an LSTM finding holds at their mean, by the name of the run in the picture."""

WIPED_STATES = ("cell", "hidden")
EDITED_RUNS = ("untouched", *FROZEN_GATES, *WIPED_STATES)


class LSTMFindings(Parameters):
    """Parameters of the LSTM's probe `findings`: the statements to measure."""

    finding: Annotated[list[Name], BeforeValidator(split_commas), Field(min_length=1)] = Field(
        ["gates_decide", "cell_remembers", "hidden_encodes_context"],
        description="Statements to measure; `/findings` lists them.",
    )


def hard_sequences() -> UInt8[np.ndarray, "sequences time"]:
    """Return the hard sequences of the LSTM's findings: half are ties, half have margin 2."""
    random = np.random.default_rng(HARD_SEED)
    ones = HARD_STEPS // 2 + np.arange(HARD_SEQUENCES) % 2
    return random.permuted((np.arange(HARD_STEPS) < ones[:, None]).astype(np.uint8), axis=1)


def run(call: ProbeCall[LSTMFindings]) -> Run:
    """Run the LSTM findings' hard sequences: unedited, gates at their mean, a state set to zero."""
    units = len(call.model.weights["readout.kernel"])
    nothing = no_edit(CHUNK, units)
    held_out = yield from in_slices(_calls(held_out_sequences(), units, nothing, GATES))
    means = {
        gate: np.mean([one[gate][:HARD_STEPS] for one in held_out], axis=(0, 1)) for gate in GATES
    }
    found: Outputs = {}
    for name in EDITED_RUNS:
        wanted = ("logits", "hidden") if name == "untouched" else ("logits",)
        calls = _calls(hard_sequences(), units, _edit(name, units, means), wanted)
        outputs = yield from in_slices(calls)
        found[name] = np.stack([one["logits"][HARD_STEPS - 1] for one in outputs])
        if name == "untouched":
            found["states"] = np.stack([one["hidden"][:HARD_STEPS] for one in outputs])
    return found


def _edit(name: str, units: int, means: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and shift of an LSTM finding's run: gates at their mean, or a state at zero."""
    scale, shift = no_edit(CHUNK, units)
    for gate in FROZEN_GATES.get(name, ()):
        place = EDITABLE_VALUES.index(gate)
        scale[:, place], shift[:, place] = 0.0, means[gate]
    if name in WIPED_STATES:
        scale[WIPED_STEP - 1, EDITABLE_VALUES.index(name)] = 0.0
    return scale, shift


def _calls(
    sequences: UInt8[np.ndarray, "sequences time"],
    units: int,
    edit: tuple[np.ndarray, np.ndarray],
    outputs: tuple[str, ...],
) -> Iterator[Call]:
    """Yield the program call of each sequence that the LSTM's findings are measured on."""
    wanted, zeros = frozenset(outputs), np.zeros(units, np.float32)
    for bits in sequences:
        row = {
            "sequence": np.pad(bits, (0, CHUNK - len(bits))),
            "length": np.array(len(bits), np.int32),
            "cell": zeros,
            "hidden": zeros,
            "scale": edit[0],
            "shift": edit[1],
        }
        yield Call("lstm.intervene", row, wanted)


def findings(context: ProbeContext[LSTMFindings]) -> Figure:
    """Findings about the LSTM's gates and states, each measured and compared with chance.

    A statement is supported where `value` is at least `least`; `reference` is its value by chance.
    Measured on 128 shuffled sequences of 64 bits: ties, and sequences with two more ones.
    """
    parameters = context.parameters
    return panels((name, _MEASURED[name](context)) for name in dict.fromkeys(parameters.finding))


def _accuracies(
    context: ProbeContext[Parameters], names: tuple[str, ...]
) -> Float[np.ndarray, " runs"]:
    """Return the accuracy of runs of the LSTM's findings on the hard sequences."""
    truth = 2 * hard_sequences().sum(axis=1, dtype=int) > HARD_STEPS
    answers = np.stack([context.outputs[name].argmax(axis=-1) == 1 for name in names])
    return np.asarray((answers == truth).mean(axis=1))


def _bars(title: str, names: tuple[str, ...], values: np.ndarray, tensor: str) -> Bars:
    shares = Tensor(tensor, "statistic", ("run",), values.astype(np.float32), {"run": names})
    return Bars(title, shares, (0.0, 1.0))


def _gates_decide(context: ProbeContext[Parameters]) -> Measurement:
    """Measure the finding `gates_decide`: accuracy with gates at their mean, together and alone."""
    names = ("untouched", *FROZEN_GATES)
    right = _accuracies(context, names)
    title = "Accuracy when gates stand still at their mean"
    return Measurement(
        float(right[0] - right[1]), (0.0,), (_bars(title, names, right, "gates_still"),)
    )


def _cell_remembers(context: ProbeContext[Parameters]) -> Measurement:
    """Measure the finding `cell_remembers`: accuracy with either state set to zero half way."""
    names = ("untouched", *WIPED_STATES)
    right = _accuracies(context, names)
    shown = ("untouched", "cell state wiped", "hidden state wiped")
    title = f"Accuracy when a state is set to zero after step {WIPED_STEP} of {HARD_STEPS}"
    return Measurement(
        float(right[2] - right[1]), (0.0,), (_bars(title, shown, right, "state_wiped"),)
    )


def _hidden_encodes_context(context: ProbeContext[Parameters]) -> Measurement:
    """Measure the finding `hidden_encodes_context`: linear probe of the hidden state, by margin."""
    margin = np.cumsum(2 * hard_sequences().astype(int) - 1, axis=1)
    # Odd sequences have margin 2 and even ones are ties: pairs keep both kinds in each half.
    fitted, tested = (np.arange(HARD_SEQUENCES) % 4 < 2), (np.arange(HARD_SEQUENCES) % 4 >= 2)  # noqa: PLR2004
    states = context.outputs["states"].astype(np.float64)
    predicted = _line(states[fitted], margin[fitted] > 0, states[tested])
    right = predicted == (margin[tested] > 0)
    # Half way the margin of a shuffled tie has standard deviation 4: beyond 8 few steps remain.
    furthest = 8
    shares = np.array(
        [right[margin[tested] == at].mean() for at in range(-furthest, furthest + 1)], np.float32
    )
    # At these margins a single bit decides the answer.
    close = (margin[tested] == 0) | (margin[tested] == 1)
    at = {"ones_minus_zeros": range(-furthest, furthest + 1)}
    curve = Tensor("told_right", "statistic", ("ones_minus_zeros",), shares, at)
    title = "How often the hidden state tells whether there were more ones so far"
    drawn = Lines(title, (curve,), "ones_minus_zeros", (0.0, 1.0), 0.5)
    return Measurement(float(right[close].mean()), (0.5,), (drawn,))


def _line(
    states: Float[np.ndarray, "fitted time units"],
    answers: Bool[np.ndarray, "fitted time"],
    others: Float[np.ndarray, "tested time units"],
) -> Bool[np.ndarray, "tested time"]:
    """Fit the linear probe of an LSTM finding by least squares, and predict other sequences."""
    rows = states.reshape(-1, states.shape[-1])
    design = np.column_stack([rows, np.ones(len(rows))])
    weights = np.linalg.lstsq(design, answers.reshape(-1).astype(np.float64), rcond=None)[0]
    return np.asarray(others @ weights[:-1] + weights[-1] > 0.5)  # noqa: PLR2004 - half way


_MEASURED: Mapping[str, Callable[[ProbeContext[LSTMFindings]], Measurement]] = {
    "gates_decide": _gates_decide,
    "cell_remembers": _cell_remembers,
    "hidden_encodes_context": _hidden_encodes_context,
}

PROBES = (
    Probe(
        model="lstm",
        name="findings",
        figure=findings,
        parameters=LSTMFindings,
        run=run,
        rows=lambda _: HARD_SEQUENCES * len(EDITED_RUNS) + len(held_out_sequences()),
        input=False,
        example={"finding": "cell_remembers"},
    ),
)
