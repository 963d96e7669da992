"""Lengths up to which answers of the LSTM's weights were tested, and are certified."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from models.architecture import Architecture
from models.rnn.certificate import certify
from models.rnn.counting import is_lstm_counter


class LengthLimits(NamedTuple):
    """Lengths up to which the answers of an LSTM's weights are known, in steps.

    Attributes:
        tested: Longest length that a test of these weights found no error at; 0 where no test is
            recorded.
        certified: Length up to which the answer to every sequence is right, by a certificate; 0
            without one.
    """

    tested: int
    certified: int

    @property
    def longest(self) -> int:
        """Length up to which the LSTM's answers were tested or are certified."""
        return max(self)


def length_limits(
    architecture: Architecture, weights: Mapping[str, np.ndarray], facts: Mapping[str, Any]
) -> LengthLimits:
    """Return a network's length limits: the tested one as recorded, the certified one computed.

    Args:
        architecture: Architecture of a network that counts bits. Of one LSTM layer and a readout
            lengths are certified, of others none.
        weights: Parameters by name.
        facts: Metadata of these weights, perhaps with `tested_length`.
    """
    tested = facts.get("tested_length")
    # Bounds of weights that do not count may overflow, and then prove nothing.
    with np.errstate(over="ignore", invalid="ignore"):
        is_known = is_lstm_counter(architecture)
        certified = certify(architecture, weights).length if is_known else 0
    # `True` is an instance of `int`, and metadata may be of other origin.
    return LengthLimits(tested if type(tested) is int and tested > 0 else 0, certified)
