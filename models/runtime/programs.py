"""Programs: pure functions of (parameters, rows), and the runs that call them.

A program is compiled once for every bucket, a batch size. A run evaluates one input: a generator
that yields calls of programs and is sent their outputs, so that the engine decides where, and in
one batch with which other calls, each call is executed.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from models.runtime.parameters import Parameters

MATMUL_PRECISION = "highest"
"""Precision of every matrix product: float32, on GPU (not TF32) and TPU (not bfloat16) too."""

ROW_BUCKETS: Mapping[str, tuple[int, ...]] = {"cnn": (1, 2, 4, 8), "lstm": (1, 4, 16)}
"""Batch sizes on CPU by model: n rows run in the smallest bucket of at least n, padded.

Larger batches would hardly make a row cheaper, and the next request would wait longer. A size that
costs hardly less than the next larger one, such as 2 beside 4 of the LSTM, is left out.
"""

ACCELERATOR_BUCKETS = (1, 8, 32)
"""Batch sizes on GPU and TPU for every model: there padding is cheap and a call is not."""


Row = Mapping[str, np.ndarray]
"""One row of a program's input by name, without the batch axis."""

Outputs = dict[str, np.ndarray]
"""Outputs of a program or a run for one row, by name, without the batch axis."""


class Call(NamedTuple):
    """Call of a program with one row, and the outputs to copy from the device.

    Attributes:
        checkpoint: Name of the parameter set that it runs with; None for the served weights.
    """

    program: str
    row: Row
    outputs: frozenset[str]
    checkpoint: str | None = None


Run = Generator[Sequence[Call], list[Outputs], Outputs]
"""Generator that yields calls of one program, receives their outputs, and returns its own."""

ANALYSIS_BUCKETS = (1, 4, 16)
"""Batch sizes of programs that one request calls with many rows. The largest is short enough for
other requests to wait for: 16 gradients take some 5 ms on two processors."""

SLICE = 2 * ANALYSIS_BUCKETS[-1]
"""Rows that a run of many rows yields at a time: two batches, so that the device does not idle
until the next ones, and other requests do not wait long."""

RowsFunction = Callable[[Parameters, Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True, eq=False)
class Program:
    """Pure function that is compiled ahead of time.

    Attributes:
        name: Unique in the server, such as `cnn.trace`.
        function: Maps parameters and rows, all with a leading batch axis, to named outputs.
        row: Shape and type of each input of one row, without the batch axis.
        buckets: Batch sizes for which it is compiled, ascending; None for those of its model.
    """

    name: str
    function: RowsFunction
    row: Mapping[str, jax.ShapeDtypeStruct]
    buckets: tuple[int, ...] | None = None

    def rows(self, bucket: int) -> dict[str, jax.ShapeDtypeStruct]:
        """Return shape and type of each input of a whole batch."""
        return {
            name: jax.ShapeDtypeStruct((bucket, *one.shape), one.dtype)
            for name, one in self.row.items()
        }

    def __call__(self, parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        """Compute the outputs with float32 matrix products."""
        with jax.default_matmul_precision(MATMUL_PRECISION):
            return self.function(parameters, rows)


def row_buckets(model: str) -> tuple[int, ...]:
    """Return the batch sizes of a model's programs on this machine, ascending."""
    return ROW_BUCKETS[model] if jax.default_backend() == "cpu" else ACCELERATOR_BUCKETS


def in_slices(
    calls: Iterable[Call], size: int = SLICE
) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Yield many calls of one program in slices, between which other runs get their turn.

    Args:
        calls: Consumed lazily, so that at most one slice of rows is in memory.
        size: Number of rows of a slice.
    """
    coming, results = iter(calls), []
    while taken := tuple(islice(coming, size)):
        results += yield taken
    return results
