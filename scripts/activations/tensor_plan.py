"""Tensor of the shards of scripts.activations: its layer, reduction, axes and shape."""

from dataclasses import dataclass
from math import prod

LABEL, LENGTH = "input.label", "input.length"
"""Names of the tensors with the label of each row, and with the steps of each sequence."""


@dataclass(frozen=True)
class TensorPlan:
    """Tensor of the shards of scripts.activations.

    Attributes:
        layer: Value of the trace; empty for labels and lengths.
        reduction: How the axes after the first are reduced; None for all values.
        axes: Name of every axis; the first is `image` or `sequence`.
        shape: Shape for one row, without the first axis.
        dtype: Type of NumPy.
    """

    layer: str
    kind: str
    reduction: str | None
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str = "float32"

    @property
    def row_bytes(self) -> int:
        """Bytes of one row of a tensor of scripts.activations."""
        return prod(self.shape) * (8 if self.dtype == "int64" else 4)
