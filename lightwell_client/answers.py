"""Answers in the Python client: predictions, measures and tensors, read from safetensors."""

import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import httpx2
import numpy as np

from lightwell_client import notebook
from lightwell_client.errors import LightwellError
from lightwell_client.frames import to_frame
from lightwell_client.xarray_export import Dataset, to_data_array, to_dataset

if TYPE_CHECKING:
    import pandas as pd
    import xarray

TYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "u1", "BOOL": "?"}
"""Python client: dtype of NumPy for each type of a tensor in an answer's safetensors."""

Draw = Callable[[int], bytes]
"""Python client: function from a scale to the PNG of an answer."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """Tensor of an answer in the Python client: array with a name for itself and for every axis.

    Attributes:
        kind: Kind of the values: `pre_activation`, `gate`, `cell`, …
        axes: The name of every axis, in order.
        coordinates: Labels along an axis: channel 7, step 1, label "yes". An axis without labels
            counts from 0.
        values: Read-only; functions of NumPy take the tensor itself too.
        colour: Colour map and range of the server's pictures: `map`, `vmin`, `vmax`, `scope`.
    """

    name: str
    kind: str
    axes: tuple[str, ...]
    coordinates: Mapping[str, Sequence[int | str]]
    values: np.ndarray
    colour: Mapping[str, Any] | None = None

    def take(self, **rows: int | str | Iterable[int | str]) -> "Tensor":
        """Select values of an answer's tensor: `take(channel=7, y=3)`, `take(step=[1, 5])`.

        A single coordinate removes its axis, an iterable keeps it.

        Raises:
            KeyError: The tensor has no such axis, or the axis no such coordinate.
        """
        axes, coordinates, values = self.axes, dict(self.coordinates), self.values
        for axis, wanted in rows.items():
            # A text is one coordinate, such as the label "yes", although it is iterable.
            if isinstance(wanted, str) or not isinstance(wanted, Iterable):
                (index,), at = self._indices(axis, (wanted,)), axes.index(axis)
                coordinates.pop(axis, None)
                axes, values = axes[:at] + axes[at + 1 :], values.take(index, at)
            else:
                coordinates[axis] = chosen = tuple(wanted)
                values = values.take(self._indices(axis, chosen), axes.index(axis))
        return Tensor(self.name, self.kind, axes, coordinates, np.asarray(values), self.colour)

    def _indices(self, axis: str, rows: Iterable[Any]) -> list[int]:
        """Return the indices of coordinates along an axis of an answer's tensor."""
        if axis not in self.axes:
            raise KeyError(f"{self.name} has the axes {', '.join(self.axes)}, not {axis}")
        held = self.coordinates.get(axis, range(self.values.shape[self.axes.index(axis)]))
        for row in rows:
            if row not in held:
                raise KeyError(f"{self.name} has no {axis} {row}")
        return [held.index(row) for row in rows]

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis of an answer's tensor."""
        return self.values.shape

    def to_xarray(self) -> "xarray.DataArray":
        """Return an answer's tensor as an array of xarray, with the names of its axes.

        Raises:
            ImportError: xarray is not installed.
        """
        return to_data_array(self)

    def to_frame(self) -> "pd.DataFrame":
        """Return an answer's tensor as a table of pandas: a row for each value, a column an axis.

        The axis `value` of a tensor, such as `histogram`, is the column `histogram.value`.

        Raises:
            ImportError: pandas is not installed.
        """
        return to_frame([self], is_named=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        # A copy by default: `values` is a read-only view of the response.
        return np.array(self.values, dtype, copy=True if copy is None else copy)

    def __repr__(self) -> str:
        sizes = zip(self.axes, self.values.shape, strict=True)
        return f"Tensor({self.name}: {', '.join(f'{axis} {size}' for axis, size in sizes)})"

    def _repr_html_(self) -> str:
        return notebook.table([(self.name, self.kind, self.axes, self.values)])


class Measure(NamedTuple):
    """Measure in an answer of the Python client: number, text or boolean, with its unit."""

    value: float | str | bool | None
    unit: str


class Notice(NamedTuple):
    """Warning in an answer of the Python client: a code such as `blank`, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, eq=False)
class Prediction:
    """Prediction in an answer of the Python client.

    Attributes:
        label: Index of the predicted class, from 0.
        name: Name of the predicted class: "7", "yes".
        probabilities: Softmax of the logits, one for each class.
        logits: Outputs of the last layer, one for each class.
        calibrated: Calibrated probabilities, one for each class; None where no temperature was
            fitted.
        reliability: `images` and `right` of the MNIST test images with a probability from `low`
            to `high`, and `sentence`; None without a calibration or with a warning.
    """

    label: int
    name: str
    probabilities: np.ndarray
    logits: np.ndarray
    calibrated: np.ndarray | None = None
    reliability: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Answer:
    """Answer of a probe in the Python client: prediction, tensors and measures for one input.

    Attributes:
        weights: SHA-256 of the weights that computed the answer.
        input: Input of the network after preprocessing; None for probes of the weights.
        prediction: Prediction for the input; None where there is no input, or where `include`
            leaves it out, as it may any part.
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

    def to_xarray(self) -> "xarray.Dataset":
        """Return the tensors of an answer as a data set of xarray.

        Raises:
            ImportError: xarray is not installed.
        """
        attributes = {"model": self.model, "weights": self.weights}
        return to_dataset(self.tensors.values(), Dataset({}, attributes))

    def to_frame(self, *names: str) -> "pd.DataFrame":
        """Return the tensors of an answer, or those of some names, as a table of pandas.

        Returns:
            A row for each value: columns `tensor`, one for each axis, and `value`. An axis with
            the name of another column is named after its tensor (`histogram.value`).

        Raises:
            ImportError: pandas is not installed.
            KeyError: The answer has no tensor of a name.
        """
        return to_frame([self[name] for name in names or self.tensors])

    def png(self, scale: int = 1) -> bytes:
        """Return the PNG picture of an answer in the Python client; scale 2 doubles both sides."""
        return self._draw(scale)

    def _repr_html_(self) -> str:
        said = []
        if (seen := self.prediction) is not None:
            share = f"{seen.probabilities[seen.label]:.2%}"
            if seen.calibrated is not None:
                share += f", calibrated {seen.calibrated[seen.label]:.2%}"
            said.append(f"{self.model}: {seen.name} ({share})")
            said += [seen.reliability["sentence"]] if seen.reliability else []
        said += [f"Note: {one.message}" for one in self.warnings]
        picture = None
        try:
            picture = self.png()
        except (LightwellError, OSError, RuntimeError, httpx2.HTTPError) as error:
            # A notebook may outlive its server: the tensors are displayed without the picture.
            said.append(f"No picture: {error}")
        rows = [(one.name, one.kind, one.axes, one.values) for one in self.tensors.values()]
        return notebook.answer(said, picture, notebook.table(rows))


@dataclass(frozen=True, eq=False)
class Sample:
    """Sample image in answers to the client, accepted by every method that takes an image.

    It is a test image of MNIST.

    Attributes:
        index: Index in the test set.
        label: Correct digit.
        pixels: 28x28 integers, 0 (background) to 255 (full foreground).
    """

    index: int
    label: int
    pixels: np.ndarray

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Self:
        """Parse a sample image in an answer of `GET /samples` to the Python client."""
        return cls(entry["index"], entry["label"], np.array(entry["pixels"], np.uint8))


@dataclass(frozen=True, eq=False)
class Step:
    """Streamed answer of the Python client: gates and states of one step of a sequence.

    Attributes:
        input: Index of the sequence among those of the request, from 0.
        step: Number of the step, from 1.
        bit: Bit that the network read at this step; of other networks the symbol, or the numbers.
        values: Values of all units by name (`forget_gate`, …), also as `step["forget_gate"]`.
        warnings: Warnings about the sequence; only its first step has any.
    """

    input: int
    step: int
    bit: Any
    values: Mapping[str, np.ndarray]
    warnings: tuple[Notice, ...] = ()

    def __getitem__(self, name: str) -> np.ndarray:
        return self.values[name]

    @classmethod
    def of(cls, line: str) -> Self:
        """Parse a line of the streamed answer `/lstm/gates.jsonl` in the Python client.

        Raises:
            LightwellError: The line is the problem that ends the stream.
        """
        said = json.loads(line)
        if "problem" in said:
            raise LightwellError(said["problem"])
        key = next(one for one in ("bit", "symbol", "features") if one in said)
        which, step, bit = (said.pop(one) for one in ("input", "step", key))
        warnings = tuple(Notice(**one) for one in said.pop("warnings", ()))
        values = {name: np.array(said[name], np.float32) for name in said}
        return cls(which, step, bit, values, warnings)


def read(content: bytes, draw: Draw) -> Answer:
    """Parse the answer of a server to one input from safetensors, in the Python client."""
    arrays, document = _arrays(content)
    return _answer(document, arrays, "", draw)


def read_several(content: bytes, draws: Sequence[Draw]) -> list[Answer]:
    """Parse a server's answers to several inputs from safetensors, in the order of the inputs."""
    arrays, document = _arrays(content)
    head = {"model": document["model"], "weights": document["weights"]}
    return [
        _answer({**head, **one}, arrays, f"answers.{number}.", draw)
        for number, (one, draw) in enumerate(zip(document["answers"], draws, strict=True))
    ]


def _arrays(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return arrays by name, as views of an answer's safetensors bytes, and its JSON document.

    The client uses safetensors because it is read in an eighth of the time of NPZ.
    """
    # Parsed by hand, so that the client needs no package but httpx2 and NumPy.
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
            one["name"]: _tensor(one, arrays[prefix + one["name"]])
            for one in document.get("tensors", ())
            if prefix + one["name"] in arrays
        },
        {one["name"]: Measure(one["value"], one["unit"]) for one in document.get("measures", ())},
        tuple(Notice(one["code"], one["message"]) for one in document.get("warnings", ())),
        draw,
    )


def _tensor(entry: Mapping[str, Any], values: np.ndarray) -> Tensor:
    """Return a tensor of an answer in the client; of `encoding=uint8` with approximate values."""
    if entry.get("encoding") == "uint8":
        ends = (np.asarray(entry[key], np.float32) for key in ("scale", "offset"))
        scale, offset = (
            one.reshape(one.shape + (1,) * (values.ndim - 1)) if one.ndim else one for one in ends
        )
        values = offset + scale * values
        values.flags.writeable = False
    coordinates = {axis: tuple(rows) for axis, rows in entry["coordinates"].items()}
    name, kind, axes = entry["name"], entry["kind"], tuple(entry["axes"])
    return Tensor(name, kind, axes, coordinates, values, entry["colour"])


def _prediction(seen: Mapping[str, Any]) -> Prediction:
    probabilities, logits = (
        np.array(seen[name], np.float32) for name in ("probabilities", "logits")
    )
    # Absent for an LSTM, a training checkpoint and, the second, with a warning.
    calibrated, reliability = seen.get("calibrated"), seen.get("reliability")
    fitted = None if calibrated is None else np.array(calibrated, np.float32)
    return Prediction(seen["label"], seen["name"], probabilities, logits, fitted, reliability)
