"""Axes of the Python client's tensors whose names have another meaning where they are collected."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightwell_client.answers import Tensor


def with_own_axes(tensor: "Tensor", taken: Collection[str]) -> "Tensor":
    """Return a tensor of the client whose axes of names that are taken have its own name in front.

    The axis `image` of the tensor `across` becomes `across.image`.

    Args:
        taken: Names with another meaning: axis of a list of answers, columns of a table.
    """
    names = {axis: f"{tensor.name}.{axis}" for axis in tensor.axes if axis in taken}
    if not names:
        return tensor
    axes = tuple(names.get(axis, axis) for axis in tensor.axes)
    held = {names.get(axis, axis): labels for axis, labels in tensor.coordinates.items()}
    return replace(tensor, axes=axes, coordinates=held)
