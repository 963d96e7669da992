"""Probe `findings` of networks that count bits: statements about gates and states, measured."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from probes.declaration import Parameters, Probe, ProbeContext, split_commas
from probes.figures.figures import Bars, Figure, Tensor
from probes.rnn.evidence import (
    GATE_SETS,
    QUANTITIES,
    REPLACED_STEPS,
    Evidence,
    GateEvidence,
    StateEvidence,
    evidence,
    references,
    replaced_accuracies,
    trace,
)
from probes.rnn.interchange import STEPS, SWAPPED_STEP, HostLSTM
from probes.rnn.needs import COUNTS_WITH_ONE_LSTM
from probes.rnn.readout import shipped_weights
from probes.shared.needs import COUNTS_BITS
from probes.shared.statements import STATEMENTS, Measurement, panels

Name = Literal["gates_decide", "cell_remembers", "hidden_encodes_context"]

ENOUGH_RIGHT = 0.75
"""Least accuracy of the unedited runs with which an LSTM's finding goes by its answers.

Untrained networks, which may happen to count a little, reach 0.68.
"""

READABLE = 0.5
"""Partial R² from which an LSTM's finding calls a first half readable in a cell state."""


class LSTMFindings(Parameters):
    """Parameters of the LSTM's probe `findings`: the statements to measure."""

    finding: Annotated[list[Name], BeforeValidator(split_commas), Field(min_length=1)] = Field(
        ["gates_decide", "cell_remembers", "hidden_encodes_context"],
        description="Statements to measure; `/findings` lists them.",
    )


def findings(context: ProbeContext[LSTMFindings]) -> Figure:
    """Findings about the LSTM's gates and states, measured by interchange interventions.

    Values of a run are replaced by those of a run on another sequence, in float64, on 256 pairs of
    sequences of 64 fair coins with one second half and different answers; lines are fitted on other
    sequences than they are tested on. `references` counts untrained networks with as many units, 20
    of up to 16 units and fewer of more, with initial weights like Flax's, every second with forget
    biases of chrono initialisation. A statement is supported where `value` is at least `least` and
    above every reference.
    """
    network = HostLSTM.of(shipped_weights(context.model.architecture, context.model.weights))
    measured = measure(network, context.parameters.finding)
    return panels(measured.items())


def measure(
    network: HostLSTM, names: Iterable[str] = LSTMFindings().finding
) -> dict[str, Measurement]:
    """Measure the findings about an LSTM by name."""
    found, untrained = evidence(network), references(network.cell.units)
    return {name: _MEASURED[name](network, found, untrained) for name in dict.fromkeys(names)}


def _gates_decide(_: HostLSTM, found: Evidence, untrained: tuple[Evidence, ...]) -> Measurement:
    """Measure the finding `gates_decide`: whose count a cell state holds, gates' or candidate's."""
    gates = found.gates
    others = [one.gates.gates[0] for one in untrained]
    figures = (
        _bars(
            "Share of the count in the cell state that follows the run of the exchanged gates",
            "count_follows_gates",
            (*GATE_SETS, *_UNTRAINED),
            (*gates.gates, fmean(others), max(others)),
        ),
        _bars(
            "Share that follows the run of the candidate",
            "count_follows_candidate",
            ("nothing exchanged", *GATE_SETS),
            (gates.counted, *gates.candidate),
        ),
        _bars(
            "All gates exchanged: a line fitted to such runs, and the network's answers",
            "gates_exchanged",
            ("line: gates", "line: candidate", "answer: gates", "answer: candidate"),
            (gates.refit_gates, gates.refit_candidate, gates.answers, 1.0 - gates.answers),
        ),
    )
    value, needed = gates.gates[0], STATEMENTS["gates_decide"].least
    why = "" if value >= needed else _why_not_gates(gates)
    return Measurement(value, tuple(others), figures, why=why)


def _why_not_gates(gates: GateEvidence) -> str:
    """Return why an LSTM's finding does not support that gates decide."""
    if gates.counted < READABLE:
        return (
            "The cell state holds no count that a line reads well "
            f"(R² {gates.counted:.2f}), so that there is little to decide."
        )
    shares = (
        f"With all gates of another run, {100 * gates.candidate[0]:.0f} % of the variance of the "
        "count in the cell state follows the candidate's sequence and "
        f"{100 * gates.gates[0]:.0f} % that of the gates, as do "
        f"{100 * (1 - gates.answers):.0f} % and {100 * gates.answers:.0f} % of the answers"
    )
    if gates.candidate[0] >= READABLE:
        return f"The candidate, the value that is written, decides instead. {shares}."
    return f"Gates and candidate decide together. {shares}."


def _cell_remembers(_: HostLSTM, found: Evidence, untrained: tuple[Evidence, ...]) -> Measurement:
    """Measure the finding `cell_remembers`: whose first half answers follow after an exchange."""
    states = found.states
    others = [one.states.cell for one in untrained]
    read = [one.states.read_cell for one in untrained]
    figures = (
        _bars(
            f"Answers after the runs exchange a state at step {SWAPPED_STEP} of {STEPS}",
            "state_exchanged",
            ("unedited: right", "follow the cell state", "follow the hidden state", *_UNTRAINED),
            (states.right, states.cell, 1.0 - states.cell, fmean(others), max(others)),
        ),
        _bars(
            "First half that a line reads from the final cell state (partial R²)",
            "first_half_read",
            ("of the cell state", "of the hidden state", *_UNTRAINED),
            (states.read_cell, states.read_hidden, fmean(read), max(read)),
        ),
    )
    able = states.right >= ENOUGH_RIGHT
    supported = able and states.cell >= STATEMENTS["cell_remembers"].least
    why = _architectural_memory(max(read)) if supported else _why_not_cell(states, able=able)
    return Measurement(states.cell, tuple(others), figures, able, why=why)


def _architectural_memory(read: float) -> str:
    """Return the part of an LSTM's finding `cell_remembers` that untrained networks have too."""
    if read < READABLE:
        return ""
    return (
        "That the cell state keeps the first half follows from the architecture where forget gates "
        f"are open: a line reads it in untrained networks too (partial R² up to {read:.2f}). That "
        "the answers depend on it is learned."
    )


def _why_not_cell(states: StateEvidence, *, able: bool) -> str:
    """Return why an LSTM's finding does not support that the cell state holds the memory."""
    if able:
        why = (
            f"After the exchange {100 * states.cell:.0f} % of the answers follow the first half of "
            f"the cell state's run, and {100 * (1 - states.cell):.0f} % that of the hidden state's."
        )
    else:
        why = (
            f"Only {100 * states.right:.0f} % of the answers to unedited sequences are right, so "
            "that they tell little about the memory."
        )
    if states.read_cell < READABLE:
        return why
    return (
        f"{why} A line still reads the first half from the final cell state (partial R² "
        f"{states.read_cell:.2f})."
    )


def _hidden_encodes_context(
    network: HostLSTM, found: Evidence, untrained: tuple[Evidence, ...]
) -> Measurement:
    """Measure the finding `hidden_encodes_context`: quantities that a line reads from it."""
    context = found.context
    others = [one.context.near for one in untrained]
    means = [fmean(one.context.read[name] for one in untrained) for name in QUANTITIES]
    replaced = replaced_accuracies(network, trace(network))
    steps = [f"for {number} step{'s' if number > 1 else ''}" for number in REPLACED_STEPS]
    names = ("margin, near 0", *QUANTITIES)
    figures = (
        _bars(
            "R² of a line on the hidden state",
            "read_from_hidden",
            names,
            (context.near, *(context.read[name] for name in QUANTITIES)),
        ),
        _bars(
            f"The same of {len(untrained)} untrained networks, mean",
            "read_from_untrained",
            names,
            (fmean(others), *means),
        ),
        _bars(
            "Accuracy with the hidden state of another run, from half way",
            "hidden_replaced",
            ("unedited", *steps),
            (found.states.right, *replaced),
        ),
    )
    bit_before = means[QUANTITIES.index("bit before")]
    why = (
        f"A line reads the bit before from untrained hidden states too (mean R² {bit_before:.2f}): "
        "that a hidden state depends on earlier bits follows from the architecture."
    )
    if context.near < STATEMENTS["hidden_encodes_context"].least:
        why = f"Margins near 0 are not told apart (R² {context.near:.2f}). {why}"
    return Measurement(context.near, tuple(others), figures, why=why)


_UNTRAINED = ("untrained, mean", "untrained, most")


def _bars(title: str, name: str, runs: Sequence[str], values: Sequence[float]) -> Bars:
    """Bars of an LSTM's finding: shares by the name of a run, a network or a quantity."""
    held = np.array(values, np.float32)
    return Bars(title, Tensor(name, "statistic", ("run",), held, {"run": list(runs)}), (0.0, 1.0))


_MEASURED: Mapping[str, Callable[[HostLSTM, Evidence, tuple[Evidence, ...]], Measurement]] = {
    "gates_decide": _gates_decide,
    "cell_remembers": _cell_remembers,
    "hidden_encodes_context": _hidden_encodes_context,
}

PROBES = (
    Probe(
        family="sequence",
        name="findings",
        figure=findings,
        parameters=LSTMFindings,
        input=False,
        checkpoints=True,
        example={"finding": "cell_remembers"},
        needs=(COUNTS_BITS, COUNTS_WITH_ONE_LSTM),
    ),
)
