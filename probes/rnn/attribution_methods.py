"""Attribution methods for the steps of a sequence, as runs of programs."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float32, Float64, Int

from models.rnn.analyses import CHUNK
from models.rnn.layout import FREE_CHUNK, padded
from models.rnn.programs import run_sequence
from models.runtime.programs import Call, Outputs, in_slices
from probes.rnn.attribution_input import AttributionInput, Encoded
from probes.rnn.path_integral import Evaluation, integrate
from probes.rnn.shapley import shapley_values

MAX_BLOCKS_IN_FLIGHT = 4
"""Blocks of coalitions of steps that a Shapley attribution queues for the device at a time."""

Block = Float32[np.ndarray, "block steps *features"]

MethodRun = Generator[Sequence[Call], list[Outputs], dict[str, np.ndarray]]


def _flip(given: AttributionInput) -> MethodRun:
    """Attribution method `flip`: target of the sequence minus target with one bit flipped."""
    steps = padded(given.row["sequence"], CHUNK)

    def calls() -> Iterator[Call]:
        for flipped in (None, *given.free.tolist()):
            sequence = steps.copy()
            if flipped is not None:
                sequence[flipped] ^= 1
            sent = {"sequence": sequence, "length": given.length, **given.state}
            yield Call(f"predict.{CHUNK}", sent, frozenset({"logits"}))

    return _without_each(given, (yield from in_slices(calls())))


def _replace(given: AttributionInput) -> MethodRun:
    """Attribution method `replace`: target of the sequence minus target without one step."""

    def inputs() -> Iterator[Encoded]:
        yield given.present
        for place in given.free.tolist():
            sequence = given.present.copy()
            sequence[place] = given.absent[place]
            yield sequence

    return _without_each(given, (yield from _gradients(given, inputs(), frozenset({"logits"}))))


def _without_each(given: AttributionInput, found: list[Outputs]) -> dict[str, np.ndarray]:
    """Return an attribution from the logits of the sequence, then of those without each step."""
    scores = given.scores(found)
    length = len(given.present)
    logits = [one["logits"] for one in found]
    labels = np.stack([one[length - 1] if one.ndim > 1 else one for one in logits]).argmax(axis=1)
    return {
        "attribution": scores[0] - scores[1:],
        "f_input": scores[0],
        "answers_changed": (labels[1:] != labels[0]).sum(),
    }


def _gradients(
    given: AttributionInput,
    inputs: Iterator[Encoded],
    outputs: frozenset[str] = frozenset({"gradient", "logits"}),
) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Return gradients and logits of sequences of encoded steps, for an attribution method."""
    target = given.target.astype(np.float32)

    def calls() -> Iterator[Call]:
        for one in inputs:
            sent = {"inputs": padded(one, CHUNK), "length": given.length, "target": target}
            yield Call("gradient", {**sent, **given.state}, outputs)

    return (yield from in_slices(calls()))


def _by_step(values: np.ndarray, steps: int) -> Float64[np.ndarray, " free"]:
    """Return the attribution of each step: the sum over the features of its vector."""
    # From -0.0 on, so that the sum of a single feature keeps the sign of its zero.
    summed: np.ndarray = values.reshape(steps, -1).sum(axis=1, initial=-0.0)
    return summed


def _gradient_x_input(given: AttributionInput) -> MethodRun:
    """Gradient times input of each step: first-order effect of setting its input to zero."""
    (found,) = yield from _gradients(given, iter((given.present,)))
    gradient = found["gradient"][given.free]
    products = gradient.astype(np.float64) * given.present[given.free]
    return {
        "attribution": _by_step(products, len(given.free)),
        "gradient": gradient,
        "f_input": given.scores([found])[0],
    }


def _integrated_gradients(given: AttributionInput) -> MethodRun:
    """Integrated gradients of each step, from the baseline (Sundararajan et al. 2017).

    By adaptive quadrature; `delta` is the sum minus the difference of the targets, which are equal
    in exact arithmetic (completeness).
    """
    start = given.absent.astype(np.float64)
    way = given.present.astype(np.float64) - given.absent

    def evaluate(places: Float64[np.ndarray, " places"]) -> Evaluation:
        inputs = ((start + place * way).astype(np.float32) for place in places.tolist())
        found = yield from _gradients(given, inputs)
        gradients = np.stack([one["gradient"][given.free].ravel() for one in found])
        return gradients.astype(np.float64), given.scores(found)

    moved = way[given.free].ravel()
    integral = yield from integrate(evaluate, moved, given.n_steps)
    attribution = _by_step(moved * integral.gradient, len(given.free))
    return {
        "attribution": attribution,
        **_ends(attribution, integral.start, integral.end),
        "evaluations": np.asarray(integral.evaluations),
    }


def _ends(
    attribution: Float64[np.ndarray, " free"], baseline: float, whole: float
) -> dict[str, np.ndarray]:
    """Return the targets of an attribution's sequence and baseline, and the error `delta`."""
    delta = attribution.sum() - (whole - baseline)
    terms = {"f_input": whole, "f_baseline": baseline, "delta": delta}
    return {name: np.asarray(value) for name, value in terms.items()}


def _shapley(given: AttributionInput) -> MethodRun:
    """Exact Shapley values of steps, from the target of each coalition of present steps.

    A step that equals its baseline is left out of the combinations: its value is 0.
    """
    players = given.players
    worth = yield from _worth(given, players)
    attribution = np.zeros(len(given.free))
    attribution[np.isin(given.free, players)] = shapley_values(worth)
    return {"attribution": attribution, **_ends(attribution, worth[0], worth[-1])}


def _worth(
    given: AttributionInput, players: Int[np.ndarray, " players"]
) -> Generator[Sequence[Call], list[Outputs], Float64[np.ndarray, " coalitions"]]:
    """Return the target of each coalition of present steps, in float64 from float32 logits.

    The common prefix of all sequences, before the first player, is run once.
    """
    # Coalitions differ from the first player on; at least one step is left to run.
    first = int(players.min(initial=len(given.present) - 1))
    state = given.state
    if first:
        before = {"sequence": given.row["sequence"][:first], **state}
        final = yield from run_sequence(given.architecture, "predict", before, frozenset())
        state = {one.name: final[one.final] for one in given.architecture.states}
    count, logits, block = 2 ** len(players), [], given.layout.block
    # Blocks are made as they are needed: 65,536 sequences at once would take much memory.
    for start in range(0, count, MAX_BLOCKS_IN_FLIGHT * block):
        starts = range(start, min(start + MAX_BLOCKS_IN_FLIGHT * block, count), block)
        blocks = [_block(given, players, at)[:, first:] for at in starts]
        logits += yield from _through(given, blocks, state)
    found: np.ndarray = np.concatenate(logits)[:count].astype(np.float64) @ given.target
    return found


def _block(given: AttributionInput, players: Int[np.ndarray, " players"], start: int) -> Block:
    """Return the sequences of a block of coalitions; the last block repeats the first ones."""
    coalitions = np.arange(start, start + given.layout.block)
    present = ((coalitions[:, None] >> np.arange(len(players))) & 1).astype(bool)
    block = np.repeat(given.absent[None], given.layout.block, axis=0)
    # One mask for all features of a step.
    mask = present.reshape(*present.shape, *[1] * (given.absent.ndim - 1))
    block[:, players] = np.where(mask, given.present[players], given.absent[players])
    return block


def _through(
    given: AttributionInput, blocks: list[Block], state: Mapping[str, np.ndarray]
) -> Generator[Sequence[Call], list[Outputs], list[Float32[np.ndarray, "block classes"]]]:
    """Run blocks of coalitions from one state, chunk by chunk, and return their logits."""
    # One program row is a whole block, which has a state for each of its sequences.
    alike = {name: np.tile(value, (given.layout.block, 1)) for name, value in state.items()}
    states, got = [alike] * len(blocks), []
    for start in range(0, blocks[0].shape[1], FREE_CHUNK):
        got = yield tuple(
            _enumerate(given, block, before, start)
            for block, before in zip(blocks, states, strict=True)
        )
        states = [{s.name: one[s.final] for s in given.architecture.states} for one in got]
    return [one["logits"] for one in got]


def _enumerate(
    given: AttributionInput, block: Block, state: Mapping[str, np.ndarray], start: int
) -> Call:
    """Return the call of the program `enumerate` for one chunk of a block of coalitions."""
    taken = block[:, start : start + FREE_CHUNK]
    inputs = np.zeros((len(block), FREE_CHUNK, *block.shape[2:]), np.float32)
    inputs[:, : taken.shape[1]] = taken
    sent = {"inputs": inputs, "length": np.array(taken.shape[1], np.int32), **state}
    return Call("enumerate", sent, given.layout.final_names | {"logits"})


METHODS: Mapping[str, Callable[[AttributionInput], MethodRun]] = {
    "flip": _flip,
    "replace": _replace,
    "shapley": _shapley,
    "integrated_gradients": _integrated_gradients,
    "gradient_x_input": _gradient_x_input,
}
"""Attribution methods for the steps of a sequence, by name."""
