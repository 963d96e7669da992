"""Layer lines of a declaration: `stem: conv 16 5x5 stride 2 valid from pool1`, as operations."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from models.declaration.operations import (
    ACTIVATIONS,
    MAX_CHANNELS,
    MAX_RECURRENT,
    MAX_WINDOW,
    MIN_EPSILON,
    SLOPES,
    UNSUPPORTED,
    Activation,
    Conv,
    Dense,
    Dropout,
    Embed,
    Flatten,
    GlobalPool,
    LayerError,
    Merge,
    Norm,
    Operation,
    Padding,
    Pool,
    Recurrent,
)

NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
"""Name that a layer line may give to its layer."""

MAX_LINE = 200
"""Characters of a layer line."""


@dataclass(frozen=True)
class LayerLine:
    """Layer line: the operation of one layer, its name and the layer that it reads.

    Attributes:
        text: The line as it was written.
        name: Name that the line gives; None for a derived one.
        source: Name of the layer that is read; None for the layer of the line before.
    """

    text: str
    operation: Operation
    name: str | None = None
    source: str | None = None


@dataclass
class _Words:
    """Words of a layer line that are not read yet."""

    left: list[str] = field(default_factory=list)

    def take(self, word: str) -> bool:
        """Remove a word of a layer line; return whether it was there."""
        if word in self.left:
            self.left.remove(word)
            return True
        return False

    def choose(self, first: str, *others: str) -> str:
        """Remove and return one of several words of a layer line; the first by default."""
        found = [word for word in (first, *others) if self.take(word)]
        if len(found) > 1:
            msg = f"{found[0]} and {found[1]} exclude each other: give one"
            raise LayerError(msg)
        return found[0] if found else first

    def after(self, word: str) -> str | None:
        """Remove a word of a layer line and return the one after it; None if it is not there."""
        if word not in self.left:
            return None
        at = self.left.index(word)
        if at + 1 == len(self.left):
            meaning = "the name of a layer" if word == "from" else "a number"
            msg = f"{word} must be followed by {meaning}"
            raise LayerError(msg)
        value = self.left[at + 1]
        del self.left[at : at + 2]
        return value

    def end(self, known: str) -> None:
        """Refuse words of a layer line that its operation does not know."""
        if self.left:
            msg = f"'{self.left[0][:32]}' is not known here; {known}"
            raise LayerError(msg)


def parse_line(text: str) -> LayerLine:
    """Parse one layer line.

    Raises:
        LayerError: A word is missing, unknown or out of its range.
    """
    if len(text) > MAX_LINE:
        msg = f"the line has {len(text)} characters; at most {MAX_LINE} are allowed"
        raise LayerError(msg)
    name, _, rest = text.rpartition(":")
    words = _Words(rest.split())
    if ":" in text and NAME.fullmatch(name.strip()) is None:
        msg = (
            f"'{name.strip()[:32]}' is not a layer's name: a lowercase letter and up to 31 "
            "lowercase letters, digits and underscores"
        )
        raise LayerError(msg)
    source = words.after("from")
    if not words.left:
        msg = f"a layer is missing; the first word is one of {', '.join(_PARSERS)} or an activation"
        raise LayerError(msg)
    operation = _operation(words)
    return LayerLine(text, operation, name.strip() or None, source)


def _operation(words: _Words) -> Operation:
    """Parse the operation of a layer line, and refuse words that remain."""
    first = words.left[0]
    # Words after add and concat are names, which may be any.
    for word in words.left[:1] if first in {"add", "concat"} else words.left:
        if word.lower() in UNSUPPORTED:
            msg = f"Lightwell has no {UNSUPPORTED[word.lower()]}"
            raise LayerError(msg)
    del words.left[0]
    if first in ACTIVATIONS:
        return _activation(first, words)
    if first not in _PARSERS:
        msg = (
            f"'{first[:32]}' is not a layer; layers are {', '.join(_PARSERS)}, and activations "
            f"{', '.join(ACTIVATIONS)}"
        )
        raise LayerError(msg)
    return _PARSERS[first](words)


def _conv(words: _Words) -> Conv:
    filters = _leading(words, "conv", "filters, such as conv 16", MAX_CHANNELS)
    stride, dilation = _pair(words, "stride") or (1, 1), _pair(words, "dilation") or (1, 1)
    padding, groups = _padding(words, "same"), words.after("groups")
    bias = not words.take("nobias")
    kernel = _window(words) or (3, 3)
    words.end("after conv N come 5x5, stride 2, same, valid, pad 1, dilation 2, groups 2, nobias")
    count = _number("groups", groups, MAX_CHANNELS) if groups else 1
    return Conv(filters, kernel, stride, padding, dilation, count, bias)


def _pool(words: _Words) -> Pool:
    stride, padding = _pair(words, "stride"), _padding(words, "valid")
    kind = words.choose("max", "avg")
    ceil, count = words.take("ceil"), words.take("countpad")
    kernel = _window(words) or (2, 2)
    words.end("after pool come 3x3, stride 2, max, avg, same, valid, pad 1, ceil, countpad")
    return Pool("max" if kind == "max" else "avg", kernel, stride or kernel, padding, ceil, count)


def _globalpool(words: _Words) -> GlobalPool:
    kind = words.choose("avg", "max")
    words.end("after globalpool comes avg or max")
    return GlobalPool("avg" if kind == "avg" else "max")


def _norm(words: _Words) -> Norm:
    given = words.after("eps")
    kind = words.choose("batch", "layer")
    words.end("after norm come batch, layer, eps 1e-3")
    epsilon = _fraction("eps", given, 1.0, MIN_EPSILON) if given else Norm.epsilon
    return Norm("batch" if kind == "batch" else "layer", epsilon)


def _dense(words: _Words) -> Dense:
    units = _leading(words, "dense", "units, such as dense 10", MAX_CHANNELS)
    bias = not words.take("nobias")
    words.end("after dense N comes nobias")
    return Dense(units, bias)


def _dropout(words: _Words) -> Dropout:
    rate = _fraction("dropout", words.left.pop(0), 0.999) if words.left else 0.5
    words.end("after dropout comes its rate, such as dropout 0.2")
    return Dropout(rate)


def _flatten(words: _Words) -> Flatten:
    words.end("flatten takes nothing")
    return Flatten()


def _embed(words: _Words) -> Embed:
    units = _leading(words, "embed", "values for each symbol, such as embed 16", MAX_RECURRENT)
    words.end("embed takes nothing more")
    return Embed(units)


def _recurrent(cell: Literal["lstm", "gru", "rnn"]) -> Callable[[_Words], Recurrent]:
    def parse(words: _Words) -> Recurrent:
        units = _leading(words, cell, f"units, such as {cell} 24", MAX_RECURRENT)
        activation = words.choose("tanh", "relu") if cell == "rnn" else "tanh"
        words.end("rnn takes tanh or relu" if cell == "rnn" else f"{cell} takes nothing more")
        return Recurrent(cell, units, "relu" if activation == "relu" else "tanh")

    return parse


def _activation(function: str, words: _Words) -> Activation:
    slope = SLOPES.get(function, 0.0)
    if function in SLOPES and words.left:
        slope = _fraction(function, words.left.pop(0), 100.0)
    words.end(f"{function} takes {'a slope' if function in SLOPES else 'nothing more'}")
    return Activation(function, slope)


def _merge(kind: Literal["add", "concat"]) -> Callable[[_Words], Merge]:
    def parse(words: _Words) -> Merge:
        if not words.left:
            msg = f"{kind} must name the layer to merge with, such as {kind} pool1"
            raise LayerError(msg)
        others, words.left = tuple(words.left), []
        return Merge(kind, others)

    return parse


_PARSERS: Mapping[str, Callable[[_Words], Operation]] = {
    "conv": _conv,
    "pool": _pool,
    "globalpool": _globalpool,
    "norm": _norm,
    "dense": _dense,
    "dropout": _dropout,
    "flatten": _flatten,
    "embed": _embed,
    "lstm": _recurrent("lstm"),
    "gru": _recurrent("gru"),
    "rnn": _recurrent("rnn"),
    "add": _merge("add"),
    "concat": _merge("concat"),
}


LAYERS = tuple(_PARSERS)
"""First words of layer lines that are no activation."""


def _leading(words: _Words, layer: str, meaning: str, limit: int) -> int:
    """Remove the number that a layer line begins with after the layer."""
    if not words.left:
        msg = f"{layer} must be followed by its number of {meaning}"
        raise LayerError(msg)
    return _number(layer, words.left.pop(0), limit)


def _number(name: str, text: str, limit: int, least: int = 1) -> int:
    if re.fullmatch(r"[0-9]{1,9}", text) is None or not least <= int(text) <= limit:
        msg = f"{name} must be a whole number from {least} to {limit}, not '{text[:32]}'"
        raise LayerError(msg)
    return int(text)


def _fraction(name: str, text: str, limit: float, least: float = 0.0) -> float:
    is_number = re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]{1,2})?", text, re.IGNORECASE) is not None
    if not is_number or not least <= float(text) <= limit:
        msg = f"{name} must be a number from {least:g} to {limit:g}, not '{text[:32]}'"
        raise LayerError(msg)
    return float(text)


def _sides(name: str, text: str) -> tuple[int, int]:
    """Parse one or two sides of a layer line: `2` is 2x2; `3x1` is 3 rows and 1 column."""
    rows, _, columns = text.partition("x")
    return _number(name, rows, MAX_WINDOW), _number(name, columns or rows, MAX_WINDOW)


def _pair(words: _Words, name: str) -> tuple[int, int] | None:
    given = words.after(name)
    return _sides(name, given) if given else None


def _window(words: _Words) -> tuple[int, int] | None:
    """Remove the size of a layer line's windows, such as 5x5; None if it has none."""
    found = [word for word in words.left if re.fullmatch(r"[0-9]+x[0-9]+", word)]
    if len(found) > 1:
        msg = f"two sizes of windows, {found[0]} and {found[1]}: give one"
        raise LayerError(msg)
    for word in found:
        words.left.remove(word)
        return _sides("the window", word)
    return None


def _padding(words: _Words, default: Literal["same", "valid"]) -> Padding:
    """Remove the padding of a layer line: `same`, `valid`, `pad 1`, or `pad 0 1 0 1`."""
    if "pad" not in words.left:
        other: Literal["same", "valid"] = "valid" if default == "same" else "same"
        return default if words.choose(default, other) == default else other
    at = words.left.index("pad")
    numbers = []
    for word in words.left[at + 1 : at + 5]:
        if not word.isdecimal():
            break
        numbers.append(_number("pad", word, MAX_WINDOW, least=0))
    if len(numbers) not in {1, 4}:
        msg = "pad takes one number, or four: top, bottom, left and right"
        raise LayerError(msg)
    del words.left[at : at + 1 + len(numbers)]
    if "same" in words.left or "valid" in words.left:
        msg = "pad, same and valid exclude each other: give one"
        raise LayerError(msg)
    top, bottom, left, right = numbers if len(numbers) > 1 else numbers * 4
    return top, bottom, left, right
