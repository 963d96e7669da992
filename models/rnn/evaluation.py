"""Evaluation of a counting LSTM: errors on all short bit sequences, and on long ones of each kind.

Long sequences are judged after every bit, so that every length up to theirs is evaluated.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Integer

from models.rnn.network import SequenceNetwork
from models.rnn.structured_sequences import (
    SEQUENCE_KINDS,
    Bits,
    all_periodic,
    all_runs,
    margins,
    markov,
)

_BATCH_STEPS = 2_000_000  # steps of a batch of sequences


@dataclass(frozen=True)
class Measurement:
    """Scope of the evaluation of CountingLSTM after training.

    Attributes:
        longest: Length up to which all sequences are evaluated.
        length: Length of the other sequences, which are judged after every bit.
        sequences: Number of sequences of each kind that is drawn.
        flips: P(flip) of further Markov sequences, as many for each.
        exhaustive_kinds: Whether every periodic sequence and every pair of runs is evaluated too.
        seed: Seed of the sequences, which training does not use.
    """

    longest: int = 20
    length: int = 4096
    sequences: int = 2_000
    flips: tuple[float, ...] = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
    exhaustive_kinds: bool = True
    seed: int = 20_261_128


BRIEF_MEASUREMENT = Measurement(
    longest=10, length=256, sequences=50, flips=(0.5, 0.9), exhaustive_kinds=False
)


def measure(model: SequenceNetwork, measurement: Measurement) -> dict[str, Any]:
    """Count errors of a trained CountingLSTM: all short sequences, and long ones of each kind."""
    drawn = _drawn(measurement)
    return {
        "exhaustive": {"errors_by_length": exhaustive_errors(model, measurement.longest)},
        "kinds": {kind: _errors(model, batches) for kind, batches in drawn.items()},
    }


def _drawn(measurement: Measurement) -> dict[str, Iterable[Bits]]:
    """Return the long sequences of an evaluation by kind, in batches."""
    random = np.random.default_rng(measurement.seed)
    number, length = measurement.sequences, measurement.length
    drawn: dict[str, Iterable[Bits]] = {
        kind: [draw(random, number, length)] for kind, draw in SEQUENCE_KINDS.items()
    }
    for flip in measurement.flips:
        drawn[f"markov_{flip}"] = [markov(random, number, length, (flip, flip))]
    if measurement.exhaustive_kinds:
        drawn["every_run"] = [all_runs(length)]
        drawn["every_periodic"] = all_periodic(length, max(1, _BATCH_STEPS // length))
    return drawn


def _errors(model: SequenceNetwork, batches: Iterable[Bits]) -> dict[str, Any]:
    """Count the errors of an evaluation on sequences of one kind, which are of equal length."""
    number = length = answers = wrong_sequences = 0
    first: int | None = None
    for bits in batches:
        wrong = running_answers(model, bits) != (margins(bits) > 0)
        steps = np.flatnonzero(wrong.any(axis=0)) + 1
        if len(steps):
            first = int(steps[0]) if first is None else min(first, int(steps[0]))
        number, length = number + len(bits), bits.shape[1]
        answers += int(wrong.sum())
        wrong_sequences += int(wrong.any(axis=1).sum())
    return {
        "sequences": number,
        "length": length,
        "wrong_answers": answers,
        "sequences_with_errors": wrong_sequences,
        "first_error": first,
    }


def summary(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics of an evaluation for the metadata of the weights."""
    by_length = measured["exhaustive"]["errors_by_length"]
    kinds = measured["kinds"].values()
    number = sum(kind["sequences"] for kind in kinds)
    wrong = sum(kind["sequences_with_errors"] for kind in kinds)
    return {
        "exhaustive_length": len(by_length),
        "exhaustive_errors": sum(by_length),
        "test_length": min(kind["length"] for kind in kinds),
        "test_sequences": number,
        "test_errors": wrong,
        "test_accuracy": 1.0 - wrong / number,
    }


def tested_length(measured: Mapping[str, Any]) -> int:
    """Return the length up to which a trained CountingLSTM misclassified no evaluated sequence."""
    lengths = []
    by_length = measured["exhaustive"]["errors_by_length"]
    wrong = [length for length, errors in enumerate(by_length, start=1) if errors]
    lengths += [wrong[0] - 1] if wrong else []
    for kind in measured["kinds"].values():
        first = kind["first_error"]
        lengths.append(kind["length"] if first is None else first - 1)
    return min(lengths)


def exhaustive_errors(model: SequenceNetwork, longest: int) -> list[int]:
    """Count an LSTM's errors on all bit sequences of each length, from 1 to `longest`.

    Only the longest sequences are run: logits at their earlier steps are those of all shorter
    sequences, which are their prefixes.
    """
    counts = np.zeros(longest, np.int64)
    places = np.arange(longest)[::-1]
    rows = min(2**longest, 2**16)
    for first in range(0, 2**longest, rows):
        numbers = np.arange(first, first + rows)[:, None]
        bits = ((numbers >> places) & 1).astype(np.uint8)
        # Each prefix is counted once: in the sequence that continues it with zeros only.
        counted = numbers % (1 << places) == 0
        wrong = running_answers(model, bits) != (margins(bits) > 0)
        counts += (wrong & counted).sum(axis=0)
    return [int(count) for count in counts]


def running_answers(model: SequenceNetwork, bits: Bits) -> Bool[np.ndarray, "batch time"]:
    """Return whether an LSTM's answer is "yes" after each bit of sequences, from the zero state."""
    network, parameters = nnx.split(model)
    parts = [np.asarray(_running(network, parameters, part)) for part in _parts(bits)]
    return np.concatenate(parts)


def _parts(bits: Bits) -> Iterator[Bits]:
    """Split the sequences of an evaluation into batches."""
    rows = max(1, _BATCH_STEPS // bits.shape[1])
    return (bits[start : start + rows] for start in range(0, len(bits), rows))


@jax.jit(static_argnums=0)
def _running(
    network: nnx.GraphDef[SequenceNetwork],
    parameters: nnx.State[Any, Any],
    bits: Integer[Array, "batch time"],
) -> Bool[Array, "batch time"]:
    logits = running_logits(nnx.merge(network, parameters), bits)
    return logits[..., 1] > logits[..., 0]


def running_logits(
    model: SequenceNetwork, bits: Integer[Array, "batch time"]
) -> Float[Array, "batch time 2"]:
    """Return an LSTM's logits after every bit of sequences, from the zero state."""
    batch, length = bits.shape
    lengths = jnp.full((batch,), length, jnp.int32)
    values, _ = model.trace(bits, lengths, model.initial_state(batch))
    return values["logits"]
