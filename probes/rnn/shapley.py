"""Exact Shapley values of the players of a coalition game, for bits of a sequence."""

from math import comb

import numpy as np
from jaxtyping import Float64

from models.runtime.cancellation import raise_if_cancelled


def shapley_values(
    worth: Float64[np.ndarray, " coalitions"],
) -> Float64[np.ndarray, " players"]:
    """Return the Shapley value of each player, here a bit, of a coalition game.

    A player's value is the sum over the coalitions S without it of |S|! (k - |S| - 1)! / k! times
    its marginal contribution, worth(S with it) - worth(S).

    Args:
        worth: Worth of all 2^k coalitions; player j is in coalition s where bit j of s is 1.

    References:
        Shapley (1953), A value for n-person games; Lundberg & Lee (2017), A unified approach to
        interpreting model predictions.
    """
    count = len(worth).bit_length() - 1
    sizes = np.bitwise_count(np.arange(2 ** max(count - 1, 0)))
    # |S|! (k - |S| - 1)! / k! for each size of S, written with a binomial
    by_size = np.array([1.0 / (count * comb(count - 1, size)) for size in range(count)] or [0.0])
    weights = by_size[sizes]
    values = np.zeros(count)
    for player in range(count):
        raise_if_cancelled()
        sides = worth.reshape(-1, 2, 2**player)
        values[player] = weights @ (sides[:, 1] - sides[:, 0]).ravel()
    return values
