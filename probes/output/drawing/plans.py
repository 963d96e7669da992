"""Plans of slides: room, columns and shapes of the parts, one for all figures of one form."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from threading import Lock
from typing import Any

import numpy as np

from probes.figures.colormaps import DIVERGING
from probes.figures.figures import Colour, Measure, Panels, Tensor
from probes.output.drawing.room import Room
from probes.output.drawing.shapes import Shape

MAX_PLANS = 256
"""Most forms of figures whose plans are kept."""


_SIZELESS = ("highlight", "boxes")
"""Fields of figures that change no size."""

_TITLE_STEP = 8
"""Characters by which a title is longer than another one of a different form."""

MOST_LABELS = 64
"""Most labels of an axis that a form has as they are."""

_TYPICAL, _TYPICAL_COUNT = 0.123, 12345
"""Values of a figure that is planned, whose numbers are as long as most are."""

_NEVER_NEGATIVE = {"input", "post_activation", "pooled", "gate", "probability", "count"}
"""Kinds of tensors in a form whose values have no sign."""


@dataclass(frozen=True)
class Plan:
    """Plan of a slide: the room of its parts, and their shapes in the rows of each column."""

    room: Room
    columns: tuple[tuple[tuple[Shape, ...], ...], ...]


_plans: dict[Hashable, Plan] = {}
_lock = Lock()


def plan_of(figure: Panels, make: Callable[[Panels], Plan]) -> Plan:
    """Return the plan of a figure's form, made once for all figures of that form.

    Args:
        make: Makes a plan from a figure of the form with typical values, so that the plan of a
            figure depends on its form alone.
    """
    form = _form(figure)
    with _lock:
        known = _plans.get(form)
    if known is None:
        known = make(_typical(figure))
        with _lock:
            if len(_plans) >= MAX_PLANS:
                del _plans[next(iter(_plans))]
            _plans[form] = known
    return known


def _form(part: Any) -> Hashable:
    """Return the form of a figure: its titles, names, shapes and labels, without values."""
    match part:
        case Tensor():
            names = tuple((axis, _rows(rows)) for axis, rows in part.coordinates.items())
            colour = part.colour and (part.colour.map, part.colour.scope)
            return part.name, part.kind, part.axes, part.values.shape, names, colour
        case Measure():
            return part.name, part.words, part.unit, isinstance(part.value, str) and len(part.value)
        case tuple():
            return tuple(map(_form, part))
        case _ if hasattr(part, "__dataclass_fields__"):
            held = {one.name: getattr(part, one.name) for one in fields(part)}
            return type(part).__name__, *(
                _title(value) if name == "title" else _form(value)
                for name, value in held.items()
                if name not in _SIZELESS
            )
    plain: Hashable = part
    return plain


def _title(title: str) -> str:
    """Return a title of about the same length, as titles may name values, in short words."""
    return " ".join(["0" * (_TITLE_STEP - 1)] * -(-len(title) // _TITLE_STEP))


def _rows(rows: Sequence[int | str]) -> Hashable:
    """Return the labels of an axis, many of them as their digest: clients choose them."""
    if isinstance(rows, range):
        return rows
    if len(rows) <= MOST_LABELS:
        return tuple(rows)
    return blake2b(repr(tuple(rows)).encode(), digest_size=16).digest()


def _typical(part: Any) -> Any:
    """Return a figure of the same form with typical values."""
    match part:
        case Tensor():
            return replace(part, values=_values(part), colour=part.colour and _colour(part.colour))
        case Measure():
            value = "0" * len(part.value) if isinstance(part.value, str) else _TYPICAL
            return replace(part, value=value)
        case tuple():
            return tuple(map(_typical, part))
        case _ if hasattr(part, "__dataclass_fields__"):
            held = {one.name: _typical(getattr(part, one.name)) for one in fields(part)}
            if "title" in held:
                held["title"] = _title(part.title)
            return replace(part, **held)
        case _:
            return part


def _values(tensor: Tensor) -> np.ndarray:
    """Return typical values of a tensor: of both signs where they may be negative."""
    values = np.zeros_like(tensor.values)
    if values.dtype.kind == "f":
        values.fill(_TYPICAL)
        if tensor.kind not in _NEVER_NEGATIVE:
            values.reshape(-1)[::2] = -_TYPICAL
    elif values.dtype.itemsize > 1:
        values.fill(_TYPICAL_COUNT)
    return values


def _colour(colour: Colour) -> Colour:
    """Return the colour rule of typical values."""
    low, high = -_TYPICAL if colour.map == DIVERGING else 0.0, _TYPICAL
    if isinstance(colour.vmin, tuple):
        ends = len(colour.vmin)
        return replace(colour, vmin=(low,) * ends, vmax=(high,) * ends)
    return replace(colour, vmin=low, vmax=high)
