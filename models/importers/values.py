"""Values of an imported graph: which layer computes them, and the meaning of each axis."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

import numpy as np

from models.importers.errors import ConversionError

INPUT = "input"
"""Key of the network's input among the layers of an imported graph."""


class Factor(NamedTuple):
    """Factor of an axis of an imported value.

    Attributes:
        label: N for the batch, T for steps, H and W for rows and columns, C for channels or units,
            L for stacked layers.
    """

    label: str
    size: int


Axis = tuple[Factor, ...]
"""Axis of an imported value: its factors, the slowest first; empty for an axis of size 1."""


class Affine(NamedTuple):
    """Factor and summand of each channel, which no layer of the imported graph has yet."""

    scale: np.ndarray
    shift: np.ndarray


IDENTITY = Affine(np.ones(()), np.zeros(()))
"""Factor and summand of an imported value that change nothing."""


def simplified(scale: np.ndarray | np.floating, shift: np.ndarray | np.floating) -> Affine | None:
    """Return the factor and summand of an imported value; None where they change nothing."""
    affine = Affine(np.asarray(scale), np.asarray(shift))
    is_identity = np.allclose(affine.scale, 1, rtol=0, atol=1e-7) and not affine.shift.any()
    return None if is_identity else affine


@dataclass(frozen=True)
class Value:
    """Value of an imported graph.

    Attributes:
        layer: Key of the layer that computes it.
        axes: Meaning of each axis.
        affine: Factor and summand that follow the layer; None without.
        padding: Zeros around the maps: top, bottom, left and right.
        pads_least: Whether these are the least number in place of zeros, as before a max pool.
        is_last: Whether it is the last step of a sequence alone.
        rows: Index in the file's vector of each of our values after a flatten; None where equal.
        stack: Values of several layers, of which one will be taken; empty otherwise.
    """

    layer: str
    axes: tuple[Axis, ...]
    affine: Affine | None = None
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    pads_least: bool = False
    is_last: bool = False
    rows: np.ndarray | None = None
    stack: tuple["Value", ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of each axis of the imported value."""
        padded = {"H": sum(self.padding[:2]), "W": sum(self.padding[2:])}
        return tuple(
            prod(factor.size for factor in axis) + (padded.get(axis[0].label, 0) if axis else 0)
            for axis in self.axes
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of each axis of the imported value, such as N, C, H and W."""
        return tuple("".join(factor.label for factor in axis) for axis in self.axes)

    @property
    def nbytes(self) -> int:
        """Bytes of the constants and of the order that the imported value has."""
        arrays = (*(self.affine or ()), *(() if self.rows is None else (self.rows,)))
        return sum(one.nbytes for one in arrays)

    def axis(self, label: str) -> int:
        """Return the position of the axis that has a label alone; -1 if there is none."""
        return self.labels.index(label) if label in self.labels else -1

    def transposed(self, order: Sequence[int]) -> "Value":
        """Return the imported value with its axes in another order."""
        return replace(self, axes=tuple(self.axes[index] for index in order))

    def without(self, axis: int) -> "Value":
        """Return the imported value without one axis of size 1."""
        if self.shape[axis] != 1:
            msg = f"an axis of size {self.shape[axis]} cannot be removed"
            raise ConversionError(msg)
        axis %= len(self.axes)
        return replace(self, axes=self.axes[:axis] + self.axes[axis + 1 :])

    def without_steps(self, axis: int) -> "Value":
        """Return the imported value with an axis of size 1 in place of that of steps."""
        return replace(self, axes=(*self.axes[:axis], (), *self.axes[axis + 1 :]))

    def with_unit(self, axis: int) -> "Value":
        """Return the imported value with one more axis of size 1."""
        axis %= len(self.axes) + 1
        return replace(self, axes=(*self.axes[:axis], (), *self.axes[axis:]))

    def reshaped(self, shape: Sequence[int]) -> "Value":
        """Return the imported value with factors grouped into axes of other sizes.

        Raises:
            ConversionError: An axis would be divided, which no layer line says.
        """
        if any(self.padding):
            msg = "a reshape directly after padding cannot be declared"
            raise ConversionError(msg)
        sizes = _whole_shape(self.shape, shape)
        return replace(self, axes=tuple(_grouped(self.axes, sizes)))


def _whole_shape(old: tuple[int, ...], shape: Sequence[int]) -> list[int]:
    """Return the sizes of a reshape, with -1 replaced."""
    sizes = [int(size) for size in shape]
    if -1 in sizes and (rest := prod(size for size in sizes if size != -1)) > 0:
        sizes[sizes.index(-1)] = prod(old) // rest
    if prod(sizes) != prod(old):
        msg = f"{list(shape)} is no shape for values of shape {list(old)}"
        raise ConversionError(msg)
    return sizes


def _grouped(axes: Iterable[Axis], sizes: list[int]) -> Iterable[Axis]:
    """Group the factors of an imported value's axes by the sizes of a reshape."""
    left = [factor for axis in axes for factor in axis]
    for place, size in enumerate(sizes):
        taken: list[Factor] = []
        if size == 1 and left and left[0].size == 1:
            taken.append(left.pop(0))
        while prod(factor.size for factor in taken) < size:
            if not left:
                break
            taken.append(left.pop(0))
        if prod(factor.size for factor in taken) != size:
            msg = f"a reshape to {sizes} divides channels, rows or columns, which no line says"
            raise ConversionError(msg)
        if place == len(sizes) - 1:
            taken += left
        yield tuple(taken)


def check_answers(order: np.ndarray | None) -> None:
    """Check that the answers of an imported network are in our order.

    Args:
        order: Index in the file's vector of each of our answers; None where it is ours.

    Raises:
        ConversionError: They are flattened maps, which the file has in another order.
    """
    if order is not None:
        msg = (
            "the answers are flattened maps in another order than ours, which cannot be declared: "
            "end with a dense layer"
        )
        raise ConversionError(msg)


def joined_rows(
    orders: Sequence[np.ndarray | None], sizes: Sequence[int], kind: str
) -> np.ndarray | None:
    """Return the order of merged vectors of an imported file; None where it is ours.

    Raises:
        ConversionError: Vectors of different orders are added.
    """
    if all(order is None for order in orders):
        return None
    rows = [
        np.arange(size) if order is None else order
        for order, size in zip(orders, sizes, strict=True)
    ]
    if kind == "concat":
        starts = np.cumsum([0, *sizes[:-1]])
        return np.concatenate([start + one for start, one in zip(starts, rows, strict=True)])
    if any(not np.array_equal(one, rows[0]) for one in rows):
        msg = "vectors of different orders are added, which cannot be declared"
        raise ConversionError(msg)
    return rows[0]
