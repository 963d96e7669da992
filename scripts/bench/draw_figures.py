"""CPU time to draw figures, in a process of the drawing benchmark that any checkout can run.

`python -P scripts/bench/draw_figures.py FIGURES.pickle` has the checkout on its import path. For
each line `NAME SHARE` of its input it draws a figure as PNG, with values that are smaller by that
share, and prints CPU seconds. It imports nothing else of this checkout.
"""

import dataclasses
import importlib
import pickle
import sys
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

MODULES = (
    ("probes.figures.figures", "probes.output.render"),
    ("probes.figures", "probes.render"),
)
"""Modules of figures and of their drawing: those of today, and those of 0c0f8d5."""


def plain(part: Any) -> Any:
    """Return a figure without its classes: each dataclass is a list of its name and its fields."""
    if isinstance(part, tuple):
        return tuple(map(plain, part))
    if not hasattr(part, "__dataclass_fields__"):
        return part
    return [type(part).__name__, {name: plain(value) for name, value in _fields(part).items()}]


def built(part: Any, classes: ModuleType) -> Any:
    """Return a figure of the classes of a checkout, without the fields that they do not have."""
    if isinstance(part, tuple):
        return tuple(built(one, classes) for one in part)
    if not isinstance(part, list):
        return part
    name, held = part
    kind = getattr(classes, name)
    # An empty field has the default of the checkout.
    known = {
        one.name: held[one.name]
        for one in dataclasses.fields(kind)
        if one.name in held and (held[one.name] is not None or one.default is dataclasses.MISSING)
    }
    return kind(**{name: built(value, classes) for name, value in known.items()})


def varied(part: Any, share: float) -> Any:
    """Return a figure whose floats, and the colour ranges that follow them, are smaller by a share.

    Colour ranges that are fixed stay as they are.
    """
    if isinstance(part, tuple):
        return tuple(varied(one, share) for one in part)
    if not hasattr(part, "__dataclass_fields__"):
        return part
    held = {name: varied(value, share) for name, value in _fields(part).items()}
    values, colour = held.get("values"), held.get("colour")
    if values is not None and values.dtype.kind == "f":
        factor = values.dtype.type(1 - share)
        held["values"] = values * factor
        if hasattr(colour, "__dataclass_fields__") and getattr(colour, "scope", "fixed") != "fixed":
            held["colour"] = _scaled(colour, factor)
    elif isinstance(held.get("value"), float):
        held["value"] *= 1 - share
    return type(part)(**held)


def _scaled(colour: Any, factor: Any) -> Any:
    """Return a colour rule whose range has the factor of the values, rounded as they are."""
    kind: Callable[[float], Any] = type(factor)
    held = _fields(colour)
    for name in ("vmin", "vmax"):
        ends = held[name]
        several = tuple(float(kind(end) * factor) for end in np.atleast_1d(ends).tolist())
        held[name] = several if isinstance(ends, tuple) else several[0]
    return type(colour)(**held)


def _fields(part: Any) -> dict[str, Any]:
    return {one.name: getattr(part, one.name) for one in dataclasses.fields(part)}


def drawing() -> tuple[ModuleType, Callable[[Any], bytes]]:
    """Return the classes of figures of the checkout on the import path, and its renderer."""
    for figures, renderer in MODULES:
        try:
            return importlib.import_module(figures), importlib.import_module(renderer).render
        except ModuleNotFoundError as error:
            if not (error.name or "").startswith("probes."):
                raise
    msg = "the checkout has no drawing that is known"
    raise ModuleNotFoundError(msg)


def main(path: str) -> None:
    """Draw the figures of a file as the lines of the input say."""
    classes, render = drawing()
    with open(path, "rb") as file:  # noqa: PTH123 - no more modules than the drawing has
        held: Mapping[str, Any] = pickle.load(file)  # noqa: S301 - written by the benchmark
    figures = {name: built(one, classes) for name, one in held.items()}
    for line in sys.stdin:
        name, share = line.split()
        figure = varied(figures[name], float(share))
        began = time.process_time()
        render(figure)
        print(time.process_time() - began, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
