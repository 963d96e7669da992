"""Check that the axes of a tensor have the rows that the model declares for them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

TRACE_KINDS = {
    "pre_activation",
    "post_activation",
    "normalised",
    "merged",
    "pooled",
    "logits",
}
"""Kinds of tensors whose `y` and `x` are those of a layer: values of the CNN's trace."""

STATES = ("cell", "hidden")
"""Values of the LSTM's trace that have a step 0, the initial state."""


class Declared(NamedTuple):
    """Axes that a model declares, for one call of a probe.

    Attributes:
        model: Entry of the model, as `/models/{model}` answers it.
        chosen: Layers that the call names; empty for all of them.
        steps: Steps of the posted sequence; 0 without one.
    """

    model: Mapping[str, Any]
    chosen: Sequence[str] = ()
    steps: int = 0

    @property
    def layers(self) -> dict[str, dict[str, int | None]]:
        """Length of each axis of each layer."""
        return {
            layer["name"]: dict(zip(layer["axes"], layer["shape"], strict=True))
            for layer in self.model["layers"]
        }


def axis_faults(tensor: Mapping[str, Any], declared: Declared) -> list[str]:
    """Return a sentence for each axis of a tensor whose rows are not those that are declared.

    An axis has all rows, or its coordinates name a selection of them.

    Args:
        tensor: As JSON lists it: `name`, `kind`, `axes`, `shape` and `coordinates`.
        declared: Axes of the model.
    """
    named = _layer(tensor) in declared.layers
    faults = []
    for axis, length in zip(tensor["axes"], tensor["shape"], strict=True):
        allowed = list(_rows(tensor, axis, declared))
        rows = tensor["coordinates"].get(axis)
        if allowed and not any(_fits(rows, every, length, named=named) for every in allowed):
            lengths = sorted({len(every) for every in allowed})
            faults.append(f"{tensor['name']}: axis {axis} has {length} rows, declared: {lengths}")
    return faults


def _fits(rows: Sequence[int | str] | None, every: range, length: int, *, named: bool) -> bool:
    """Tell whether an axis has every declared row, or names a selection of them.

    Args:
        rows: Coordinates of the axis.
        every: Declared rows.
        length: Length of the axis.
        named: Whether the tensor is named after a layer: successive rows are then no selection.
    """
    if rows is None or not all(isinstance(row, int) for row in rows):
        return length == len(every)
    first = int(rows[0])
    successive = list(rows) == list(range(first, first + length))
    if successive and (named or first == every[0]):
        return list(rows) == list(every)
    return set(rows) <= set(every)


def _layer(tensor: Mapping[str, Any]) -> str:
    """Return the layer that a tensor is named after: `relu1` of `relu1.edited`."""
    name: str = tensor["name"]
    return name.partition(".")[0]


def _rows(tensor: Mapping[str, Any], axis: str, declared: Declared) -> Iterator[range]:
    """Yield the rows that an axis may have; none for an axis that the model does not declare."""
    name, layers = _layer(tensor), declared.layers
    if axis == "label":
        yield range(len(declared.model["classes"]))
    elif axis == "step":
        firsts = (0, 1) if name not in layers else (0,) if name in STATES else (1,)
        yield from (range(first, declared.steps + 1) for first in firsts if declared.steps)
    elif axis not in {"y", "x"} or tensor["kind"] in TRACE_KINDS:
        for layer in [name] if name in layers else declared.chosen or layers:
            if (length := layers[layer].get(axis)) is not None:
                yield range(length)
