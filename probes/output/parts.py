"""Parts of an encoded answer: those that a request includes."""

from typing import Literal, get_args

Part = Literal["prediction", "input", "tensors", "stats", "measures", "warnings"]

ALL_PARTS: frozenset[Part] = frozenset(get_args(Part))
"""Parts of an encoded answer by default."""

DRAWN_PARTS: frozenset[Part] = frozenset(("tensors", "stats", "measures"))
"""Parts of an encoded answer that are read from the probe's figure."""
