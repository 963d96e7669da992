"""Programs: pure functions of (parameters, rows), and the runs that call them.

A program is compiled once for every bucket of rows. A run is one input's way through them: a
generator that yields calls, one or several at a time, and is sent what each of them gave, so that
whoever drives it decides where and with whose rows a call is executed.
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
"""Of every product in every program: full float32, on GPU (not TF32) and TPU (not bfloat16) too."""

ROW_BUCKETS: Mapping[str, tuple[int, ...]] = {"cnn": (1, 2, 4, 8), "lstm": (1, 4, 16)}
"""By model, on a CPU: a call with n rows runs in the smallest bucket that holds n; the rest of it
is padding. A call with more rows than the last does not make a row much cheaper, and whoever comes
next would wait longer; where the next bucket costs hardly more, as 4 steps of an LSTM do beside 2,
the smaller one is left out.
"""

ACCELERATOR_BUCKETS = (1, 8, 32)
"""The same on a GPU or TPU, for every model: there padding is cheap and a call is not."""


Row = Mapping[str, np.ndarray]
"""One row of a program's input by name, without the batch axis."""

Outputs = dict[str, np.ndarray]
"""What a program or a run gave for one row, by name, without the batch axis."""


class Call(NamedTuple):
    """One row for one program, and the outputs that shall leave the device.

    Attributes:
        checkpoint: Name of the parameter set that it runs with; None for the served weights.
    """

    program: str
    row: Row
    outputs: frozenset[str]
    checkpoint: str | None = None


Run = Generator[Sequence[Call], list[Outputs], Outputs]
"""Yields calls of one program, is sent their outputs in the same order, returns what came of it."""

ANALYSIS_BUCKETS = (1, 4, 16)
"""Of programs that answer one question with many rows. The largest is one that others can wait for:
16 gradients take some 5 ms on two processors."""

SLICE = 2 * ANALYSIS_BUCKETS[-1]
"""How many rows a run of many asks for at a time: two calls, so that the device need not wait for
the next rows, and others need not wait for long."""

RowsFunction = Callable[[Parameters, Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True, eq=False)
class Program:
    """A pure function that is compiled ahead of time.

    Attributes:
        name: Unique in the server, such as `cnn.trace`.
        function: From parameters and rows, all with a leading batch axis, to named outputs.
        row: Shape and type of each input of one row, without the batch axis.
        buckets: For how many rows it is compiled, ascending; None for those of its model.
    """

    name: str
    function: RowsFunction
    row: Mapping[str, jax.ShapeDtypeStruct]
    buckets: tuple[int, ...] | None = None

    def rows(self, bucket: int) -> dict[str, jax.ShapeDtypeStruct]:
        """Describe the input of a whole bucket."""
        return {
            name: jax.ShapeDtypeStruct((bucket, *one.shape), one.dtype)
            for name, one in self.row.items()
        }

    def __call__(self, parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        """Compute the outputs at the declared precision."""
        with jax.default_matmul_precision(MATMUL_PRECISION):
            return self.function(parameters, rows)


def row_buckets(model: str) -> tuple[int, ...]:
    """Return for how many rows the programs of a model are compiled on this machine, ascending."""
    return ROW_BUCKETS[model] if jax.default_backend() == "cpu" else ACCELERATOR_BUCKETS


def in_slices(
    calls: Iterable[Call], size: int = SLICE
) -> Generator[Sequence[Call], list[Outputs], list[Outputs]]:
    """Run many calls of one program, a slice at a time: others get their turn in between.

    Args:
        calls: Made as they are needed, so that never more than a slice of rows is held.
        size: How many rows a slice has.
    """
    coming, results = iter(calls), []
    while taken := tuple(islice(coming, size)):
        results += yield taken
    return results
