"""Kind of picture that people send, and the registry of all kinds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Draw = Callable[[np.ndarray, np.random.Generator], bytes]

KINDS: dict[str, "Kind"] = {}
"""Every kind of picture by its name, in the order of the modules that draw them."""


@dataclass(frozen=True)
class Kind:
    """Kind of picture that people send.

    Attributes:
        name: Words joined by hyphens.
        draw: Draws a picture of an MNIST digit, 28x28, and returns it as PNG or JPEG.
        holds: Whether the kind was read well before: 99 of 100 must be right, otherwise 95.
        label: The only digit of this kind, drawn by its own strokes; None for all ten.
    """

    name: str
    draw: Draw
    holds: bool = False
    label: int | None = None

    @property
    def least(self) -> float:
        """Least share of pictures that must be read rightly."""
        return 0.99 if self.holds else 0.95


def kind(name: str, *, holds: bool = False, label: int | None = None) -> Callable[[Draw], Draw]:
    """Register a function as the drawing of a kind of picture."""

    def register(draw: Draw) -> Draw:
        KINDS[name] = Kind(name, draw, holds, label)
        return draw

    return register
