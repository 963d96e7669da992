"""Figures of probes: named tensors and measures, and their layout.

JSON lists the tensors of a figure and PNG draws them, so that both show equal values.

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
    "normalised",
    "merged",
    "embedding",
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
    """Colour rule of a figure's tensor: colour map and range.

    Attributes:
        map: Name of the colour map: one of `probes.figures.colormaps`.
        vmin: Value at the low end; one for each channel where `scope` is "channel".
        vmax: Value at the high end; one for each channel where `scope` is "channel".
        scope: Values that share the range: a channel, the tensor ("layer"), or all answers.
    """

    map: str
    vmin: float | tuple[float, ...]
    vmax: float | tuple[float, ...]
    scope: Scope


@dataclass(frozen=True, eq=False)
class Tensor:
    """Tensor of a figure: values, a name, an axis name for every dimension, a colour rule.

    Attributes:
        name: Name, unique within an answer, such as `conv1` or `input_gate`.
        kind: Kind of the values, such as `gate` or `post_activation`.
        axes: Name of each axis in order, such as ("channel", "y", "x").
        values: Array with one dimension for each name in `axes`.
        coordinates: Indices of the rows along an axis that has a part of all, or names of the rows.
        colour: Colour rule; None for a tensor that is not drawn in colours.
    """

    name: str
    kind: Kind
    axes: tuple[str, ...]
    values: np.ndarray
    coordinates: Coordinates = field(default_factory=dict)
    colour: Colour | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` where axes or coordinates of a figure's tensor do not fit values."""
        if self.values.ndim != len(self.axes):
            msg = f"{self.name} has {self.values.ndim} dimensions but axes {self.axes}"
            raise ValueError(msg)
        for axis, rows in self.coordinates.items():
            size = self.values.shape[self.axes.index(axis)]
            if len(rows) != size:
                msg = f"{self.name} has {size} along {axis} but {len(rows)} coordinates"
                raise ValueError(msg)

    def labels(self, axis: str) -> Sequence[int | str]:
        """Return the labels along an axis of a figure's tensor: coordinates, else indices."""
        return self.coordinates.get(axis, range(self.values.shape[self.axes.index(axis)]))


def extremes(flat: np.ndarray) -> tuple[float, float]:
    """Return minimum and maximum of a tensor's values in a figure; NaN where one value is NaN.

    Args:
        flat: One-dimensional array of at least one value.
    """
    # argmin and argmax are several times as fast as min and max.
    return float(flat[flat.argmin()]), float(flat[flat.argmax()])


def finite(flat: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the finite values of a figure's tensor, with minimum and maximum; 0 without any.

    Args:
        flat: One-dimensional array.
    """
    low, high = extremes(flat) if flat.size else (0.0, 0.0)
    if math.isfinite(low) and math.isfinite(
        high
    ):  # a non-finite value is the minimum or the maximum
        return flat, low, high
    left = flat[np.isfinite(flat)]
    return left, *(extremes(left) if left.size else (0.0, 0.0))


@dataclass(frozen=True)
class Measure:
    """Measure of a figure: scalar or word in an answer.

    Attributes:
        name: Its name in an answer.
        value: None where it is undefined.
        unit: Empty without one.
        words: Its name in the captions of pictures; empty where `name` is one, with spaces.
    """

    name: str
    value: float | int | str | bool | None
    unit: str = ""
    words: str = ""


@dataclass(frozen=True)
class Box:
    """Box of an `Overlay` figure: rectangle in image pixels, both ends included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Tiles:
    """Figure `Tiles`: grid of small maps; the last two axes of the tensor are y and x."""

    title: str
    tensor: Tensor
    columns: int | None = None
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Heatmap:
    """Figure `Heatmap`: matrix as coloured cells, the axis `x` from left to right.

    Attributes:
        written: Whether the values are numbers in cells without colours, where there is room.
    """

    title: str
    tensor: Tensor
    x: str
    measures: tuple[Measure, ...] = ()
    written: bool = False


@dataclass(frozen=True)
class Lines:
    """Figure `Lines`: line chart over the axis `x`, a line for each tensor or row of a matrix.

    Attributes:
        limits: Fixed range of the vertical axis; None takes the range of the values.
        reference: Height of a horizontal reference line.
        names: Names of the tensors in the legend, one for each; empty for their own.
    """

    title: str
    tensors: tuple[Tensor, ...]
    x: str
    limits: tuple[float, float] | None = None
    reference: float | None = None
    measures: tuple[Measure, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bars:
    """Figure `Bars`: bar chart of a vector, each bar named by its coordinate.

    Attributes:
        limits: Fixed range of the bars; None takes zero and the values.
        highlight: Index of the highlighted bar.
    """

    title: str
    tensor: Tensor
    limits: tuple[float, float] | None = None
    highlight: int | None = None
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Scatter:
    """Figure `Scatter`: scatter plot of the entries of two tensors of one size.

    Attributes:
        colour: Values that the points are coloured by.
        path: x and y of the points of a line, clipped to the range of the plot.
        marked: x and y of points that are marked and numbered.
        equal: Whether a unit is as long across as upward, and all of the path is shown, so that a
            circle is round.
    """

    title: str
    x: Tensor
    y: Tensor
    labels: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    colour: Tensor | None = None
    path: tuple[Tensor, Tensor] | None = None
    marked: tuple[Tensor, Tensor] | None = None
    equal: bool = False


@dataclass(frozen=True)
class Overlay:
    """Figure `Overlay`: map over the image that it was computed from, enlarged to its size."""

    title: str
    picture: Tensor
    tensor: Tensor
    boxes: tuple[Box, ...] = ()
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True)
class Panels:
    """Figure `Panels`: several figures under one title.

    Attributes:
        columns: Figures in a row; None for the columns and rows that fill a slide best, in reading
            order, or for one column in panels that have a number of columns.
    """

    title: str
    figures: tuple["Figure", ...]
    columns: int | None = None
    measures: tuple[Measure, ...] = ()


Figure = Tiles | Heatmap | Lines | Bars | Scatter | Overlay | Panels


@dataclass(frozen=True)
class Slides:
    """Figures of several inputs in one picture, each on a slide of its own.

    Attributes:
        columns: Slides in a row; None for as many as are no wider than one slide may be.
    """

    title: str
    figures: tuple[Figure, ...]
    columns: int | None = None


def tensors(figure: Figure) -> list[Tensor]:
    """List the tensors of a figure in drawing order, without duplicates."""
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
