"""Colour maps of pictures, and the kinds of values that each is for."""

from functools import cache
from typing import Literal

import cmap
import numpy as np
from jaxtyping import UInt8

Sequential = Literal["viridis", "cividis", "gray"]
"""Sequential colour maps, for values that are never negative; all are readable in greyscale, and
cividis looks alike with and without red-green colour blindness."""

DIVERGING = "RdBu"
"""Diverging colour map, for signed values: negative red, zero white, positive blue."""

CATEGORICAL = "petroff10"
"""Categorical colour map, for the digits 0 to 9: ten colours that are distinct also with red-green
colour blindness (Petroff, 2021, Accessible color sequences for data visualization)."""

_SOURCES = {
    "viridis": "bids:viridis",
    "cividis": "cividis:cividis",
    "gray": "matlab:gray",
    DIVERGING: "colorbrewer:RdBu",
    CATEGORICAL: "petroff:petroff10",
}
NAMES = tuple(_SOURCES)


@cache
def lookup_table(name: str) -> UInt8[np.ndarray, "256 3"]:
    """Return the 256 colours of a colour map, those of low values first."""
    positions = np.linspace(0.0, 1.0, 256)
    colours = cmap.Colormap(_SOURCES[name])(positions)[:, :3]
    return np.round(colours * 255).astype(np.uint8)
