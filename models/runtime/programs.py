"""Programs: pure functions of (parameters, rows), and the runs that call them.

A program is compiled once for every bucket, a batch size. A run evaluates one input: a generator
that yields calls of programs and is sent their outputs, so that the engine decides where, and in
one batch with which other calls, each call is executed.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Literal, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from models.runtime.cancellation import raise_if_cancelled
from models.runtime.parameters import Parameters
from models.runtime.sparse_input import SparseInput

MATMUL_PRECISION = "highest"
"""Precision of every matrix product in a program: float32, on GPU (not TF32) and TPU too.

On TPU the default would be bfloat16.
"""

Family = Literal["image", "sequence"]
"""Family of networks that share programs: by the kind of their input."""

ROW_BUCKETS: Mapping[Family, tuple[int, ...]] = {"image": (1, 2, 4, 8), "sequence": (1, 4, 16)}
"""Buckets (batch sizes) of programs on CPU by family: n rows run padded in the smallest that fits.

Larger batches would hardly make a row cheaper, and the next request would wait longer. A size that
costs hardly less than the next larger one, such as 2 rows of sequences where 4 exist, is left out.
"""

ACCELERATOR_BUCKETS = (1, 8, 32)
"""Buckets of programs on GPU and TPU for every family: there padding is cheap and a call is not."""


Row = Mapping[str, np.ndarray]
"""Row of a program: its inputs by name, without the batch axis."""

SentRow = Mapping[str, np.ndarray | SparseInput]
"""Row of a call, of which large inputs may be sparse."""

Outputs = dict[str, np.ndarray]
"""Outputs of a program or a run for one row, by name, without the batch axis."""


class Call(NamedTuple):
    """Call of a program with one row, and the outputs to copy from the device.

    Attributes:
        checkpoint: Name of the parameter set that it runs with; None for the served weights.
    """

    program: str
    row: SentRow
    outputs: frozenset[str]
    checkpoint: str | None = None


Run = Generator[Sequence[Call], list[Outputs], Outputs]
"""Run: a generator that yields calls of one program, receives their outputs, returns its own."""

ANALYSIS_BUCKETS = (1, 4, 16)
"""Buckets of programs that one request calls with many rows.

The largest is short enough for other requests to wait for: 16 gradients take some 5 ms on two
processors.
"""

SLICE = 2 * ANALYSIS_BUCKETS[-1]
"""Rows of a program that a run of many rows yields at a time: two batches.

So the device does not idle until the next ones, and other requests do not wait long.
"""

RowsFunction = Callable[[Parameters, Mapping[str, Array]], dict[str, Array]]


@dataclass(frozen=True, eq=False)
class Program:
    """Program: a pure function of parameters and rows, to be compiled ahead of time.

    Attributes:
        name: Unique within the model, such as `trace`.
        function: Maps parameters and rows, all with a leading batch axis, to named outputs.
        row: Shape and type of each input of one row, without the batch axis.
        buckets: Batch sizes for which it is compiled, ascending; None for those of its family.
        options: Options for XLA's compiler on CPU; one that lacks an option compiles without all.
        signature: Text that differs between networks whose rows and parameters have equal shapes.
        optional: Outputs that are computed only for batches with a call that names one of them.
    """

    name: str
    function: RowsFunction
    row: Mapping[str, jax.ShapeDtypeStruct]
    buckets: tuple[int, ...] | None = None
    options: Mapping[str, str | bool] = field(default_factory=dict)
    signature: str = ""
    optional: frozenset[str] = frozenset()

    @property
    def without_optional(self) -> "Program":
        """The program without its optional outputs, which XLA then does not compute."""
        name = f"{self.name} without {', '.join(sorted(self.optional))}"
        function = partial(_without, self.function, self.optional)
        return replace(self, name=name, function=function, optional=frozenset())

    def rows(self, bucket: int) -> dict[str, jax.ShapeDtypeStruct]:
        """Return shape and type of each input of a program for a whole batch of rows."""
        return {
            name: jax.ShapeDtypeStruct((bucket, *one.shape), one.dtype)
            for name, one in self.row.items()
        }

    def __call__(self, parameters: Parameters, rows: Mapping[str, Array]) -> dict[str, Array]:
        """Compute the outputs of a program with float32 matrix products."""
        # Not set globally: an embedding program may use JAX with another precision.
        with jax.default_matmul_precision(MATMUL_PRECISION):
            return self.function(parameters, rows)


def _without(
    function: RowsFunction,
    outputs: frozenset[str],
    parameters: Parameters,
    rows: Mapping[str, Array],
) -> dict[str, Array]:
    """Call the function of a program, and leave outputs out."""
    found = function(parameters, rows)
    return {name: value for name, value in found.items() if name not in outputs}


def row_buckets(family: Family) -> tuple[int, ...]:
    """Return the buckets of predict and trace programs of a family on this machine, ascending."""
    return ROW_BUCKETS[family] if jax.default_backend() == "cpu" else ACCELERATOR_BUCKETS


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
        raise_if_cancelled()
        results += yield taken
    return results
