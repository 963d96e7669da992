"""Layout of a figure as JSON: the kind of each part, and the names of the tensors that it draws."""

from collections.abc import Iterable
from typing import Any

from probes.figures.figures import (
    Bars,
    Figure,
    Heatmap,
    Lines,
    Overlay,
    Panels,
    Scatter,
    Tensor,
    Tiles,
)


def layout(figure: Figure) -> dict[str, Any]:
    """Return the layout of a probe's figure, from which a program can draw its picture.

    Returns:
        `kind`, `title` and the fields of that kind of figure, with a tensor's name in its place.
    """
    return {"kind": type(figure).__name__.lower(), "title": figure.title, **_fields(figure)}


def _fields(figure: Figure) -> dict[str, Any]:
    """Return the fields of a figure's kind in its layout."""
    fields: dict[str, Any]
    match figure:
        case Panels():
            fields = {
                "columns": figure.columns or 1,
                "figures": [layout(one) for one in figure.figures],
            }
        case Tiles():
            fields = {"tensor": figure.tensor.name, "columns": figure.columns}
        case Heatmap():
            fields = {"tensor": figure.tensor.name, "x": figure.x}
        case Lines():
            fields = {"tensors": _names(figure.tensors), "x": figure.x}
            fields |= {"limits": figure.limits, "reference": figure.reference}
            fields["names"] = figure.names
        case Bars():
            fields = {"tensor": figure.tensor.name}
            fields |= {"limits": figure.limits, "highlight": figure.highlight}
        case Scatter():
            fields = {"x": figure.x.name, "y": figure.y.name, "labels": figure.labels}
            fields["colour"] = None if figure.colour is None else figure.colour.name
            fields |= {"path": _names(figure.path), "marked": _names(figure.marked)}
        case Overlay():
            boxes = [[one.top, one.left, one.bottom, one.right] for one in figure.boxes]
            fields = {"picture": figure.picture.name, "tensor": figure.tensor.name, "boxes": boxes}
    return fields


def _names(tensors: Iterable[Tensor] | None) -> list[str] | None:
    """Return the names of tensors in a figure's layout."""
    return None if tensors is None else [one.name for one in tensors]
