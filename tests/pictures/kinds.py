"""Kinds: all kinds of pictures, gathered from the modules that draw them."""

from tests.pictures import (  # noqa: F401 - each registers its kinds
    canvases,
    desks,
    files,
    lights,
    marks,
    papers,
    rarities,
    screens,
    shapes,
)
from tests.pictures.kind import KINDS, Kind

__all__ = ["KINDS", "Kind"]
