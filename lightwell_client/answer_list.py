"""List of answers in the Python client, whose tensors can be stacked into one array."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, SupportsIndex, overload

import numpy as np

from lightwell_client.answers import Answer, Tensor
from lightwell_client.frames import joined, to_frame
from lightwell_client.own_axes import with_own_axes
from lightwell_client.xarray_export import Dataset, to_dataset

if TYPE_CHECKING:
    import pandas as pd
    import xarray


class AnswerList(list[Answer]):
    """List of answers of the Python client to several inputs, in their order.

    `answers[3]` is one answer, `answers["relu3"]` that tensor of all of them in one array.

    Args:
        answers: Answers of one probe of one network.
        axis: Name of the axis along which tensors are stacked: `image` or `sequence`.
    """

    def __init__(self, answers: Iterable[Answer], axis: str) -> None:
        super().__init__(answers)
        self.axis = axis

    @overload
    def __getitem__(self, key: SupportsIndex) -> Answer: ...
    @overload
    def __getitem__(self, key: slice) -> "AnswerList": ...
    @overload
    def __getitem__(self, key: str) -> Tensor: ...
    def __getitem__(self, key: SupportsIndex | slice | str) -> "Answer | AnswerList | Tensor":
        """Return one answer, a part of the list, or a tensor of all answers, stacked.

        An axis of the tensor with the name of the list's is named after the tensor: the test
        images of `across` are along `across.image`.

        Raises:
            KeyError: The answers have no tensor of this name.
            ValueError: Its shapes or coordinates differ, as those of sequences of several lengths.
        """
        if isinstance(key, str):
            return _stacked([answer[key] for answer in self], self.axis, key)
        if isinstance(key, slice):
            return AnswerList(super().__getitem__(key), self.axis)
        return super().__getitem__(key)

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """Stacked tensors by name: those that have one shape in all answers."""
        names = self[0].tensors if self else {}
        return {
            name: self[name]
            for name in names
            if len({_layout(answer.tensors.get(name)) for answer in self}) == 1
        }

    def to_xarray(self) -> "xarray.Dataset":
        """Return the stacked tensors as a data set of xarray, with labels and predictions.

        Raises:
            ImportError: xarray is not installed.
        """
        predicted = [one.prediction.label for one in self if one.prediction is not None]
        labels = {"prediction": (self.axis, predicted)} if len(predicted) == len(self) else {}
        return to_dataset(self.tensors.values(), Dataset(labels, _attributes(self)))

    def to_frame(self, *names: str) -> "pd.DataFrame":
        """Return the tensors of all answers, or those of some names, as a table of pandas.

        Returns:
            A row for each value: columns `image` or `sequence`, which is the place in the list,
            `prediction`, `tensor`, one for each axis, and `value`. An axis with the name of another
            column is named after its tensor (`across.image`).

        Raises:
            ImportError: pandas is not installed.
            KeyError: An answer has no tensor of a name.
        """
        taken = (self.axis, "prediction")
        frames = [
            to_frame(with_own_axes(answer[name], taken) for name in names or answer.tensors)
            for answer in self
        ]
        return joined(frames, self.axis, self._predicted())

    def _predicted(self) -> list[str | None]:
        return [None if one.prediction is None else one.prediction.name for one in self]


def _attributes(answers: Sequence[Answer]) -> dict[str, str]:
    """Return the network and the digest of its weights of a list of answers of the client."""
    return {"model": answers[0].model, "weights": answers[0].weights} if answers else {}


def _layout(tensor: Tensor | None) -> object:
    """Return shape and coordinates of a tensor of an answer of the client, to compare them."""
    if tensor is None:
        return None
    return tensor.values.shape, tuple((axis, tuple(at)) for axis, at in tensor.coordinates.items())


def _stacked(tensors: Sequence[Tensor], axis: str, name: str) -> Tensor:
    """Stack a tensor of all answers of the client along a new first axis."""
    if not tensors:
        raise KeyError(f"{name}: the list of answers is empty")
    first = tensors[0]
    if any(_layout(one) != _layout(first) for one in tensors):
        shapes = sorted({one.values.shape for one in tensors})
        listed = ", ".join(map(str, shapes[:4]))
        raise ValueError(
            f"{name} has several shapes or coordinates, and is no single array: {listed}. Take it "
            "from each answer, or send inputs of one length."
        )
    values = np.stack([one.values for one in tensors])
    own = with_own_axes(first, (axis,))
    return Tensor(name, first.kind, (axis, *own.axes), own.coordinates, values)
