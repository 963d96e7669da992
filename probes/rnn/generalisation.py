"""Probe `generalisation` of the LSTM: accuracy by sequence length and by margin."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from pydantic import Field

from models.rnn.programs import CHUNKS, run_lstm
from models.runtime.programs import Call, Outputs, Row, Run
from probes.declaration import Parameters, Probe, ProbeCall, ProbeContext
from probes.figures.figures import Coordinates, Figure, Lines, Measure, Panels, Tensor

LENGTH = 1024
"""Bits of each generalisation sequence; its running answers are those to all its prefixes."""

MAX_CONCURRENT = 32
"""Generalisation sequences that run together; other requests are served after each chunk."""

SHORTEST_HARD = 8
"""Shortest length at which hard generalisation sequences have margin 0 or 2."""

MAX_MARGINS = 17
"""Number of margins, from 0 on, by which generalisation accuracy is measured."""

Bits = UInt8[np.ndarray, "sequences time"]


class GeneralisationParameters(Parameters):
    """Parameters of the probe `generalisation`: number and seed of the sequences."""

    sequences: int = Field(
        64, ge=16, le=256, description="Number of sequences of 1,024 bits of each kind."
    )
    seed: int = Field(0, ge=0, le=4_294_967_295, description="Seed of the sequences.")


def coins(random: np.random.Generator, number: int) -> Bits:
    """Draw generalisation sequences of independent fair bits."""
    return random.integers(0, 2, (number, LENGTH), np.uint8)


def balanced(random: np.random.Generator, number: int) -> Bits:
    """Draw shuffled generalisation sequences, margin 0 or 2 at each power of two from 8 on.

    Half of the margins are 0, a tie, and half are 2.
    """
    return np.concatenate([random.permuted(part, axis=1) for part in _parts(random, number)], 1)


def there_and_back(random: np.random.Generator, number: int) -> Bits:
    """Draw generalisation sequences with the margins of `balanced`, in long runs of equal bits."""
    return np.concatenate([_rolled(random, part) for part in _parts(random, number)], 1)


SEQUENCE_KINDS: Mapping[str, Callable[[np.random.Generator, int], Bits]] = {
    "coins": coins,
    "balanced": balanced,
    "there_and_back": there_and_back,
}

KIND_NAMES = [name.replace("_", " ") for name in SEQUENCE_KINDS]


def _parts(random: np.random.Generator, number: int) -> Iterator[Bits]:
    """Yield the parts of hard generalisation sequences between powers of two, ones first."""
    before = np.zeros(number, np.int64)
    start, stop = 0, SHORTEST_HARD
    # Each part restores the margin at its end, so that every power of two is a hard length.
    while stop <= LENGTH:
        margin = 2 * random.permutation(np.arange(number) % 2)
        ones = (stop - start + margin - before) // 2
        yield (np.arange(stop - start) < ones[:, None]).astype(np.uint8)
        before, start, stop = margin, stop, 2 * stop


def _rolled(random: np.random.Generator, part: Bits) -> Bits:
    """Rotate each generalisation sequence's part by a random number of steps."""
    shift = random.integers(0, part.shape[1], (len(part), 1))
    return np.take_along_axis(part, (np.arange(part.shape[1]) + shift) % part.shape[1], axis=1)


def margins(sequences: Bits) -> Int[np.ndarray, "sequences time"]:
    """Return the margin, ones minus zeros, up to each step of generalisation sequences."""
    return np.cumsum(2 * sequences.astype(np.int64) - 1, axis=1)


def rows(call: ProbeCall[GeneralisationParameters]) -> int:
    """Return the number of program rows that all generalisation sequences take."""
    return len(SEQUENCE_KINDS) * call.parameters.sequences * -(-LENGTH // CHUNKS[-1])


def run(call: ProbeCall[GeneralisationParameters]) -> Run:
    """Run generalisation sequences of each kind, and record the answer after each step."""
    parameters = call.parameters
    random = np.random.default_rng(parameters.seed)
    units = len(call.model.weights["readout.kernel"])
    found: Outputs = {}
    for name, draw in SEQUENCE_KINDS.items():
        found[name] = draw(random, parameters.sequences)
        found[f"{name}.yes"] = yield from running_answers(found[name], units)
    return found


def running_answers(
    sequences: Bits, units: int
) -> Generator[Sequence[Call], list[Outputs], Bool[np.ndarray, "sequences time"]]:
    """Return whether the answer is yes after each step of each generalisation sequence."""
    zeros = np.zeros(units, np.float32)
    wanted = frozenset({"logits"})
    coming: Iterator[Row] = ({"sequence": x, "cell": zeros, "hidden": zeros} for x in sequences)
    answers: list[Bool[np.ndarray, " time"]] = []
    while taken := tuple(islice(coming, MAX_CONCURRENT)):
        ended = yield from _side_by_side([run_lstm("trace", row, wanted) for row in taken])
        answers += [one["logits"][:, 1] > one["logits"][:, 0] for one in ended]
    return np.stack(answers)


def _side_by_side(runs: list[Run]) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Drive runs of generalisation sequences together, so that their calls are batched."""
    # `run_lstm` yields one call at a time.
    calls = [next(run)[0] for run in runs]
    while True:
        got = yield calls
        steps = [_send(run, one) for run, one in zip(runs, got, strict=True)]
        # Runs of one length end at the same call.
        if isinstance(steps[0], dict):
            return [step for step in steps if isinstance(step, dict)]
        calls = [step for step in steps if isinstance(step, Call)]


def _send(run: Run, got: Outputs) -> Call | Outputs:
    """Return the next call of a generalisation sequence's run, or its outputs at the end."""
    try:
        return run.send([got])[0]
    except StopIteration as end:
        outputs: Outputs = end.value
        return outputs


def generalisation(context: ProbeContext[GeneralisationParameters]) -> Figure:
    """Generalisation: accuracy by sequence length and margin, beyond the lengths of training.

    Three kinds of sequences of 1,024 bits: `coins`, fair and independent; `balanced`, with margin 0
    or 2, equally often, at each length 8, 16, 32, …, 1,024; and `there_and_back`, with equal
    margins but in long runs of equal bits, so that the running count takes large values. A network
    that is correct on coins alone may only count over short ranges. The answer after each step is
    that to the prefix, so that all prefixes of all sequences are tested; prefixes of one sequence
    are correlated, and rare errors are easily missed.

    `accuracy` is the share of correct answers after each number of steps, `always_no` that of the
    constant answer “no”, which is often near one half, as a tie is a no. `accuracy_by_margin` is
    over all steps of all kinds by |ones − zeros|; NaN without a sequence of that margin.
    `longest_without_error` is the length up to which all answers are correct.
    """
    right = {name: _right(context.outputs, name) for name in SEQUENCE_KINDS}
    accuracy = np.stack([one.mean(axis=0) for one in right.values()])
    # A tie is a no too.
    no = np.stack([(margins(context.outputs[name]) <= 0).mean(axis=0) for name in SEQUENCE_KINDS])
    figures = (
        _by_length("Share of right answers after so many bits", "accuracy", accuracy),
        _by_length("What “no” would score, whatever is read", "always_no", no),
        _by_power(accuracy),
        _by_margin(context.outputs, right),
    )
    return Panels("Generalisation", figures, measures=tuple(_measures(right, accuracy)))


def _right(outputs: Outputs, name: str) -> Bool[np.ndarray, "sequences time"]:
    """Return which running answers to generalisation sequences are correct."""
    right: np.ndarray = outputs[f"{name}.yes"] == (margins(outputs[name]) > 0)
    return right


def _by_length(title: str, name: str, values: Float[np.ndarray, "kinds time"]) -> Lines:
    """Lines of generalisation over all sequence lengths, one for each kind of sequence."""
    at: Coordinates = {"kind": KIND_NAMES, "step": range(1, values.shape[1] + 1)}
    tensor = Tensor(name, "statistic", ("kind", "step"), values.astype(np.float32), at)
    return Lines(title, (tensor,), "step", (0.0, 1.0), 0.5)


def _by_power(accuracy: Float[np.ndarray, "kinds time"]) -> Lines:
    """Lines of generalisation accuracy at powers of two, where hard ones have margin 0 or 2."""
    lengths = [SHORTEST_HARD << n for n in range((LENGTH // SHORTEST_HARD).bit_length())]
    values = accuracy[:, np.array(lengths) - 1].astype(np.float32)
    at: Coordinates = {"kind": KIND_NAMES, "length": [str(length) for length in lengths]}
    tensor = Tensor("accuracy_at_powers", "statistic", ("kind", "length"), values, at)
    return Lines(
        "At lengths where one bit decides, but for coins", (tensor,), "length", (0.0, 1.0), 0.5
    )


def _by_margin(outputs: Outputs, right: Mapping[str, Bool[np.ndarray, "sequences time"]]) -> Lines:
    """Lines of generalisation accuracy by margin: the LSTM, and the constant answer “no”."""
    margin = np.abs(np.stack([margins(outputs[name]) for name in SEQUENCE_KINDS])).ravel()
    within = margin < MAX_MARGINS
    number = np.bincount(margin[within], minlength=MAX_MARGINS)
    truth = np.stack([margins(outputs[name]) <= 0 for name in SEQUENCE_KINDS]).ravel()
    found = {"accuracy_by_margin": np.stack(list(right.values())).ravel(), "no_by_margin": truth}
    tensors = []
    for name, hits in found.items():
        hit = np.bincount(margin[within], weights=hits[within], minlength=MAX_MARGINS)
        share = np.divide(hit, number, out=np.full(MAX_MARGINS, np.nan), where=number > 0)
        tensors.append(Tensor(name, "statistic", ("margin",), share.astype(np.float32)))
    return Lines("By |ones − zeros|, over all lengths", tuple(tensors), "margin", (0.0, 1.0), 0.5)


def _measures(
    right: Mapping[str, Bool[np.ndarray, "sequences time"]],
    accuracy: Float[np.ndarray, "kinds time"],
) -> Iterator[Measure]:
    """Yield generalisation measures of each kind: longest length without error, accuracy."""
    for place, (name, hits) in enumerate(right.items()):
        # Steps at which at least one sequence of the kind is answered wrongly.
        wrong = np.flatnonzero(~hits.all(axis=0))
        longest = int(wrong[0]) if wrong.size else LENGTH
        yield Measure(f"longest_without_error.{name}", longest, "bits")
        yield Measure(f"accuracy_at_{LENGTH}.{name}", float(accuracy[place, -1]))
        yield Measure(f"errors.{name}", int((~hits).sum()), f"of {hits.size} answers")


PROBES = (
    Probe(
        model="lstm",
        name="generalisation",
        figure=generalisation,
        parameters=GeneralisationParameters,
        run=run,
        rows=rows,
        input=False,
        checkpoints=True,
        example={"sequences": "16"},
    ),
)
