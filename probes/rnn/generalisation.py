"""Probe `generalisation` of networks that count bits: accuracy, and a certificate."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
from jaxtyping import Bool, Float, Int
from pydantic import Field

from models.architecture import MAX_STEPS, Architecture
from models.rnn.certificate import Certificate, certify
from models.rnn.counting import is_lstm_counter
from models.rnn.layout import layout_of
from models.rnn.programs import run_sequence
from models.rnn.structured_sequences import (
    LEAST_FLIP,
    MOST_FLIP,
    SEQUENCE_KINDS,
    SHORTEST_HARD,
    Bits,
    margins,
)
from models.runtime.programs import Call, Outputs, Row, Run
from probes.declaration import ParameterError, Parameters, Probe, ProbeCall, ProbeContext
from probes.figures import colours
from probes.figures.figures import (
    Coordinates,
    Figure,
    Heatmap,
    Lines,
    Measure,
    Panels,
    Tensor,
)
from probes.rnn.certificate_figures import certificate_figures, certified_error
from probes.shared.held_bytes import floats, in_flight
from probes.shared.needs import COUNTS_BITS

MAX_STEPS_OF_KIND = 262_144
"""Most bits of all generalisation sequences of one kind, which take a second or two."""

MAX_CONCURRENT = 32
"""Generalisation sequences that run together; other requests are served after each chunk."""

MAX_MARGINS = 17
"""Number of margins, from 0 on, by which generalisation accuracy is measured."""

KIND_NAMES = [name.replace("_", " ") for name in SEQUENCE_KINDS]


class GeneralisationParameters(Parameters):
    """Parameters of the probe `generalisation`: number, length and seed of the sequences."""

    sequences: int = Field(64, ge=16, le=256, description="Number of sequences of each kind.")
    length: int = Field(
        1024,
        ge=64,
        le=MAX_STEPS,
        description="Bits of each sequence; with the number of sequences at most "
        f"{MAX_STEPS_OF_KIND:,} of a kind.",
    )
    seed: int = Field(0, ge=0, le=4_294_967_295, description="Seed of the sequences.")


def check(call: ProbeCall[GeneralisationParameters]) -> None:
    """Check that the generalisation sequences of one kind have an allowed number of bits.

    Raises:
        ParameterError: They have more.
    """
    parameters = call.parameters
    if (steps := parameters.sequences * parameters.length) > MAX_STEPS_OF_KIND:
        most = MAX_STEPS_OF_KIND // parameters.length
        reason = (
            f"{parameters.sequences} sequences of {parameters.length} bits are {steps} bits of a "
            f"kind, and at most {MAX_STEPS_OF_KIND} are allowed: choose sequences={most} or fewer, "
            "or a smaller length"
        )
        raise ParameterError("length", reason)


def rows(call: ProbeCall[GeneralisationParameters]) -> int:
    """Return the number of program rows that all generalisation sequences take."""
    parameters, chunk = call.parameters, layout_of(call.model.architecture).chunks[-1]
    return len(SEQUENCE_KINDS) * parameters.sequences * -(-parameters.length // chunk)


def held(call: ProbeCall[GeneralisationParameters]) -> int:
    """Return the bytes that generalisation sequences of one kind hold, and all answers."""
    parameters, architecture = call.parameters, call.model.architecture
    chunk = layout_of(architecture).chunks[-1]
    flying = in_flight(MAX_CONCURRENT, 8 * chunk, 8 * chunk)
    # Logits of each chunk, and of all chunks together; sequences and answers of a byte.
    runs = MAX_CONCURRENT * floats(parameters.length, 2, 2)
    return flying + runs + 6 * parameters.sequences * parameters.length


def run(call: ProbeCall[GeneralisationParameters]) -> Run:
    """Run generalisation sequences of each kind, and record the answer after each step.

    Both are packed, eight steps in a byte: the server keeps the outputs of many such runs.
    """
    parameters = call.parameters
    random = np.random.default_rng(parameters.seed)
    found: Outputs = {}
    for name, draw in SEQUENCE_KINDS.items():
        sequences = draw(random, parameters.sequences, parameters.length)
        answers = yield from running_answers(call.model.architecture, sequences)
        found |= {name: np.packbits(sequences, axis=1), f"{name}.yes": np.packbits(answers, axis=1)}
    return found


def unpacked(
    outputs: Outputs, name: str, parameters: GeneralisationParameters
) -> Bool[np.ndarray, "sequences time"]:
    """Return generalisation sequences of a kind, or the answers to them, from a run's outputs."""
    bits = np.unpackbits(outputs[name], axis=1, count=parameters.length)
    return bits.astype(np.bool_)


def running_answers(
    architecture: Architecture, sequences: Bits
) -> Generator[Sequence[Call], list[Outputs], Bool[np.ndarray, "sequences time"]]:
    """Return whether the answer is yes after each step of each generalisation sequence."""
    zeros, wanted = layout_of(architecture).initial_state(), frozenset({"logits"})
    coming: Iterator[Row] = ({"sequence": bits, **zeros} for bits in sequences)
    answers: list[Bool[np.ndarray, " time"]] = []
    while taken := tuple(islice(coming, MAX_CONCURRENT)):
        runs = [run_sequence(architecture, "trace", row, wanted) for row in taken]
        ended = yield from _side_by_side(runs)
        answers += [one["logits"][:, 1] > one["logits"][:, 0] for one in ended]
    return np.stack(answers)


def _side_by_side(runs: list[Run]) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Drive runs of generalisation sequences together, so that their calls are batched."""
    # `run_sequence` yields one call at a time.
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
    """Generalisation: accuracy by sequence length, margin and kind, and the certified length.

    Eight kinds of sequences: `coins`, fair and independent; `balanced`, with margin 0 or 2, equally
    often, at each length 8, 16, 32, …; `there_and_back`, with equal margins but in long runs of
    equal bits; `markov`, whose bits change with a probability of 0.01 for the first sequence to
    0.99 for the last; `periodic`, a word of up to 12 bits repeated after a prefix of up to 3;
    `runs`, one run of 1s and one of 0s; `late_majority`, pairs of unlike bits with one single bit
    late; and `mixtures`, which change from one kind to another. A network that is correct on some
    kinds alone may only count over short ranges, or forget a little at each repetition. The answer
    after each step is that to the prefix, so that all prefixes of all sequences are tested;
    prefixes of one sequence are correlated, and rare errors are easily missed.

    `right_throughout` is the share of sequences whose answers are correct after every step so far,
    `accuracy` the share of correct answers after each number of steps, `always_no` that of the
    constant answer “no”, which is often near one half, as a tie is a no. `accuracy_by_margin` is
    over all steps of all kinds by |ones − zeros|; NaN without a sequence of that margin.
    `accuracy_by_flip` is over all steps of each `markov` sequence. `longest_without_error` is the
    length up to which all answers are correct, of a kind and of all.

    The certificate of a network of one LSTM layer and a readout covers every sequence:
    `certified_length` is a length up to which all of them are answered correctly, by bounds of each
    unit over all hidden states from -1 to 1, or 0 where these prove nothing. `certificate.bounds`
    has the bounds of the gates and of the change of the cell state, i · g. By unit,
    `certificate.step` is the change per bit, `certificate.deviation` the largest distance from it,
    `certificate.leak` the largest share of the cell state that a step forgets,
    `certificate.readout` the weight of the hidden state in the logit difference, and
    `certificate.share` its largest contribution to that.
    """
    parameters, outputs = context.parameters, context.outputs
    bits = {name: unpacked(outputs, name, parameters) for name in SEQUENCE_KINDS}
    margin = {name: margins(one) for name, one in bits.items()}
    right = {
        name: unpacked(outputs, f"{name}.yes", parameters) == (margin[name] > 0) for name in bits
    }
    accuracy = np.stack([one.mean(axis=0) for one in right.values()])
    # A tie is a no too.
    no = np.stack([(one <= 0).mean(axis=0) for one in margin.values()])
    certificates = _certificates(context)
    figures = (
        _throughout(right),
        _by_length("Share of right answers at each length", "accuracy", accuracy),
        _by_length("Share of right answers of the constant “no”", "always_no", no),
        _by_power(accuracy),
        _by_margin(margin, right),
        _by_flip(right["markov"]),
        *(figure for one in certificates for figure in certificate_figures(one)),
    )
    errors = (measure for one in certificates for measure in certified_error(one))
    measured = (*_measures(right, accuracy), *errors)
    return Panels("Generalisation", figures, measures=measured)


def _certificates(context: ProbeContext[GeneralisationParameters]) -> tuple[Certificate, ...]:
    """Return the certificate of a network of one LSTM layer and a readout; none of others."""
    architecture = context.model.architecture
    if not is_lstm_counter(architecture):
        return ()
    return (certify(architecture, context.model.weights),)


def _throughout(right: Mapping[str, Bool[np.ndarray, "sequences time"]]) -> Lines:
    """Lines of the share of generalisation sequences that are right at all lengths up to each."""
    values = np.stack(
        [np.logical_and.accumulate(one, axis=1).mean(axis=0) for one in right.values()]
    )
    tensor = _over_lengths("right_throughout", values)
    longest = Measure("longest_without_error", min(map(_longest, right.values())), "bits")
    title = "Share of sequences without an error so far"
    return Lines(title, (tensor,), "step", (0.0, 1.0), measures=(longest,))


def _by_length(title: str, name: str, values: Float[np.ndarray, "kinds time"]) -> Heatmap:
    """Heatmap of generalisation over all sequence lengths, a row for each kind of sequence."""
    # Not as lines: of pairs of bits those at odd and even lengths differ, which fills the chart.
    return Heatmap(title, _over_lengths(name, values), "step")


def _over_lengths(name: str, values: Float[np.ndarray, "kinds time"]) -> Tensor:
    """Tensor of generalisation over all sequence lengths, a row for each kind of sequence."""
    at: Coordinates = {"kind": KIND_NAMES, "step": range(1, values.shape[1] + 1)}
    colour = colours.unit_interval("viridis")
    return Tensor(name, "statistic", ("kind", "step"), values.astype(np.float32), at, colour)


def _by_power(accuracy: Float[np.ndarray, "kinds time"]) -> Lines:
    """Lines of generalisation accuracy at powers of two, where hard ones have margin 0 or 2."""
    length = accuracy.shape[1]
    lengths = [SHORTEST_HARD << n for n in range((length // SHORTEST_HARD).bit_length())]
    values = accuracy[:, np.array(lengths) - 1].astype(np.float32)
    at: Coordinates = {"kind": KIND_NAMES, "length": [str(length) for length in lengths]}
    tensor = Tensor("accuracy_at_powers", "statistic", ("kind", "length"), values, at)
    return Lines(
        "At powers of two (balanced, there and back: one bit decides)",
        (tensor,),
        "length",
        (0.0, 1.0),
        0.5,
    )


def _by_margin(
    margin: Mapping[str, Int[np.ndarray, "sequences time"]],
    right: Mapping[str, Bool[np.ndarray, "sequences time"]],
) -> Lines:
    """Lines of generalisation accuracy by margin: the LSTM, and the constant answer “no”."""
    signed = np.stack(list(margin.values())).ravel()
    size = np.abs(signed)
    within = size < MAX_MARGINS
    number = np.bincount(size[within], minlength=MAX_MARGINS)
    hit = np.stack(list(right.values())).ravel()
    tensors = []
    for name, hits in {"accuracy_by_margin": hit, "no_by_margin": signed <= 0}.items():
        count = np.bincount(size[within], weights=hits[within], minlength=MAX_MARGINS)
        share = np.divide(count, number, out=np.full(MAX_MARGINS, np.nan), where=number > 0)
        tensors.append(Tensor(name, "statistic", ("margin",), share.astype(np.float32)))
    return Lines("By |ones − zeros|, over all lengths", tuple(tensors), "margin", (0.0, 1.0), 0.5)


def _by_flip(right: Bool[np.ndarray, "sequences time"]) -> Lines:
    """Lines of generalisation accuracy on Markov sequences, by the chance that a bit changes."""
    chances = [f"{flip:.3f}" for flip in np.linspace(LEAST_FLIP, MOST_FLIP, len(right))]
    values = right.mean(axis=1).astype(np.float32)
    tensor = Tensor("accuracy_by_flip", "statistic", ("P(flip)",), values, {"P(flip)": chances})
    title = "Markov bits by the chance that a bit changes, over all lengths"
    return Lines(title, (tensor,), "P(flip)", (0.0, 1.0), 0.5)


def _measures(
    right: Mapping[str, Bool[np.ndarray, "sequences time"]],
    accuracy: Float[np.ndarray, "kinds time"],
) -> Iterator[Measure]:
    """Yield generalisation measures of each kind: longest length without error, accuracy."""
    length = accuracy.shape[1]
    for place, (name, hits) in enumerate(right.items()):
        yield Measure(f"longest_without_error.{name}", _longest(hits), "bits")
        yield Measure(f"accuracy_at_{length}.{name}", float(accuracy[place, -1]))
        yield Measure(f"errors.{name}", int((~hits).sum()), f"of {hits.size} answers")


def _longest(hits: Bool[np.ndarray, "sequences time"]) -> int:
    """Return the length up to which all answers to generalisation sequences are right."""
    # Steps at which at least one sequence of the kind is answered wrongly.
    wrong = np.flatnonzero(~hits.all(axis=0))
    return int(wrong[0]) if wrong.size else hits.shape[1]


PROBES = (
    Probe(
        family="sequence",
        name="generalisation",
        figure=generalisation,
        parameters=GeneralisationParameters,
        check=check,
        run=run,
        rows=rows,
        held=held,
        input=False,
        checkpoints=True,
        example={"sequences": "16"},
        needs=(COUNTS_BITS,),
    ),
)
