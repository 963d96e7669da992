"""Evaluation of counting LSTMs: errors on all short sequences, and on long ones of each kind."""

from math import comb

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from models.rnn import evaluation
from models.rnn.evaluation import BRIEF_MEASUREMENT, Measurement, measure, summary
from models.rnn.network import SequenceNetwork
from models.rnn.structured_sequences import margins
from tests.networks import counting_lstm


def always(answer: int) -> SequenceNetwork:
    """Make a network that gives the same answer to everything."""
    model = SequenceNetwork(counting_lstm(2), nnx.Rngs(0))
    kernel, bias = model.layer("readout").kernel, model.layer("readout").bias
    kernel[...] = jnp.zeros_like(kernel[...])
    bias[...] = jnp.array([1.0 - answer, float(answer)])
    return model


def test_errors_are_counted_on_every_sequence():
    """Saying always "no" is wrong as often as there are sequences with more 1s, at each length."""
    majorities = [sum(comb(n, k) for k in range(n // 2 + 1, n + 1)) for n in range(1, 11)]
    assert evaluation.exhaustive_errors(always(0), 10) == majorities
    rest = [2**n - majority for n, majority in zip(range(1, 11), majorities, strict=True)]
    assert evaluation.exhaustive_errors(always(1), 10) == rest


def test_answers_are_given_after_each_bit(monkeypatch):
    """Running answers cover all parts into which many sequences are divided."""
    monkeypatch.setattr(evaluation, "_BATCH_STEPS", 30)
    bits = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0]] * 10, np.uint8)
    assert evaluation.running_answers(always(1), bits).all()
    assert not evaluation.running_answers(always(0), bits).any()
    assert margins(bits)[:3].tolist() == [[1, 2, 1], [1, 0, -1], [1, 0, 1]]


def test_errors_are_counted_by_kind():
    """Of a network that says always "no", wrong answers and the first error are those by hand."""
    small = Measurement(longest=3, length=16, sequences=30, flips=(0.9,), exhaustive_kinds=True)
    found = measure(always(0), small)
    assert found["exhaustive"]["errors_by_length"] == [1, 1, 4]
    # Of 16 + 16 sequences of runs, those that begin with a 1 are wrong after their first bit.
    runs = found["kinds"]["every_run"]
    ones_first = sum(min(2 * ones - 1, 16) for ones in range(1, 17))
    zeros_first = sum(max(16 - 2 * zeros, 0) for zeros in range(1, 17))
    assert runs["wrong_answers"] == ones_first + zeros_first
    assert (runs["sequences"], runs["first_error"]) == (32, 1)
    assert found["kinds"].keys() >= {"coins", "markov_0.9", "mixtures", "every_periodic"}
    assert evaluation.tested_length(found) == 0
    stated = summary(found)
    assert stated["exhaustive_errors"] == 6
    assert stated["test_errors"] == sum(
        kind["sequences_with_errors"] for kind in found["kinds"].values()
    )
    assert 0 < stated["test_accuracy"] < 1


def measured(first_error: int | None, short: int = 0) -> dict:
    """Make up an evaluation with one error."""
    kind = {"length": 128, "first_error": None}
    return {
        "exhaustive": {"errors_by_length": [0, 0, short]},
        "kinds": {"coins": kind, "runs": {**kind, "first_error": first_error}},
    }


@pytest.mark.parametrize(
    ("found", "length"), [(measured(None), 128), (measured(51), 50), (measured(51, short=1), 2)]
)
def test_the_tested_length_ends_at_the_first_error(found, length):
    """A network counts as tested up to the longest length before any error."""
    assert evaluation.tested_length(found) == length


def test_a_brief_evaluation_has_every_drawn_kind():
    """The evaluation after a trial run is small, and has the kinds of the whole one."""
    kinds = evaluation._drawn(BRIEF_MEASUREMENT)
    assert {"coins", "balanced", "markov", "periodic", "runs", "late_majority"} <= kinds.keys()
    assert sum(len(bits) for batches in kinds.values() for bits in batches) == 10 * 50
