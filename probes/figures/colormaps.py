"""The few colour maps that pictures use, and the rule that picks one."""

from functools import cache
from typing import Literal

import cmap
import numpy as np
from jaxtyping import UInt8

Sequential = Literal["viridis", "cividis", "gray"]
"""For what cannot be negative: intensities, gates, probabilities. All read well in grey; cividis
looks the same with and without red-green colour blindness."""

DIVERGING = "RdBu"
"""For signed values about zero: negative red, zero white, positive blue."""

CATEGORICAL = "petroff10"
"""For the numbers 0 to 9 as names, of digits say: ten colours that can be told apart, also with
red-green colour blindness (Petroff, 2021, Accessible color sequences for data visualization)."""

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
    """Return the 256 colours of a map, low values first."""
    positions = np.linspace(0.0, 1.0, 256)
    colours = cmap.Colormap(_SOURCES[name])(positions)[:, :3]
    return np.round(colours * 255).astype(np.uint8)
