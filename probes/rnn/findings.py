"""What is said of the LSTM's inside, measured on held-out sequences and on hard ones."""

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
from probes.shared.statements import Found, panels

Name = Literal["gates_decide", "cell_remembers", "hidden_encodes_context"]

SEQUENCES = 128
STEPS = 64
SEED = 2026
HALF_WAY = STEPS // 2

FROZEN = {"all gates": GATES, **{name.replace("_", " "): (name,) for name in GATES}}
"""Which gates stand still, by what the picture calls it."""

WIPED = ("cell", "hidden")
RUNS = ("untouched", *FROZEN, *WIPED)


class LSTMFindings(Parameters):
    """Which statements to measure."""

    finding: Annotated[list[Name], BeforeValidator(split_commas), Field(min_length=1)] = Field(
        ["gates_decide", "cell_remembers", "hidden_encodes_context"],
        description="The statements to measure; `/findings` lists them.",
    )


def hard_sequences() -> UInt8[np.ndarray, "sequences time"]:
    """Return shuffled sequences that one bit decides: half are ties, half have two ones more."""
    random = np.random.default_rng(SEED)
    ones = STEPS // 2 + np.arange(SEQUENCES) % 2
    return random.permuted((np.arange(STEPS) < ones[:, None]).astype(np.uint8), axis=1)


def run(call: ProbeCall[LSTMFindings]) -> Run:
    """Run hard sequences untouched, with gates that stand still, and with a state that is wiped."""
    units = len(call.model.weights["readout.kernel"])
    nothing = no_edit(CHUNK, units)
    held_out = yield from in_slices(_calls(held_out_sequences(), units, nothing, GATES))
    means = {gate: np.mean([one[gate][:STEPS] for one in held_out], axis=(0, 1)) for gate in GATES}
    found: Outputs = {}
    for name in RUNS:
        wanted = ("logits", "hidden") if name == "untouched" else ("logits",)
        calls = _calls(hard_sequences(), units, _edit(name, units, means), wanted)
        outputs = yield from in_slices(calls)
        found[name] = np.stack([one["logits"][STEPS - 1] for one in outputs])
        if name == "untouched":
            found["states"] = np.stack([one["hidden"][:STEPS] for one in outputs])
    return found


def _edit(name: str, units: int, means: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return what a run does to every value."""
    scale, shift = no_edit(CHUNK, units)
    for gate in FROZEN.get(name, ()):
        place = EDITABLE_VALUES.index(gate)
        scale[:, place], shift[:, place] = 0.0, means[gate]
    if name in WIPED:
        scale[HALF_WAY - 1, EDITABLE_VALUES.index(name)] = 0.0
    return scale, shift


def _calls(
    sequences: UInt8[np.ndarray, "sequences time"],
    units: int,
    edit: tuple[np.ndarray, np.ndarray],
    outputs: tuple[str, ...],
) -> Iterator[Call]:
    """Make a row of each sequence."""
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
    """What is said of the LSTM's inside, each statement with the number that bears it out or not.

    `value` is held against `least`; `reference` is what chance would give. Measured on 128
    shuffled sequences of 64 bits that one bit decides: ties, and two ones more.
    """
    parameters = context.parameters
    return panels((name, _MEASURED[name](context)) for name in dict.fromkeys(parameters.finding))


def _accuracies(
    context: ProbeContext[Parameters], names: tuple[str, ...]
) -> Float[np.ndarray, " runs"]:
    """Return the share of right answers of some runs."""
    truth = 2 * hard_sequences().sum(axis=1, dtype=int) > STEPS
    answers = np.stack([context.outputs[name].argmax(axis=-1) == 1 for name in names])
    return np.asarray((answers == truth).mean(axis=1))


def _bars(title: str, names: tuple[str, ...], values: np.ndarray, tensor: str) -> Bars:
    shares = Tensor(tensor, "statistic", ("run",), values.astype(np.float32), {"run": names})
    return Bars(title, shares, (0.0, 1.0))


def _gates_decide(context: ProbeContext[Parameters]) -> Found:
    """Let the gates stand still, all together and one by one."""
    names = ("untouched", *FROZEN)
    right = _accuracies(context, names)
    title = "Accuracy when gates stand still at their mean"
    return Found(float(right[0] - right[1]), 0.0, (_bars(title, names, right, "gates_still"),))


def _cell_remembers(context: ProbeContext[Parameters]) -> Found:
    """Wipe either state half way."""
    names = ("untouched", *WIPED)
    right = _accuracies(context, names)
    shown = ("untouched", "cell state wiped", "hidden state wiped")
    title = f"Accuracy when a state is set to zero after step {HALF_WAY} of {STEPS}"
    return Found(float(right[2] - right[1]), 0.0, (_bars(title, shown, right, "state_wiped"),))


def _hidden_encodes_context(context: ProbeContext[Parameters]) -> Found:
    """Read the answer so far off the hidden state, where one bit decides it and elsewhere."""
    margin = np.cumsum(2 * hard_sequences().astype(int) - 1, axis=1)
    fitted, tested = (np.arange(SEQUENCES) % 4 < 2), (np.arange(SEQUENCES) % 4 >= 2)  # noqa: PLR2004
    states = context.outputs["states"].astype(np.float64)
    told = _line(states[fitted], margin[fitted] > 0, states[tested])
    right = told == (margin[tested] > 0)
    furthest = 8
    shares = np.array(
        [right[margin[tested] == at].mean() for at in range(-furthest, furthest + 1)], np.float32
    )
    close = (margin[tested] == 0) | (margin[tested] == 1)
    at = {"ones_minus_zeros": range(-furthest, furthest + 1)}
    curve = Tensor("told_right", "statistic", ("ones_minus_zeros",), shares, at)
    title = "How often the hidden state tells whether there were more ones so far"
    drawn = Lines(title, (curve,), "ones_minus_zeros", (0.0, 1.0), 0.5)
    return Found(float(right[close].mean()), 0.5, (drawn,))


def _line(
    states: Float[np.ndarray, "fitted time units"],
    answers: Bool[np.ndarray, "fitted time"],
    others: Float[np.ndarray, "tested time units"],
) -> Bool[np.ndarray, "tested time"]:
    """Fit a straight line by least squares, and answer by it."""
    rows = states.reshape(-1, states.shape[-1])
    design = np.column_stack([rows, np.ones(len(rows))])
    weights = np.linalg.lstsq(design, answers.reshape(-1).astype(np.float64), rcond=None)[0]
    return np.asarray(others @ weights[:-1] + weights[-1] > 0.5)  # noqa: PLR2004 - half way


_MEASURED: Mapping[str, Callable[[ProbeContext[LSTMFindings]], Found]] = {
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
        rows=lambda _: SEQUENCES * len(RUNS) + len(held_out_sequences()),
        input=False,
        example={"finding": "cell_remembers"},
    ),
)
