"""Structured sequences: each kind has the structure that its name states."""

import numpy as np
import pytest

from models.rnn import structured_sequences as kinds
from models.rnn.structured_sequences import margins


def drawn(kind: str, number: int = 60, length: int = 64) -> np.ndarray:
    """Draw sequences of one kind."""
    return kinds.SEQUENCE_KINDS[kind](np.random.default_rng(0), number, length)


@pytest.mark.parametrize("kind", kinds.SEQUENCE_KINDS)
@pytest.mark.parametrize("length", [2, 9, 64])
def test_sequences_are_bits_of_the_length(kind, length):
    """Every kind gives as many sequences of 0s and 1s as asked for, and not all alike."""
    bits = drawn(kind, 40, length)
    assert bits.shape == (40, length)
    assert set(np.unique(bits)) == {0, 1}
    assert len({row.tobytes() for row in bits}) > 1


@pytest.mark.parametrize("kind", ["balanced", "there_and_back"])
def test_hard_sequences_have_margin_0_or_2_at_powers_of_two(kind):
    """Half of the margins are 0 and half 2, at each power of two and at the end."""
    margin = margins(drawn(kind, 60, 40))
    for length in (8, 16, 32, 40):
        assert sorted(margin[:, length - 1]) == [0] * 30 + [2] * 30
    for length in (8, 16, 32):
        assert sorted(margins(drawn(kind, 60, 64))[:, length - 1]) == [0] * 30 + [2] * 30


@pytest.mark.parametrize("kind", ["balanced", "there_and_back"])
@pytest.mark.parametrize("length", [1, 7, 9, 11, 17, 33, 65])
def test_hard_sequences_have_margin_1_at_an_odd_end(kind, length):
    """Half of the margins are -1 and half 1, also one bit after a power of two."""
    assert sorted(margins(drawn(kind, 60, length))[:, -1]) == [-1] * 30 + [1] * 30


def test_runs_of_there_and_back_are_long():
    """Sequences that go there and back have few changes, shuffled ones many."""
    changes = {k: (np.diff(drawn(k), axis=1) != 0).mean() for k in ("balanced", "there_and_back")}
    assert changes["there_and_back"] < 0.2
    assert changes["balanced"] > 0.4


def test_markov_sequences_flip_as_often_as_stated():
    """The share of changes is the P(flip) of each sequence, from the first to the last."""
    bits = kinds.markov(np.random.default_rng(0), 5, 20_000, (0.1, 0.9))
    changes = (np.diff(bits.astype(int), axis=1) != 0).mean(axis=1)
    np.testing.assert_allclose(changes, [0.1, 0.3, 0.5, 0.7, 0.9], atol=0.02)


def test_periodic_sequences_repeat_a_word():
    """After at most 3 bits every periodic sequence repeats a word of at most 12."""
    for bits in drawn("periodic"):
        rest = bits[kinds.MAX_PREFIX :]
        assert any(
            (rest[period:] == rest[:-period]).all() for period in range(1, kinds.MAX_PERIOD + 1)
        )


def test_all_periodic_sequences_are_distinct_words():
    """Every word of up to 12 bits that repeats no shorter one, after each of 15 prefixes."""
    batches = list(kinds.all_periodic(16, 5_000))
    assert max(len(batch) for batch in batches) == 5_000
    # Primitive words by length, from Witt's formula: n times the number of binary necklaces.
    assert sum(len(batch) for batch in batches) == 15 * (
        2 + 2 + 6 + 12 + 30 + 54 + 126 + 240 + 504 + 990 + 2046 + 4020
    )


def test_runs_are_two():
    """A sequence of runs changes once, and those of all runs are all of them."""
    assert ((np.diff(drawn("runs").astype(int), axis=1) != 0).sum(axis=1) == 1).all()
    every = kinds.all_runs(5)
    assert ["".join(map(str, row)) for row in every[:5]] == [
        "10000",
        "11000",
        "11100",
        "11110",
        "11111",
    ]
    assert (every[5:] == 1 - every[:5]).all()


def test_one_late_bit_decides():
    """Before and after the single bit margins are within 1 of those of pairs of unlike bits."""
    margin = margins(drawn("late_majority", 200))
    assert np.abs(margin[:, :32]).max() == 1
    assert (margin[:, 1:32:2] == 0).all()
    assert np.abs(margin).max() == 2
    assert set(margin[:, -1]) == {-2, 0, 2}


def test_mixtures_change_their_kind():
    """Some mixtures begin with one structure and end with another."""
    bits = drawn("mixtures", 300)
    first, second = bits[:, :16], bits[:, -16:]
    constant = [(part == part[:, :1]).all(axis=1) for part in (first, second)]
    assert (constant[0] & ~constant[1]).any()
    assert (~constant[0] & constant[1]).any()
