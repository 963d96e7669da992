"""Probe `attribution` of the LSTM: bit attribution by four methods, with completeness checks."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32, Float64, Int
from pydantic import Field

from models.rnn.analyses import CHUNK
from models.rnn.counting import STATE, run_lstm
from models.rnn.layout import BLOCK, FREE_CHUNK
from models.runtime.programs import Call, Outputs, Row, Run, in_slices
from models.simple_networks import LSTMState
from probes.declaration import (
    Indices,
    ParameterError,
    Parameters,
    Probe,
    ProbeCall,
    ProbeContext,
    ResultWarning,
)
from probes.figures import colours
from probes.figures.figures import Bars, Figure, Heatmap, Measure, Panels, Tensor
from probes.rnn.gates import sequence_strip
from probes.rnn.path_integral import (
    MAX_EVALUATIONS,
    PART_NODES,
    Evaluation,
    incompleteness,
    integrate,
)
from probes.rnn.shapley import shapley_values
from probes.rnn.targets import LOGIT_WEIGHTS, TARGET_NAMES, LSTMTargetParameters

MAX_FREE_BITS = 16
"""Most free bits of exact Shapley values of bits: 2^16 = 65,536 sequences are run."""

MAX_BLOCKS_IN_FLIGHT = 4
"""Blocks of coalitions of bits that a Shapley attribution queues for the device at a time."""

BASELINE_VALUES = {"zero": 0.0, "one": 1.0, "half": 0.5}

MethodName = Literal["flip", "shapley", "integrated_gradients", "gradient_x_input"]

METHOD_TITLES: Mapping[MethodName, str] = {
    "flip": "What flipping each bit takes away",
    "shapley": "Shapley value of each bit",
    "integrated_gradients": "Integrated gradients of each bit",
    "gradient_x_input": "Gradient times input of each bit",
}

MethodRun = Generator[Sequence[Call], list[Outputs], dict[str, np.ndarray]]


class BitParameters(LSTMTargetParameters):
    """Parameters of the LSTM's probe `attribution`: method, settings, and attributed bits."""

    method: MethodName = Field(
        "shapley",
        description="`flip`, loss of the target when one bit is flipped; `shapley`, exact Shapley "
        "values: the mean marginal contribution of a bit over all orders; `integrated_gradients`, "
        "from a baseline; `gradient_x_input`.",
    )
    baseline: Literal["zero", "one", "half"] = Field(
        "zero",
        description="Value of an absent bit, for `shapley` and `integrated_gradients`: `zero`, "
        "`one`, or `half`, which favours neither but does not occur in training. The attribution "
        "of a bit that equals the baseline is exactly 0.",
    )
    free: Indices | None = Field(
        None,
        description="Attributed steps, counted from 1, default all; other bits keep their values. "
        f"At most {MAX_FREE_BITS} for `shapley`.",
    )
    nodes: int = Field(
        200,
        ge=2,
        le=200,
        description="Gauss-Legendre nodes of `integrated_gradients` over the whole path. Parts of "
        "the path whose sum misses the change of the target are halved, with "
        f"{PART_NODES} nodes each, up to {MAX_EVALUATIONS:,} gradients.",
    )

    def steps(self, row: Row) -> list[int]:
        """Return the steps of the attributed bits, sorted and without duplicates."""
        every = range(1, len(row["sequence"]) + 1)
        return list(every) if self.free is None else sorted(set(self.free))


@dataclass(frozen=True, eq=False)
class AttributionInput:
    """Input of the bit attribution methods: sequence, baseline, attributed bits and target.

    Attributes:
        row: Program row: the sequence and its initial state.
        bits: Sequence as float input of the network.
        absent: Sequence in which the attributed bits have the baseline's value.
        free: Positions of the attributed bits, counted from 0.
        target: Logit weights of the attribution target.
        n_steps: Quadrature nodes of integrated gradients.
    """

    row: Row
    bits: Float32[np.ndarray, " steps"]
    absent: Float32[np.ndarray, " steps"]
    free: Int[np.ndarray, " free"]
    target: Float64[np.ndarray, " classes"]
    n_steps: int

    @classmethod
    def of(cls, row: Row, parameters: BitParameters) -> "AttributionInput":
        """Build the input of the bit attribution methods from a program row and the parameters."""
        bits = row["sequence"].astype(np.float32)
        # Steps count from 1 in requests, positions in the sequence from 0.
        free = np.array(parameters.steps(row), np.int64) - 1
        absent = bits.copy()
        absent[free] = BASELINE_VALUES[parameters.baseline]
        return cls(row, bits, absent, free, LOGIT_WEIGHTS[parameters.target], parameters.nodes)

    @property
    def state(self) -> dict[str, np.ndarray]:
        """LSTM state before the first attributed bit."""
        return {name: self.row[name] for name in LSTMState._fields}

    def scores(self, found: Sequence[Outputs]) -> Float64[np.ndarray, " rows"]:
        """Return the bit attribution's target for each row, a weighted sum of its logits."""
        scores: np.ndarray = np.stack([one["logits"] for one in found]).astype(float) @ self.target
        return scores


def check_bits(call: ProbeCall[BitParameters]) -> None:
    """Raise `ParameterError` for a bit attribution of too long a sequence or too many free bits."""
    row = call.input.row
    parameters = call.parameters
    last = len(row["sequence"])
    # The gradient program takes one chunk: gradients are not carried from chunk to chunk.
    if last > CHUNK:
        reason = f"attributions take sequences of up to {CHUNK} steps; this one has {last}"
        raise ParameterError("method", reason)
    for step in parameters.free or ():
        if not 1 <= step <= last:
            raise ParameterError("free", f"step {step} is not one of the sequence's, 1 to {last}")
    free = len(parameters.steps(row))
    if parameters.method == "shapley" and free > MAX_FREE_BITS:
        reason = (
            f"shapley takes up to {MAX_FREE_BITS} free bits, not {free}: name their steps in free"
        )
        raise ParameterError("free", reason)


def rows(call: ProbeCall[BitParameters]) -> int:
    """Return the number of program rows that a bit attribution and its prediction take."""
    row = call.input.row
    parameters = call.parameters
    free = len(parameters.steps(row))
    match parameters.method:
        case "flip":
            # The sequence unedited, and its prediction.
            return free + 2
        case "shapley":
            blocks = -(-(1 << free) // BLOCK)
            return blocks * -(-len(row["sequence"]) // FREE_CHUNK) + 2
        case "integrated_gradients":
            return MAX_EVALUATIONS + 1
        case _:
            return 2


def run(call: ProbeCall[BitParameters]) -> Run:
    """Run the LSTM's prediction, then the bit attribution method."""
    row = call.input.row
    parameters = call.parameters
    predicted = yield from run_lstm("predict", row, frozenset({"logits"}))
    found = yield from METHODS[parameters.method](AttributionInput.of(row, parameters))
    return {**predicted, **found}


def _flip(given: AttributionInput) -> MethodRun:
    """Attribution method `flip`: target of the sequence minus target with one bit flipped."""
    length = np.array(len(given.bits), np.int32)
    padded = np.zeros(CHUNK, np.uint8)
    padded[: len(given.bits)] = given.row["sequence"]

    def calls() -> Iterator[Call]:
        for flipped in (None, *given.free.tolist()):
            sequence = padded.copy()
            if flipped is not None:
                sequence[flipped] ^= 1
            sent: Row = {"sequence": sequence, "length": length, **given.state}
            yield Call(f"predict.{CHUNK}", sent, frozenset({"logits"}))

    found = yield from in_slices(calls())
    scores = given.scores(found)
    labels = np.stack([one["logits"] for one in found]).argmax(axis=1)
    return {
        "attribution": scores[0] - scores[1:],
        "f_input": scores[0],
        "answers_changed": (labels[1:] != labels[0]).sum(),
    }


def _gradients(
    given: AttributionInput, inputs: Iterator[Float32[np.ndarray, " steps"]]
) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Return gradients and logits of the bit sequences, real-valued, of an attribution method."""
    length = np.array(len(given.bits), np.int32)
    target = given.target.astype(np.float32)

    def calls() -> Iterator[Call]:
        for one in inputs:
            padded = np.zeros(CHUNK, np.float32)
            padded[: len(one)] = one
            sent = {"inputs": padded, "length": length, "target": target, **given.state}
            yield Call("gradient", sent, frozenset({"gradient", "logits"}))

    return (yield from in_slices(calls()))


def _gradient_x_input(given: AttributionInput) -> MethodRun:
    """Gradient times input of each bit: first-order effect of setting a 1 to 0."""
    (found,) = yield from _gradients(given, iter((given.bits,)))
    gradient = found["gradient"][given.free]
    return {
        "attribution": gradient.astype(np.float64) * given.bits[given.free],
        "gradient": gradient,
        "f_input": given.scores([found])[0],
    }


def _integrated_gradients(given: AttributionInput) -> MethodRun:
    """Integrated gradients of each bit, from the baseline (Sundararajan et al. 2017).

    By adaptive quadrature; `delta` is the sum minus the difference of the targets, which are equal
    in exact arithmetic (completeness).
    """
    start, way = given.absent.astype(np.float64), given.bits.astype(np.float64) - given.absent

    def evaluate(places: Float64[np.ndarray, " places"]) -> Evaluation:
        inputs = ((start + place * way).astype(np.float32) for place in places.tolist())
        found = yield from _gradients(given, inputs)
        gradients = np.stack([one["gradient"][given.free] for one in found])
        return gradients.astype(np.float64), given.scores(found)

    integral = yield from integrate(evaluate, way[given.free], given.n_steps)
    attribution = way[given.free] * integral.gradient
    return {
        "attribution": attribution,
        **_ends(attribution, integral.start, integral.end),
        "evaluations": np.asarray(integral.evaluations),
    }


def _ends(
    attribution: Float64[np.ndarray, " free"], baseline: float, whole: float
) -> dict[str, np.ndarray]:
    """Return the targets of a bit attribution's sequence and baseline, and the error `delta`."""
    delta = attribution.sum() - (whole - baseline)
    terms = {"f_input": whole, "f_baseline": baseline, "delta": delta}
    return {name: np.asarray(value) for name, value in terms.items()}


def _shapley(given: AttributionInput) -> MethodRun:
    """Exact Shapley values of bits, from the target of each coalition of present bits.

    A bit that equals its baseline is left out of the combinations: its value is 0.
    """
    players = given.free[given.bits[given.free] != given.absent[given.free]]
    worth = yield from _worth(given, players)
    attribution = np.zeros(len(given.free))
    attribution[np.isin(given.free, players)] = shapley_values(worth)
    return {"attribution": attribution, **_ends(attribution, worth[0], worth[-1])}


def _worth(
    given: AttributionInput, players: Int[np.ndarray, " players"]
) -> Generator[Sequence[Call], list[Outputs], Float64[np.ndarray, " coalitions"]]:
    """Return the target of each coalition of present bits, in float64 from float32 logits.

    The common prefix of all sequences, before the first player, is run once.
    """
    # Coalitions differ from the first player on; at least one step is left to run.
    first = int(players.min(initial=len(given.bits) - 1))
    state = given.state
    if first:
        before = {"sequence": given.row["sequence"][:first], **state}
        final = yield from run_lstm("predict", before, frozenset())
        state = {name: final[f"final_{name}"] for name in LSTMState._fields}
    count, logits = 2 ** len(players), []
    # Blocks are made as they are needed: 65,536 sequences at once would take much memory.
    for start in range(0, count, MAX_BLOCKS_IN_FLIGHT * BLOCK):
        starts = range(start, min(start + MAX_BLOCKS_IN_FLIGHT * BLOCK, count), BLOCK)
        blocks = [_block(given, players, at)[:, first:] for at in starts]
        logits += yield from _through(blocks, state)
    found: np.ndarray = np.concatenate(logits)[:count].astype(np.float64) @ given.target
    return found


def _block(
    given: AttributionInput, players: Int[np.ndarray, " players"], start: int
) -> Float32[np.ndarray, "block steps"]:
    """Return the sequences of a block of bit coalitions; the last block repeats the first ones."""
    coalitions = np.arange(start, start + BLOCK)
    present = (coalitions[:, None] >> np.arange(len(players))) & 1
    block = np.tile(given.absent, (BLOCK, 1))
    block[:, players] = np.where(present, given.bits[players], given.absent[players])
    return block


def _through(
    blocks: list[Float32[np.ndarray, "block steps"]], state: Mapping[str, np.ndarray]
) -> Generator[Sequence[Call], list[Outputs], list[Float32[np.ndarray, "block classes"]]]:
    """Run blocks of bit coalitions from one state, chunk by chunk, and return their logits."""
    # One program row is a whole block, which has a state for each of its sequences.
    alike = {name: np.tile(value, (BLOCK, 1)) for name, value in state.items()}
    states, got = [alike] * len(blocks), []
    for start in range(0, blocks[0].shape[1], FREE_CHUNK):
        got = yield tuple(map(_enumerate, blocks, states, [start] * len(blocks)))
        states = [{name: one[f"final_{name}"] for name in LSTMState._fields} for one in got]
    return [one["logits"] for one in got]


def _enumerate(
    block: Float32[np.ndarray, "block steps"], state: Mapping[str, np.ndarray], start: int
) -> Call:
    """Return the call of the program `enumerate` for one chunk of a block of bit coalitions."""
    taken = block[:, start : start + FREE_CHUNK]
    inputs = np.zeros((BLOCK, FREE_CHUNK), np.float32)
    inputs[:, : taken.shape[1]] = taken
    sent = {"inputs": inputs, "length": np.array(taken.shape[1], np.int32), **state}
    return Call("enumerate", sent, STATE | {"logits"})


METHODS: Mapping[MethodName, Callable[[AttributionInput], MethodRun]] = {
    "flip": _flip,
    "shapley": _shapley,
    "integrated_gradients": _integrated_gradients,
    "gradient_x_input": _gradient_x_input,
}


def attribution(context: ProbeContext[BitParameters]) -> Figure:
    """Attribution of the target logit to the bits of the sequence.

    Blue increases the target, red decreases it. `flip` is the target minus the target with that bit
    flipped. Shapley values sum to `f_input` minus `f_baseline` exactly, integrated gradients up to
    the quadrature, of `evaluations` gradients; `delta` is the error of the sum. All methods but
    `flip` compare a bit with a baseline, so with `zero` the attribution of a 0 is 0. Where gates or
    the candidate saturate, as those of a counting unit do, gradients vanish: `gradient_x_input` can
    be near 0 for every bit, although a flip would change the answer.
    """
    parameters = context.parameters
    values = context.outputs["attribution"].astype(np.float32)
    at = {"step": parameters.steps(context.input.row)}
    tensor = Tensor("attribution", "attribution", ("step",), values, at, colours.signed(values))
    figures: list[Figure] = [
        sequence_strip(context),
        Heatmap("Blue speaks for it, red against it", tensor, "step"),
        Bars(METHOD_TITLES[parameters.method], tensor, measures=_measures(context)),
    ]
    if (gradient := context.outputs.get("gradient")) is not None:
        slope = Tensor("gradient", "attribution", ("step",), gradient, at, colours.signed(gradient))
        figures.append(Bars("Gradient by each bit", slope))
    return Panels(f"Attribution of the logit of {TARGET_NAMES[parameters.target]}", tuple(figures))


def _measures(context: ProbeContext[Parameters]) -> tuple[Measure, ...]:
    """Measures of a bit attribution: completeness terms, sum, and number of changed answers."""
    found = context.outputs
    names = [name for name in ("f_input", "f_baseline", "delta") if name in found]
    measures = [Measure(name, float(found[name]), "logits") for name in names]
    measures.append(Measure("sum", float(found["attribution"].sum()), "logits"))
    counted = [name for name in ("answers_changed", "evaluations") if name in found]
    return (*measures, *(Measure(name, int(found[name])) for name in counted))


def incomplete(context: ProbeContext[BitParameters]) -> list[ResultWarning]:
    """Warn about a bit attribution by integrated gradients whose sum misses the difference."""
    if context.parameters.method != "integrated_gradients":
        return []
    delta, end, start = (float(context.outputs[n]) for n in ("delta", "f_input", "f_baseline"))
    return incompleteness(delta, end - start)


PROBES = (
    Probe(
        family="sequence",
        name="attribution",
        figure=attribution,
        parameters=BitParameters,
        run=run,
        rows=rows,
        checkpoints=True,
        check=check_bits,
        warnings=incomplete,
        example={"method": "integrated_gradients", "baseline": "half", "nodes": "16"},
    ),
)
