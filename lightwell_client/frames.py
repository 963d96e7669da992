"""Export of the Python client's tensors to pandas, an optional package."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lightwell_client.optional import optional_package
from lightwell_client.own_axes import with_own_axes

if TYPE_CHECKING:
    import pandas as pd

    from lightwell_client.answers import Tensor

NOT_INSTALLED = "to_frame() needs pandas, which is not installed: pip install pandas"

COLUMNS = ("tensor", "value")
"""Client: columns of every table of tensors; an axis of such a name is named after its tensor."""


def to_frame(tensors: "Iterable[Tensor]", *, is_named: bool = True) -> "pd.DataFrame":
    """Return tensors of the Python client as a long table of pandas: a row for each value.

    Args:
        tensors: Tensors, whose axes may differ: a row has no entry for an axis of others.
        is_named: Whether the first column has the name of the tensor.

    Returns:
        Columns `tensor`, one for each axis with its coordinates, and `value`. An axis of such a
        name is named after its tensor: `histogram.value`.

    Raises:
        ImportError: pandas is not installed.
    """
    pandas = optional_package("pandas", NOT_INSTALLED)
    named = (with_own_axes(one, COLUMNS) for one in tensors)
    parts = [pandas.DataFrame(_columns(one, pandas, is_named=is_named)) for one in named]
    if not parts:
        return pandas.DataFrame({"tensor": [], "value": []})
    frame: pd.DataFrame = pandas.concat(parts, ignore_index=True)
    return frame[[*(name for name in frame.columns if name != "value"), "value"]]


def joined(
    frames: "Sequence[pd.DataFrame]", axis: str, predicted: Sequence[str | None]
) -> "pd.DataFrame":
    """Return the tables of several answers of the Python client as one.

    Args:
        axis: Name of the first column, which has the place of the answer.
        predicted: Names of the predicted classes, for the second column.
    """
    for place, (frame, name) in enumerate(zip(frames, predicted, strict=True)):
        frame.insert(0, axis, place)
        frame.insert(1, "prediction", name)
    found: pd.DataFrame = (
        optional_package("pandas", NOT_INSTALLED).concat(frames, ignore_index=True)
        if frames
        else to_frame([])
    )
    return found


def _columns(tensor: "Tensor", pandas: Any, *, is_named: bool) -> Mapping[str, Any]:
    """Return the columns of a tensor's table in the client: name, coordinates, values."""
    grid = np.meshgrid(*_labels(tensor), indexing="ij")
    names = {"tensor": [tensor.name] * tensor.values.size} if is_named else {}
    # Plain integers would become floats beside rows without this axis.
    axes = {
        axis: pandas.array(rows.ravel(), dtype="Int64" if rows.dtype.kind == "i" else object)
        for axis, rows in zip(tensor.axes, grid, strict=True)
    }
    return {**names, **axes, "value": tensor.values.ravel()}


def _labels(tensor: "Tensor") -> Iterator[np.ndarray]:
    """Yield the labels along each axis of a tensor of the client, counted where it has none."""
    for axis, size in zip(tensor.axes, tensor.shape, strict=True):
        labels = list(tensor.coordinates.get(axis, range(size)))
        is_counted = all(isinstance(one, int) for one in labels)
        yield np.array(labels, np.int64 if is_counted else object)
