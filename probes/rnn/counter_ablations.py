"""Ablations of a counter: every set of a few units, else greedy elimination."""

from collections.abc import Generator, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Int, UInt8

from models.rnn.ablations import ablation_buckets
from models.runtime.cancellation import raise_if_cancelled
from models.runtime.programs import Call, Outputs, in_slices

MAX_EXHAUSTIVE_UNITS = 8
"""Most units at which the probe `counter` ablates every set of units; above, elimination."""

ELIMINATION_DIVISOR = 4
"""Greedy elimination of counter units drops one unit in this number per round, at least one."""

Kept = UInt8[np.ndarray, "sets units"]
Correct = Int[np.ndarray, " sets"]


def every_set(units: int) -> Kept:
    """Return every set of counter units to keep, the empty set first and the full set last."""
    sets = [one for size in range(units + 1) for one in combinations(range(units), size)]
    keep = np.zeros((len(sets), units), np.uint8)
    for row, one in zip(keep, sets, strict=True):
        row[list(one)] = 1
    return keep


class Ablation:
    """Mean ablation of a counter: correct answers with dropped units' hidden states at their mean.

    Args:
        sequences: Input sequences.
        units: Number of units.
    """

    def __init__(self, sequences: UInt8[np.ndarray, "sequences time"], units: int) -> None:
        self.sequences = sequences
        self.yes = 2 * sequences.sum(axis=1, dtype=np.int64) > sequences.shape[1]
        self.mean = np.zeros(units, np.float32)
        # Two batches per slice: the device has work while the next calls are made.
        self._slice = 2 * ablation_buckets(units)[-1]

    def find_mean(self, whole: Kept) -> Generator[Sequence[Call], list[Outputs], None]:
        """Measure the mean hidden state that an ablated counter unit gets, without ablation."""
        (found,) = yield (self._call(whole[0], "mean_hidden"),)
        self.mean = found["mean_hidden"]

    def correct(self, keep: Kept) -> Generator[Sequence[Call], list[Outputs], Correct]:
        """Count the LSTM's correct answers with each set of counter units kept."""
        calls = (self._call(one, "logits") for one in keep)
        found = yield from in_slices(calls, self._slice)
        answers = (one["logits"][:, 1] > one["logits"][:, 0] for one in found)
        return np.array([(yes == self.yes).sum() for yes in answers], np.int64)

    def _call(self, keep: UInt8[np.ndarray, " units"], output: str) -> Call:
        held = {"keep": keep.astype(np.float32), "instead": self.mean}
        return Call("ablate", {"sequence": self.sequences, **held}, frozenset({output}))


def eliminate(
    ablation: Ablation, units: int
) -> Generator[Sequence[Call], list[Outputs], tuple[Kept, Correct]]:
    """Greedy elimination of counter units: drop those whose ablation costs least.

    Each unit is also tried alone.
    """
    kept = np.ones(units, np.uint8)
    tried = [np.concatenate([kept[None], np.eye(units, dtype=np.uint8)])]
    counts = [(yield from ablation.correct(tried[0]))]
    while kept.any():
        raise_if_cancelled()
        left = np.flatnonzero(kept)
        without = np.repeat(kept[None], len(left), axis=0)
        without[np.arange(len(left)), left] = 0
        correct = yield from ablation.correct(without)
        tried.append(without)
        counts.append(correct)
        first = np.argsort(-correct, kind="stable")[: _dropped(len(left))]
        # The previous array is already in `tried`.
        kept = kept.copy()
        kept[left[first]] = 0
        tried.append(kept[None])
        counts.append((yield from ablation.correct(kept[None])))
    return np.concatenate(tried), np.concatenate(counts)


def _dropped(left: int) -> int:
    """Return the number of counter units that a round of greedy elimination drops."""
    return max(1, left // ELIMINATION_DIVISOR)


def ablation_rows(units: int) -> int:
    """Return the number of rows of a counter's ablations: the run for the mean, and each set."""
    if units <= MAX_EXHAUSTIVE_UNITS:
        return 1 + (1 << units)
    rows, left = 2 + units, units
    while left:
        # Each unit is left out, and then those that are missed least.
        rows += left + 1
        left -= _dropped(left)
    return rows
