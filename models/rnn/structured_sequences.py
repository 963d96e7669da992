"""Structured bit sequences of the counting task, on which an LSTM is evaluated."""

from collections.abc import Callable, Iterator, Mapping
from itertools import product

import numpy as np
from jaxtyping import Bool, Int, UInt8

Bits = UInt8[np.ndarray, "sequences time"]

SHORTEST_HARD = 8
"""Shortest length at which `balanced` and `there_and_back` sequences have margin 0 or 2."""

MAX_PERIOD, MAX_PREFIX = 12, 3
"""Longest word and longest prefix of `periodic` sequences, in bits."""

LEAST_FLIP, MOST_FLIP = 0.01, 0.99
"""Range of P(flip), the chance that a bit of a `markov` sequence differs from the last."""


def margins(
    bits: Bits | Bool[np.ndarray, "sequences time"],
) -> Int[np.ndarray, "sequences time"]:
    """Return ones minus zeros after each bit of sequences."""
    return np.cumsum(2 * bits.astype(np.int64) - 1, axis=1)


def coins(random: np.random.Generator, number: int, length: int) -> Bits:
    """Draw sequences of independent fair bits."""
    return random.integers(0, 2, (number, length), np.uint8)


def balanced(random: np.random.Generator, number: int, length: int) -> Bits:
    """Draw shuffled sequences with margin 0 or 2 at each power of two from 8 on, and at the end.

    Half of the margins are 0, a tie, and half are 2. At an odd end half are -1 and half are 1; a
    power of two directly before the end is then passed over.
    """
    parts = _parts(random, number, length)
    return np.concatenate([random.permuted(part, axis=1) for part in parts], axis=1)


def there_and_back(random: np.random.Generator, number: int, length: int) -> Bits:
    """Draw sequences with the margins of `balanced`, in long runs of equal bits."""
    return np.concatenate([_rolled(random, p) for p in _parts(random, number, length)], axis=1)


def _parts(random: np.random.Generator, number: int, length: int) -> Iterator[Bits]:
    """Yield the parts of balanced sequences between powers of two, ones first."""
    before = np.zeros(number, np.int64)
    start, stop = 0, _stop(SHORTEST_HARD, length)
    # Each part restores the margin at its end, so that every power of two is a hard length.
    while start < length:
        margin = 2 * random.permutation(np.arange(number) % 2) - (stop % 2)
        ones = (stop - start + margin - before) // 2
        yield (np.arange(stop - start) < ones[:, None]).astype(np.uint8)
        before, start, stop = margin, stop, _stop(2 * stop, length)


def _stop(power: int, length: int) -> int:
    """Return the end of a part of balanced sequences, which is at a power of two or the end."""
    # One bit alone cannot bring a margin of 2 to -1.
    return power if power + 1 < length else length


def _rolled(random: np.random.Generator, part: Bits) -> Bits:
    """Rotate each part of a balanced sequence by a random number of steps."""
    shift = random.integers(0, part.shape[1], (len(part), 1))
    return np.take_along_axis(part, (np.arange(part.shape[1]) + shift) % part.shape[1], axis=1)


def markov(
    random: np.random.Generator,
    number: int,
    length: int,
    flips: tuple[float, float] = (LEAST_FLIP, MOST_FLIP),
) -> Bits:
    """Draw sequences of which each bit differs from the last with a probability P(flip).

    Args:
        random: Source of random numbers.
        number: Number of sequences.
        length: Bits of each sequence.
        flips: P(flip) of the first and of the last sequence; those between are evenly spaced.
    """
    chance = np.linspace(*flips, number)[:, None]
    changes = random.random((number, length)) < chance
    start = random.integers(0, 2, (number, 1))
    return ((np.cumsum(changes, axis=1) + start) % 2).astype(np.uint8)


def periodic(random: np.random.Generator, number: int, length: int) -> Bits:
    """Draw sequences that repeat a word of 1 to 12 bits after a prefix of up to 3 bits."""
    period = random.integers(1, MAX_PERIOD + 1, (number, 1))
    prefix = random.integers(0, MAX_PREFIX + 1, (number, 1))
    word = random.integers(0, 2, (number, MAX_PERIOD + MAX_PREFIX), np.uint8)
    return _repeated(word, period, prefix, length)


def _repeated(
    word: UInt8[np.ndarray, "sequences letters"],
    period: Int[np.ndarray, "sequences 1"],
    prefix: Int[np.ndarray, "sequences 1"],
    length: int,
) -> Bits:
    """Repeat words to structured sequences; a word's bits from `MAX_PERIOD` on are the prefix."""
    time = np.arange(length)[None]
    place = np.where(time < prefix, MAX_PERIOD + time, (time - prefix) % period)
    return np.take_along_axis(word, place, axis=1)


def all_periodic(length: int, rows: int) -> Iterator[Bits]:
    """Yield every periodic sequence in batches: all words of up to 12 bits, prefixes of up to 3.

    Words that repeat a shorter word are left out.

    Args:
        length: Bits of each sequence.
        rows: Sequences per batch.
    """
    words = [
        word
        for period in range(1, MAX_PERIOD + 1)
        for word in product((0, 1), repeat=period)
        if not _repeats(word)
    ]
    prefixes = [prefix for size in range(MAX_PREFIX + 1) for prefix in product((0, 1), repeat=size)]
    pairs = [(word, prefix) for word in words for prefix in prefixes]
    for start in range(0, len(pairs), rows):
        part = pairs[start : start + rows]
        word = np.zeros((len(part), MAX_PERIOD + MAX_PREFIX), np.uint8)
        for row, (one, prefix) in zip(word, part, strict=True):
            row[: len(one)] = one
            row[MAX_PERIOD : MAX_PERIOD + len(prefix)] = prefix
        period = np.array([[len(one)] for one, _ in part])
        size = np.array([[len(prefix)] for _, prefix in part])
        yield _repeated(word, period, size, length)


def _repeats(word: tuple[int, ...]) -> bool:
    """Tell whether the word of a periodic sequence is a repetition of a shorter word."""
    size = len(word)
    return any(size % part == 0 and word == word[:part] * (size // part) for part in range(1, size))


def runs(random: np.random.Generator, number: int, length: int) -> Bits:
    """Draw sequences of a run of 1s and a run of 0s, in either order; ends are evenly spaced."""
    end = np.linspace(1, length - 1, number).astype(np.int64)[:, None]
    first = random.permutation(np.arange(number) % 2)[:, None]
    return np.asarray((np.arange(length)[None] < end) ^ first, np.uint8)


def all_runs(length: int) -> Bits:
    """Return every sequence of a run of 1s and a run of 0s, in either order, of one length."""
    ones_first = (np.arange(length)[None] < np.arange(1, length + 1)[:, None]).astype(np.uint8)
    return np.concatenate([ones_first, 1 - ones_first])


def late_majority(random: np.random.Generator, number: int, length: int) -> Bits:
    """Draw sequences of pairs of unlike bits, with one single bit late in each.

    The single bit decides the answer after it; before it all margins are within -1 and 1.
    """
    pairs = markov(random, number, length)
    paired = np.where(np.arange(length) % 2 == 0, pairs, np.roll(1 - pairs, 1, axis=1))
    place = random.integers(length // 2, length, (number, 1))
    letter = random.integers(0, 2, (number, 1), np.uint8)
    time = np.arange(length)[None]
    rest = np.where(time < place, paired, np.roll(paired, 1, axis=1))
    return np.where(time == place, letter, rest).astype(np.uint8)


def mixtures(random: np.random.Generator, number: int, length: int) -> Bits:
    """Draw sequences that change from one kind of structure to another at a random step."""
    kinds = tuple(kind for name, kind in SEQUENCE_KINDS.items() if name != "mixtures")
    drawn = np.stack([random.permutation(kind(random, number, length)) for kind in kinds])
    first, second = random.integers(0, len(kinds), (2, number))
    cut = random.integers(0, length, (number, 1))
    rows = np.arange(number)
    before = np.arange(length)[None] < cut
    return np.asarray(np.where(before, drawn[first, rows], drawn[second, rows]))


SEQUENCE_KINDS: Mapping[str, Callable[[np.random.Generator, int, int], Bits]] = {
    "coins": coins,
    "balanced": balanced,
    "there_and_back": there_and_back,
    "markov": markov,
    "periodic": periodic,
    "runs": runs,
    "late_majority": late_majority,
    "mixtures": mixtures,
}
"""Kinds of structured sequences: each takes a generator, a number of sequences and a length."""
