"""Making figures to draw, and reading pictures back."""

import io
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
from jaxtyping import Float, UInt8
from PIL import Image

from probes.figures.colormaps import DIVERGING, lookup_table
from probes.figures.figures import Colour, Figure, Kind, Tensor
from probes.output.render import place, render
from probes.output.style import Style

RANDOM = np.random.default_rng(7)
UNIT = Colour("viridis", 0.0, 1.0, "fixed")
SIGNED = Colour(DIVERGING, -1.0, 1.0, "fixed")


def tensor(
    shape: Sequence[int],
    axes: str = "step unit",
    colour: Colour | None = UNIT,
    name: str = "values",
    kind: Kind = "gate",
) -> Tensor:
    """Return a tensor of random values from 0 to 1."""
    values = RANDOM.random(tuple(shape)).astype(np.float32)
    return Tensor(name, kind, tuple(axes.split()), values, colour=colour)


def holding(values: Float[np.ndarray, "..."], axes: str, colour: Colour | None) -> Tensor:
    """Return a tensor of these values."""
    return Tensor("values", "gate", tuple(axes.split()), values, colour=colour)


@cache
def pixels(figure: Figure, scale: int = 1) -> UInt8[np.ndarray, "height width 3"]:
    """Return the pixels of a figure's PNG."""
    with pytest.MonkeyPatch.context() as patch:
        # The server lowers Pillow's limit for posted images; our own pictures may be larger.
        patch.setattr(Image, "MAX_IMAGE_PIXELS", None)
        with Image.open(io.BytesIO(render(figure, Style(scale))), formats=["PNG"]) as image:
            assert image.mode == "RGB"
            return np.asarray(image)


def cells(
    figure: Figure, shape: tuple[int, int], scale: int = 1, area: int = 0
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return the colour at the centre of each cell of an area with the given rows and columns."""
    found = place(figure, scale)[area]
    rows = found.y + (np.arange(shape[0]) + 0.5) * found.height / shape[0]
    columns = found.x + (np.arange(shape[1]) + 0.5) * found.width / shape[1]
    return pixels(figure, scale)[rows.astype(int)[:, None], columns.astype(int)[None, :]]


def expected(
    values: Float[np.ndarray, "rows columns"], name: str, low: float, high: float
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return the colours that values have on a map from low to high."""
    share = (values.astype(np.float64) - low) / (high - low)
    return lookup_table(name)[np.round(np.clip(share, 0, 1) * 255).astype(int)]
