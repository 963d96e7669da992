"""Parts of an encoded answer: those that a request includes."""

from typing import Literal, get_args

Part = Literal["prediction", "input", "tensors", "stats", "measures", "warnings", "figure"]

ALL_PARTS: frozenset[Part] = frozenset(get_args(Part)) - {"figure"}
"""Parts of an encoded answer by default: all but the layout of its figure."""

DRAWN_PARTS: frozenset[Part] = frozenset(("tensors", "stats", "measures", "figure"))
"""Parts of an encoded answer that are read from the probe's figure."""
