"""What comes back: answers, and the named tensors in them."""

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import httpx2
import numpy as np

from lightwell_client import notebook
from lightwell_client.errors import LightwellError

TYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "u1", "BOOL": "?"}
"""The names of types in safetensors → NumPy's."""

Draw = Callable[[int], bytes]
"""From a scale to a PNG."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """Named values.

    Attributes:
        kind: What they are: `pre_activation`, `gate`, `cell`, …
        axes: The name of every axis, in order.
        coordinates: For an axis, what each row along it is: channel 7, step 1, label "yes". An axis
            that is not here counts from 0.
        values: Read-only; NumPy and what takes its arrays take the tensor itself too.
        colour: How the picture colours them: `map`, `vmin`, `vmax`, `scope`.
    """

    name: str
    kind: str
    axes: tuple[str, ...]
    coordinates: Mapping[str, Sequence[int | str]]
    values: np.ndarray
    colour: Mapping[str, Any] | None = None

    def take(self, **rows: int | str | Iterable[int | str]) -> "Tensor":
        """Take rows by what they are: `take(channel=7, y=3)`, `take(step=[1, 5])`.

        One row takes its axis away, several keep it.

        Raises:
            KeyError: There is no such axis, or no such row.
        """
        axes, coordinates, values = self.axes, dict(self.coordinates), self.values
        for axis, wanted in rows.items():
            if isinstance(wanted, str) or not isinstance(wanted, Iterable):
                (place,), at = self._places(axis, (wanted,)), axes.index(axis)
                coordinates.pop(axis, None)
                axes, values = axes[:at] + axes[at + 1 :], values.take(place, at)
            else:
                coordinates[axis] = chosen = tuple(wanted)
                values = values.take(self._places(axis, chosen), axes.index(axis))
        return Tensor(self.name, self.kind, axes, coordinates, np.asarray(values), self.colour)

    def _places(self, axis: str, rows: Iterable[Any]) -> list[int]:
        """Find the places of rows along an axis."""
        if axis not in self.axes:
            raise KeyError(f"{self.name} has the axes {', '.join(self.axes)}, not {axis}")
        held = self.coordinates.get(axis, range(self.values.shape[self.axes.index(axis)]))
        for row in rows:
            if row not in held:
                raise KeyError(f"{axis} {row} is not in {self.name}")
        return [held.index(row) for row in rows]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype, copy=True if copy is None else copy)

    def __repr__(self) -> str:
        sizes = zip(self.axes, self.values.shape, strict=True)
        return f"Tensor({self.name}: {', '.join(f'{axis} {size}' for axis, size in sizes)})"

    def _repr_html_(self) -> str:
        return notebook.table([(self.name, self.kind, self.axes, self.values)])


class Measure(NamedTuple):
    """A scalar or a word, and its unit."""

    value: float | str | bool | None
    unit: str


class Notice(NamedTuple):
    """Something that the reader of an answer should know."""

    code: str
    message: str


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network answers.

    Attributes:
        label: Counted from 0.
        name: The label's name: "7", "yes".
        probabilities: Of every label; they sum to 1.
        logits: Before the softmax.
    """

    label: int
    name: str
    probabilities: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True, eq=False)
class Answer:
    """What a probe shows for one input.

    Attributes:
        weights: SHA-256 of the weights that answered.
        input: The input as the network really read it; None where there is none.
        prediction: What the network makes of it; None where there is no input.
        tensors: By name; `answer["relu1"]` is one of them.
    """

    model: str
    weights: str
    input: Mapping[str, Any] | None
    prediction: Prediction | None
    tensors: Mapping[str, Tensor]
    measures: Mapping[str, Measure]
    warnings: tuple[Notice, ...]
    _draw: Draw = field(repr=False)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __repr__(self) -> str:
        seen = "" if self.prediction is None else f"{self.prediction.name}; "
        return f"Answer({self.model}: {seen}{', '.join(self.tensors)})"

    def png(self, scale: int = 1) -> bytes:
        """Have the server draw this answer; scale 2 suits a slide."""
        return self._draw(scale)

    def _repr_html_(self) -> str:
        said = []
        if (seen := self.prediction) is not None:
            said.append(f"{self.model}: {seen.name} ({seen.probabilities[seen.label]:.2%})")
        said += [f"Note: {one.message}" for one in self.warnings]
        picture = None
        try:
            picture = self.png()
        except (LightwellError, OSError, RuntimeError, httpx2.HTTPError) as error:
            # A notebook may be looked at when its server has gone: the numbers are still here.
            said.append(f"No picture: {error}")
        rows = [(one.name, one.kind, one.axes, one.values) for one in self.tensors.values()]
        return notebook.answer(said, picture, notebook.table(rows))


@dataclass(frozen=True, eq=False)
class Sample:
    """A test image of MNIST; every method that takes an image takes it.

    Attributes:
        index: Its place in the test set.
        label: The digit that it shows.
        pixels: 28x28, 0 ground to 255 full ink.
    """

    index: int
    label: int
    pixels: np.ndarray

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry of the server's list."""
        return cls(entry["index"], entry["label"], np.array(entry["pixels"], np.uint8))


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a sequence.

    Attributes:
        input: Which of several sequences, counted from 0.
        step: Counted from 1.
        bit: What was read.
        values: By name (`forget_gate`, …), one for each unit; `step["forget_gate"]` is one of them.
    """

    input: int
    step: int
    bit: int
    values: Mapping[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    @classmethod
    def of(cls, line: str) -> Self:
        """Read a line of the stream.

        Raises:
            LightwellError: It tells why the stream ends before its time.
        """
        said = json.loads(line)
        if "problem" in said:
            raise LightwellError(said["problem"])
        which, step, bit = (said.pop(key) for key in ("input", "step", "bit"))
        return cls(which, step, bit, {name: np.array(said[name], np.float32) for name in said})


def read(content: bytes, draw: Draw) -> Answer:
    """Read the answer to one input from safetensors."""
    arrays, document = _arrays(content)
    return _answer(document, arrays, "", draw)


def read_several(content: bytes, draws: Sequence[Draw]) -> list[Answer]:
    """Read the answers to several inputs from safetensors; the order is that of the inputs."""
    arrays, document = _arrays(content)
    head = {"model": document["model"], "weights": document["weights"]}
    return [
        _answer({**head, **one}, arrays, f"answers.{number}.", draw)
        for number, (one, draw) in enumerate(zip(document["answers"], draws, strict=True))
    ]


def _arrays(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read safetensors: arrays by name, as views of the bytes, and the rest of the answer.

    Reading it takes an eighth of the time of NPZ, and the server writes it in less too.
    """
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    document: dict[str, Any] = json.loads(header.pop("__metadata__")["lightwell"])
    arrays = {}
    for name, entry in header.items():
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        values = np.frombuffer(memoryview(content)[begin:end], TYPES[entry["dtype"]])
        arrays[name] = values.reshape(entry["shape"])
    return arrays, document


def _answer(
    document: Mapping[str, Any], arrays: Mapping[str, np.ndarray], prefix: str, draw: Draw
) -> Answer:
    seen = document.get("prediction")
    return Answer(
        document["model"],
        document["weights"],
        document.get("input"),
        None if seen is None else _prediction(seen),
        {
            one["name"]: Tensor(
                one["name"],
                one["kind"],
                tuple(one["axes"]),
                {axis: tuple(rows) for axis, rows in one["coordinates"].items()},
                arrays[prefix + one["name"]],
                one["colour"],
            )
            for one in document["tensors"]
        },
        {one["name"]: Measure(one["value"], one["unit"]) for one in document["measures"]},
        tuple(Notice(one["code"], one["message"]) for one in document["warnings"]),
        draw,
    )


def _prediction(seen: Mapping[str, Any]) -> Prediction:
    probabilities, logits = (
        np.array(seen[name], np.float32) for name in ("probabilities", "logits")
    )
    return Prediction(seen["label"], seen["name"], probabilities, logits)
