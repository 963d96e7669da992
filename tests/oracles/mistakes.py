"""Mistakes that a person may make in a declaration, each as a change of its keys."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Found = dict[str, Any]
Mistake = Callable[[Found, np.random.Generator], None]


def _line(text: str, *, last: bool = False) -> Mistake:
    """Insert a wrong line at a random place, or as the last one."""

    def change(found: Found, random: np.random.Generator) -> None:
        at = len(found["layers"]) if last else int(random.integers(len(found["layers"]) + 1))
        found["layers"].insert(at, text)

    return change


def _key(key: str, value: Any) -> Mistake:
    def change(found: Found, _: np.random.Generator) -> None:
        found[key] = value

    return change


def _without(key: str) -> Mistake:
    return lambda found, _: found.pop(key)


def _input(value: Any) -> Mistake:
    """Replace a value of the input, or add it."""
    return lambda found, _: found.update(input=found["input"] | value)


def _other_family(found: Found, _: np.random.Generator) -> None:
    is_image = "image" in found["input"]
    found["layers"].insert(0, "lstm 4" if is_image else "conv 4")


MISTAKES: Mapping[str, Mistake] = {
    "unknown layer": _line("convolution 8"),
    "no number": _line("conv"),
    "number of units": _line("dense 5000"),
    "no units": _line("dense 0"),
    "negative units": _line("dense -3"),
    "fraction of units": _line("dense 2.5"),
    "attention": _line("attention 8"),
    "bidirectional": _line("lstm 4 bidirectional"),
    "large window": _line("conv 2 60x60 valid"),
    "groups": _line("conv 7 groups 5"),
    "unknown word": _line("relu twice"),
    "unknown skip": _line("add nowhere"),
    "skip without a name": _line("concat"),
    "unknown source": _line("relu from nowhere"),
    "softmax inside": _line("softmax", last=False),
    "wrong classes": _line("dense 9", last=True),
    "recurrent end": _line("lstm 3", last=True),
    "other family": _other_family,
    "reserved name": _line("logits: relu"),
    "name with a capital": _line("Conv: relu"),
    "dropout above 1": _line("dropout 1.5"),
    "empty line": _line("  "),
    "two paddings": _line("conv 2 same valid"),
    "long line": _line("relu " + "x" * 300),
    "numbers for lines": _key("layers", [1, 2]),
    "no lines": _key("layers", []),
    "many lines": _key("layers", ["relu"] * 65),
    "one text": _key("layers", "relu"),
    "no layers": _without("layers"),
    "no input": _without("input"),
    "no format": _without("format"),
    "format 2": _key("format", 2),
    "format true": _key("format", True),
    "unknown key": _key("clases", ["a", "b"]),
    "no classes": _key("classes", []),
    "one class": _key("classes", ["only"]),
    "a class twice": _key("classes", ["a", "a"]),
    "large image": _key("input", {"image": [500, 500, 3]}),
    "four channels": _key("input", {"image": [8, 8, 4]}),
    "unknown input key": _input({"size": 3}),
    "one symbol": _key("input", {"alphabet": "a", "encoding": "number"}),
    "unknown encoding": _key("input", {"alphabet": "ab", "encoding": "bytes"}),
    "reference elsewhere": _key("reference", "../elsewhere.safetensors"),
    "unknown answer": _key("answer", "first"),
}
"""Mistakes by name. Some leave a valid declaration where they happen to fit, such as two ends."""
