"""Figures: named tensors and measures, and how they are laid out.

The JSON answer lists what a figure holds and the PNG draws it, so the two cannot disagree.

    Figure
    ├── Tiles      many small maps side by side
    ├── Heatmap    one matrix with axes
    ├── Lines      series over a common axis
    ├── Bars       one value per name
    ├── Scatter    points of two tensors
    ├── Overlay    a map over the picture that caused it
    └── Panels     figures under one another or side by side
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Kind = Literal[
    "input",
    "filter",
    "weight",
    "bias",
    "pre_activation",
    "post_activation",
    "pooled",
    "logits",
    "probability",
    "gate",
    "candidate",
    "cell",
    "hidden",
    "count",
    "statistic",
    "attribution",
    "effect",
    "difference",
]
Scope = Literal["channel", "layer", "fixed"]
Coordinates = Mapping[str, Sequence[int | str]]


@dataclass(frozen=True)
class Colour:
    """How values become colours.

    Attributes:
        map: Name of the colour map: one of `probes.figures.colormaps`.
        vmin: The value at the low end; one per channel where `scope` is "channel".
        vmax: The value at the high end, likewise.
        scope: What shares the range: one channel, the whole tensor ("layer"), or every answer.
    """

    map: str
    vmin: float | tuple[float, ...]
    vmax: float | tuple[float, ...]
    scope: Scope


@dataclass(frozen=True, eq=False)
class Tensor:
    """Values with a name, an axis name for every dimension, and a colour rule.

    Attributes:
        name: Unique within an answer, such as `conv1` or `input_gate`.
        kind: What the values are.
        axes: The name of every axis in order, such as ("channel", "y", "x").
        values: The numbers themselves, as many dimensions as `axes` has names.
        coordinates: For an axis of which only some rows are here, which ones; also names of rows.
        colour: None for what is not drawn in colours.
    """

    name: str
    kind: Kind
    axes: tuple[str, ...]
    values: np.ndarray
    coordinates: Coordinates = field(default_factory=dict)
    colour: Colour | None = None

    def __post_init__(self) -> None:
        """Refuse values that the axes and coordinates do not describe."""
        if self.values.ndim != len(self.axes):
            msg = f"{self.name} has {self.values.ndim} dimensions but axes {self.axes}"
            raise ValueError(msg)
        for axis, rows in self.coordinates.items():
            size = self.values.shape[self.axes.index(axis)]
            if len(rows) != size:
                msg = f"{self.name} has {size} along {axis} but {len(rows)} coordinates"
                raise ValueError(msg)

    def labels(self, axis: str) -> Sequence[int | str]:
        """Return what each row along an axis is called: its coordinate, else its position."""
        return self.coordinates.get(axis, range(self.values.shape[self.axes.index(axis)]))


def extremes(flat: np.ndarray) -> tuple[float, float]:
    """Return the least and the largest of some values; NaN where one is among them.

    Args:
        flat: At least one value, in one dimension.
    """
    # To look for the place is several times as fast as to ask for the value.
    return float(flat[flat.argmin()]), float(flat[flat.argmax()])


def finite(flat: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the finite ones among some values, the least and the largest; 0 where there is none.

    Args:
        flat: In one dimension.
    """
    low, high = extremes(flat) if flat.size else (0.0, 0.0)
    if math.isfinite(low) and math.isfinite(high):  # what is not shows at one of the two ends
        return flat, low, high
    left = flat[np.isfinite(flat)]
    return left, *(extremes(left) if left.size else (0.0, 0.0))


@dataclass(frozen=True)
class Measure:
    """A scalar or a word that an answer states, with its unit ("" where it has none)."""

    name: str
    value: float | int | str | bool | None
    unit: str = ""


@dataclass(frozen=True)
class Box:
    """A rectangle on a picture in its pixels, both ends included: a receptive field."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Tiles:
    """A grid of small maps: the last two axes of the tensor are y and x, one tile for each row."""

    title: str
    tensor: Tensor
    columns: int | None = None
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Heatmap:
    """One matrix as coloured cells, `x` the axis drawn from left to right."""

    title: str
    tensor: Tensor
    x: str
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Lines:
    """Series over the common axis `x`: one line for each tensor, or for each row of a matrix.

    Attributes:
        limits: The fixed range of the vertical axis; None takes the range of the values.
        reference: Where to draw a horizontal line that the eye can compare with.
    """

    title: str
    tensors: tuple[Tensor, ...]
    x: str
    limits: tuple[float, float] | None = None
    reference: float | None = None
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Bars:
    """One bar for each entry of a vector, named by its coordinates.

    Attributes:
        limits: The fixed range of the bars; None takes zero and the values.
        highlight: The position of the bar to point out.
    """

    title: str
    tensor: Tensor
    limits: tuple[float, float] | None = None
    highlight: int | None = None
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Scatter:
    """Points whose positions are the entries of two tensors of one size.

    Attributes:
        colour: As many values, by which the points are coloured.
        path: The x and y of points that a line joins, drawn over the others and cut off with them.
        marked: The x and y of points to point out, by number.
    """

    title: str
    x: Tensor
    y: Tensor
    labels: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    colour: Tensor | None = None
    path: tuple[Tensor, Tensor] | None = None
    marked: tuple[Tensor, Tensor] | None = None


@dataclass(frozen=True)
class Overlay:
    """A map enlarged to the size of the picture that caused it and laid over it."""

    title: str
    picture: Tensor
    tensor: Tensor
    boxes: tuple[Box, ...] = ()
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Panels:
    """Figures under one title, in rows of `columns`."""

    title: str
    figures: tuple["Figure", ...]
    columns: int = 1
    measures: tuple[Measure, ...] = ()


Figure = Tiles | Heatmap | Lines | Bars | Scatter | Overlay | Panels


def tensors(figure: Figure) -> list[Tensor]:
    """List the tensors of a figure in drawing order, each once."""
    found: dict[str, Tensor] = {}
    for tensor in _walk(figure):
        if found.setdefault(tensor.name, tensor) is not tensor:
            msg = f"two tensors of one figure are both called {tensor.name}"
            raise ValueError(msg)
    return list(found.values())


def _walk(figure: Figure) -> Iterator[Tensor]:
    match figure:
        case Panels():
            for part in figure.figures:
                yield from _walk(part)
        case Lines():
            yield from figure.tensors
        case Scatter():
            yield from (figure.x, figure.y)
            yield from () if figure.colour is None else (figure.colour,)
            yield from (*(figure.path or ()), *(figure.marked or ()))
        case Overlay():
            yield from (figure.picture, figure.tensor)
        case _:
            yield figure.tensor


def measures(figure: Figure) -> list[Measure]:
    """List the measures of a figure and of its parts, outermost first."""
    parts = figure.figures if isinstance(figure, Panels) else ()
    return [*figure.measures, *(measure for part in parts for measure in measures(part))]
