"""Seeded random declarations of both families, whole and broken, with parameters and inputs."""

import json
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from models.declaration.declaration import (
    Declaration,
    ImageSpec,
    SequenceSpec,
    parse_declaration,
)
from models.declaration.operations import ACTIVATIONS, Flatten, Pool
from tests.oracles.dependencies import shapes
from tests.oracles.interpreter import axes, steps
from tests.oracles.mistakes import MISTAKES

CLASSES = ("ant", "bee", "cat", "dog", "elk", "fox", "gnu")

FUNCTIONS = tuple(name for name in ACTIVATIONS if name not in {"softmax", "log_softmax"})


class Drawn(NamedTuple):
    """Text of a drawn declaration, and the mistake in it; without one it must be accepted."""

    text: str
    mistake: str | None


def draw(seed: int) -> Drawn:
    """Draw the text of a declaration; every fourth one has a mistake."""
    random = np.random.default_rng(seed)
    found = (_image if random.random() < 0.6 else _sequence)(random)
    if seed % 4:
        return Drawn(written(found), None)
    name = str(random.choice(list(MISTAKES)))
    MISTAKES[name](found, random)
    return Drawn(written(found), name)


def declared(*layers: str, given: Mapping[str, Any] | None = None, classes: int = 3) -> str:
    """Write a declaration of some layer lines, by default of grey images of 8 x 9 pixels."""
    found = {"format": 1, "classes": [f"class {label}" for label in range(classes)]}
    return written(found | {"input": given or {"image": [8, 9, 1]}, "layers": layers})


def written(found: Mapping[str, Any]) -> str:
    """Write the keys of a declaration as TOML."""
    return "\n".join(f"{key} = {_toml(value)}" for key, value in found.items()) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    # JSON leaves one control character as it is, which TOML does not allow.
    return json.dumps(value).replace("\x7f", "\\u007f")


def draw_parameters(shapes_of: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Draw float32 parameters of a size that keeps values of every layer near one."""
    random = np.random.default_rng(seed)
    drawn = {}
    for name, shape in shapes_of.items():
        *_, kind = name.split(".")
        spread = 1.7 / np.sqrt(max(prod(shape[:-1]), 1)) if kind == "kernel" else 0.3
        centre = 1.0 if kind in {"scale", "var"} else 0.0
        drawn[name] = (centre + random.uniform(-spread, spread, shape)).astype(np.float32)
    return drawn


def draw_input(declaration: Declaration, seed: int, length: int = 7) -> np.ndarray:
    """Draw an image, indices of symbols or rows of features, as the network reads them."""
    random = np.random.default_rng(seed)
    match declaration.input:
        case ImageSpec(height, width, channels):
            return random.normal(size=(height, width, channels)).astype(np.float32)
        case SequenceSpec((), _, features):
            return random.normal(size=(length, features)).astype(np.float32)
        case SequenceSpec(alphabet):
            return random.integers(0, len(alphabet), length)


class _Lines:
    """Layer lines that are drawn one after another, none of which is refused."""

    def __init__(self, random: np.random.Generator, given: Mapping[str, Any]) -> None:
        self.random = random
        self.given = given
        self.lines: list[str] = []
        self.shapes = self._shapes([])

    def _shapes(self, more: list[str]) -> dict[str, tuple[int, ...]]:
        # The last line is a stand-in: it must not be named as the last layer, and ends nothing.
        layers = [*self.lines, *more, "end: dropout"]
        text = written({"format": 1, "classes": CLASSES, "input": self.given, "layers": layers})
        declaration = parse_declaration(text)
        found = shapes(declaration)
        *_, newest, _ = [None, *steps(declaration)]
        if newest and not _is_possible(
            newest.operation, found[newest.inputs[0]], found[newest.name]
        ):
            msg = "a layer that would be refused, or takes long"
            raise ValueError(msg)
        del found["end"]
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        return list(self.shapes.values())[-1]

    def add(self, line: str) -> bool:
        """Add a line, perhaps with a name or reading another layer, if a network can have it."""
        if self.random.random() < 0.15:
            line = f"{self.name()}: {line}"
        is_plain = not any(word in line for word in ("add", "concat", "groups"))
        if is_plain and self.random.random() < 0.1 and len(self.lines) > 1:
            line += f" from {self.other(lambda shape: len(shape) == len(self.shape))}"
        try:
            self.shapes = self._shapes([line])
        except (ValueError, IndexError):
            return False
        self.lines.append(line)
        return True

    def name(self) -> str:
        return f"own{len(self.lines)}" + self.random.choice(["", "_a", "_branch"])

    def other(self, fits: Callable[[tuple[int, ...]], bool]) -> str:
        """Return a layer whose shape fits; the one before if there is no other."""
        names = [name for name, shape in self.shapes.items() if fits(shape)]
        return str(self.random.choice(names))

    def merge(self) -> str:
        if self.random.random() < 0.5:
            return f"add {self.other(lambda shape: shape == self.shape)}"
        names = [self.other(lambda shape: shape[:-1] == self.shape[:-1])]
        if self.random.random() < 0.3:
            names.append(self.other(lambda shape: shape[:-1] == self.shape[:-1]))
        return f"concat {' '.join(names)}"


def _is_possible(operation: object, read: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether a layer is small, and no window of a pool has padding alone, which is refused."""
    if isinstance(operation, Pool):
        inside = [each.inside.any(1).all() for each in axes(operation, read)]
        if not all(inside):
            return False
    return isinstance(operation, Flatten) or (prod(shape[:-1]) <= 400 and shape[-1] <= 40)


def _pick(random: np.random.Generator, *values: Any) -> Any:
    return values[int(random.integers(len(values)))]


def _activation(random: np.random.Generator, made: _Lines) -> str:
    # Of exp of exp float32 has no values.
    known = [one for one in FUNCTIONS if one != "exp" or not any("exp" in it for it in made.lines)]
    function = _pick(random, *known, "relu", "relu", "tanh")
    slope = random.random() < 0.5 and function in {"leaky_relu", "elu"}
    return f"{function} {_pick(random, '0.2', '1.5', '0', '1e-2')}" if slope else function


def _norm(random: np.random.Generator) -> str:
    # A smaller epsilon would make of the rounding of equal channels more than the tolerance.
    return _pick(random, "norm", "norm batch eps 1e-3", "norm eps 0.1", "norm layer eps 0.01")


def _padding(random: np.random.Generator) -> str:
    four = " ".join(str(one) for one in random.integers(0, 3, 4))
    return _pick(random, "", "", " same", " valid", " pad 1", " pad 2", f" pad {four}")


def _pair(random: np.random.Generator, name: str, most: int) -> str:
    rows, columns = random.integers(1, most + 1, 2)
    return _pick(random, "", "", f" {name} {rows}", f" {name} {rows}x{columns}")


def _window(random: np.random.Generator, most: int) -> str:
    rows, columns = random.integers(1, most + 1, 2)
    return _pick(random, "", f" {rows}x{rows}", f" {rows}x{columns}")


def _conv(random: np.random.Generator, channels: int) -> str:
    groups = int(_pick(random, 1, 1, *(one for one in (2, 3, 4, channels) if channels % one == 0)))
    filters = groups * int(random.integers(1, max(9 // groups, 1) + 1))
    line = f"conv {filters}{_window(random, 5)}{_pair(random, 'stride', 3)}{_padding(random)}"
    line += _pair(random, "dilation", 3) + (f" groups {groups}" if groups > 1 else "")
    return line + _pick(random, "", "", " nobias")


def _pool(random: np.random.Generator) -> str:
    line = (
        f"pool{_window(random, 4)}{_pair(random, 'stride', 3)}{_pick(random, '', ' avg', ' max')}"
    )
    line += _padding(random) + _pick(random, "", " ceil")
    return line + (_pick(random, "", " countpad") if "avg" in line else "")


def _image(random: np.random.Generator) -> dict[str, Any]:
    channels = int(_pick(random, 1, 3))
    given = {"image": [*(int(one) for one in random.integers(4, 15, 2)), channels]}
    if random.random() < 0.5:
        given |= {"mean": [0.4] * channels, "std": 0.25, "prepare": _pick(random, "fit", "none")}
    made = _Lines(random, given)
    for _ in range(int(random.integers(1, 10))):
        kind = _pick(random, "conv", "conv", "conv", "pool", "norm", "activation", "merge", "drop")
        made.add(
            {
                "conv": lambda: _conv(random, made.shape[-1]),
                "pool": lambda: _pool(random),
                "norm": lambda: _norm(random),
                "activation": lambda: _activation(random, made),
                "merge": made.merge,
                "drop": lambda: "dropout 0.2",
            }[kind]()
        )
    made.lines.append(_pick(random, "flatten", "flatten", "globalpool", "globalpool max"))
    made.shapes = made._shapes([])
    return _ended(made, "image")


def _sequence(random: np.random.Generator) -> dict[str, Any]:
    kind = _pick(random, "number", "one-hot", "embed", "features")
    given = {"alphabet": _pick(random, "01", "abcde", ["go", "stop", "ü"]), "encoding": kind}
    made = _Lines(random, given if kind != "features" else {"features": int(random.integers(1, 5))})
    if kind == "embed":
        made.add("embed 3")
    for _ in range(int(random.integers(1, 4))):
        for _ in range(int(random.integers(0, 3))):
            made.add(_between(random, made))
        cell = _pick(random, "lstm", "gru", "rnn")
        made.add(
            f"{cell} {random.integers(1, 7)}"
            + (_pick(random, "", " relu") if cell == "rnn" else "")
        )
    while not any(one.split(": ")[-1].startswith(("lstm", "gru", "rnn")) for one in made.lines):
        made.add("gru 4")
    return _ended(made, "sequence") | {"answer": _pick(random, "last", "every")}


def _between(random: np.random.Generator, made: _Lines) -> str:
    dense = f"dense {random.integers(1, 8)}" + _pick(random, "", " nobias")
    return str(
        _pick(
            random, dense, dense, _norm(random), _activation(random, made), made.merge(), "dropout"
        )
    )


def _ended(made: _Lines, family: str) -> dict[str, Any]:
    """Return a declaration whose layers end with one value a class, or one for two classes."""
    random = made.random
    for _ in range(int(random.integers(0, 4))):
        made.add(_between(random, made))
    count = int(random.integers(2, len(CLASSES) + 1))
    last: Sequence[str] = [f"dense {count}"]
    if count == 2 and random.random() < 0.7:
        last = ["dense 1", *_pick(random, [], ["sigmoid"])]
    elif random.random() < 0.4:
        last = [*last, _pick(random, "softmax", "log_softmax")]
    return {
        "format": 1,
        "title": f"Some {family}s",
        "classes": CLASSES[:count],
        "input": made.given,
        "layers": [*made.lines, *last],
    }
