"""Resident programs: executables for every batch size, with parameters on the device."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from math import prod
from typing import Any

import jax
import numpy as np

from models.runtime.compilation import ExecutableKey, Executables, compile_programs, versions
from models.runtime.parameters import Parameters
from models.runtime.programs import Call, Outputs, Program, Run
from models.runtime.sparse_input import SparseInput, stack_sparse


@dataclass
class CallTotals:
    """Totals of a resident program's calls since the start; times in seconds."""

    calls: int = 0
    rows: int = 0
    padding_rows: int = 0
    input_s: float = 0.0
    infer_s: float = 0.0
    output_s: float = 0.0

    def add(self, rows: int, bucket: int, input_s: float, infer_s: float, output_s: float) -> None:
        """Add one batch of calls to the totals of a resident program."""
        self.calls += 1
        self.rows += rows
        self.padding_rows += bucket - rows
        self.input_s += input_s
        self.infer_s += infer_s
        self.output_s += output_s


class ResidentProgram:
    """Resident program, with parameter sets on the device. It lives as long as its model.

    Args:
        program: Program to run.
        parameters: Served weights on the device, shared by all programs of one model.
        buckets: Batch sizes, ascending; `add_buckets` adds more.
        executables: Executables, perhaps of other programs too; None compiles them.
    """

    def __init__(
        self,
        program: Program,
        parameters: Parameters,
        buckets: Sequence[int],
        executables: Executables | None = None,
    ) -> None:
        self.program = program
        self.buckets = tuple(buckets)
        self.totals = CallTotals()
        self._parameters: dict[str | None, Parameters] = {None: parameters}
        self._output_bytes: dict[str, int] = {}
        self._sizes: dict[frozenset[str], int] = {}
        # On CPU a call returns when it is done, and its outputs need not be copied.
        self._on_host = jax.default_backend() == "cpu"
        executables = executables or compile_programs([program], parameters, buckets)
        self._executables: Executables = {}
        self._memory_analyses: dict[ExecutableKey, Any] = {}
        for bucket in buckets:
            self._take(bucket, executables)

    def _take(self, bucket: int, executables: Executables) -> list[ExecutableKey]:
        """Take the executables of a batch size of a resident program; return their keys."""
        keys = list(versions(self.program, bucket))
        self._executables |= {key: executables[key] for key in keys}
        # Once: the compiler computes them anew each time, and `/models` asks for all of them.
        self._memory_analyses |= {key: executables[key].memory_analysis() for key in keys}
        return keys

    def with_parameters(self, parameters: Parameters) -> "ResidentProgram":
        """Return a resident program with the same executables and other served weights.

        It has no other parameter sets, and totals of its own.
        """
        found = copy(self)
        found.totals = CallTotals()
        found._parameters = {None: parameters}  # noqa: SLF001 - of the same class
        return found

    def add_parameters(self, checkpoint: str, parameters: Parameters) -> None:
        """Add a parameter set to a resident program, with which calls that name it are run."""
        self._parameters[checkpoint] = parameters

    def has_parameters(self, checkpoint: str | None) -> bool:
        """Return whether a resident program has this parameter set; None are the served weights."""
        return checkpoint in self._parameters

    @property
    def executables(self) -> int:
        """Number of executables of a resident program."""
        return len(self._executables)

    @property
    def code_bytes(self) -> int:
        """Bytes of a resident program's machine code; 0 where the platform does not say."""
        # A copy: another thread may be adding batch sizes.
        sizes = tuple(self._memory_analyses.values())
        return sum(getattr(one, "generated_code_size_in_bytes", 0) for one in sizes)

    @property
    def max_rows(self) -> int:
        """Maximum number of rows of one batch of a resident program."""
        return self.buckets[-1]

    def bucket(self, rows: int) -> int:
        """Return the smallest batch size of a resident program of at least this many rows."""
        return next(bucket for bucket in self.buckets if bucket >= rows)

    def warm_up(self) -> None:
        """Warm up a resident program before requests: run every batch size once on zeros."""
        for key in tuple(self._executables):
            self._run_once(key)

    def add_buckets(self, buckets: Sequence[int], executables: Executables) -> None:
        """Add batch sizes to a resident program, after each has run once.

        Args:
            buckets: Batch sizes besides the present ones.
            executables: Executables of these sizes, perhaps of other programs too.
        """
        for bucket in buckets:
            for key in self._take(bucket, executables):
                self._run_once(key)
        # Last: another thread may be forming a batch.
        self.buckets = tuple(sorted((*self.buckets, *buckets)))

    def _run_once(self, key: ExecutableKey) -> None:
        shapes = self.program.rows(key.bucket).items()
        rows = {name: np.zeros(one.shape, one.dtype) for name, one in shapes}
        results = jax.block_until_ready(self._executables[key](self._parameters[None], rows))
        self._output_bytes |= {name: one.nbytes // key.bucket for name, one in results.items()}

    def _executable(self, bucket: int, wanted: frozenset[str]) -> jax.stages.Compiled:
        """Return a resident program's executable of a batch size that has the wanted outputs.

        It has no optional outputs unless one of them is wanted.
        """
        optional = self.program.optional
        is_lean = bool(optional) and optional.isdisjoint(wanted)
        return self._executables[ExecutableKey(self.program.name, bucket, is_lean)]

    def __call__(self, calls: Sequence[Call]) -> list[Outputs]:
        """Execute calls of a resident program as one batch; return the outputs each call names.

        Calls with different parameter sets are executed as one batch for each set.
        """
        checkpoint = calls[0].checkpoint
        if all(call.checkpoint == checkpoint for call in calls):
            return self._execute(calls, self._parameters[checkpoint])
        by_set: dict[str | None, list[int]] = {}
        for index, call in enumerate(calls):
            by_set.setdefault(call.checkpoint, []).append(index)
        outputs: dict[int, Outputs] = {}
        for name, indices in by_set.items():
            results = self._execute([calls[index] for index in indices], self._parameters[name])
            outputs |= dict(zip(indices, results, strict=True))
        return [outputs[index] for index in range(len(calls))]

    def _execute(self, calls: Sequence[Call], parameters: Parameters) -> list[Outputs]:
        """Execute calls of a resident program with one parameter set as one batch."""
        began = time.perf_counter()
        bucket = self.bucket(len(calls))
        rows = {name: self._stack(name, calls, bucket) for name in self.program.row}
        stacked = time.perf_counter()
        wanted = frozenset[str]().union(*(call.outputs for call in calls))
        results = self._executable(bucket, wanted)(parameters, rows)
        # Copies start before any is awaited, so that they overlap on an accelerator.
        if not self._on_host:
            for name in wanted:
                results[name].copy_to_host_async()
            jax.block_until_ready(results)
        computed = time.perf_counter()
        fetched = {name: np.asarray(results[name]) for name in wanted}
        outputs = [
            {name: fetched[name][index] for name in call.outputs}
            for index, call in enumerate(calls)
        ]
        ended = time.perf_counter()
        self.totals.add(len(calls), bucket, stacked - began, computed - stacked, ended - computed)
        return outputs

    def batch(self, rows: Mapping[str, np.ndarray], outputs: Iterable[str]) -> Outputs:
        """Execute a resident program on rows that are stacked already, with the served weights.

        Args:
            rows: Inputs by name with a leading row axis; at most `max_rows` rows.
            outputs: Names of the outputs to return, with a leading row axis.
        """
        count = len(next(iter(rows.values())))
        bucket = self.bucket(count)
        whole = {name: _padded(value, bucket) for name, value in rows.items()}
        wanted = tuple(outputs)
        results = self._executable(bucket, frozenset(wanted))(self._parameters[None], whole)
        if not self._on_host:
            for name in wanted:
                results[name].copy_to_host_async()
        return {name: np.asarray(results[name])[:count] for name in wanted}

    def _stack(self, name: str, calls: Sequence[Call], bucket: int) -> np.ndarray:
        """Stack one input of all rows of a resident program's batch; padding rows are zeros."""
        if bucket == 1:
            # A single row needs no copy: a view with a batch axis suffices.
            return np.asarray(calls[0].row[name])[None]
        one = self.program.row[name]
        sparse = [value for call in calls if isinstance(value := call.row[name], SparseInput)]
        if len(sparse) == len(calls):
            self._check_shapes(name, sparse)
            return stack_sparse(sparse, bucket)
        rows: list[Any] = [np.asarray(call.row[name], one.dtype, order="C") for call in calls]
        self._check_shapes(name, rows)
        rows.append(bytes((bucket - len(calls)) * rows[0].nbytes))
        # In one call: each copy of an array gives the interpreter's lock away, and waits for it. A
        # new array each time: on CPU the device may read this memory until the call is done.
        return np.frombuffer(b"".join(rows), one.dtype).reshape(bucket, *one.shape)

    def _check_shapes(self, name: str, rows: Sequence[np.ndarray | SparseInput]) -> None:
        """Raise `ValueError` unless all rows of a resident program's batch have its shape."""
        expected = self.program.row[name].shape
        if any(row.shape != expected for row in rows):
            shapes = ", ".join(str(row.shape) for row in rows)
            msg = f"rows of {name} have the shapes {shapes}, not {expected}"
            raise ValueError(msg)

    @property
    def row_bytes(self) -> int:
        """Bytes of the inputs of one row of a resident program."""
        shapes = self.program.row.values()
        return sum(prod(one.shape) * one.dtype.itemsize for one in shapes)

    @property
    def batch_bytes(self) -> int:
        """Bytes that the largest batch of a resident program takes while it runs.

        Inputs, all outputs, and the temporary arrays of the executable, where the platform says.
        """
        # A copy: another thread may be adding batch sizes.
        sizes = tuple(self._memory_analyses.values())
        temporary = max(getattr(one, "temp_size_in_bytes", 0) for one in sizes)
        return self.max_rows * (self.row_bytes + sum(self._output_bytes.values())) + temporary

    def size(self, call: Call) -> int:
        """Return the size of row and outputs of a resident program's call in bytes."""
        # All rows of a program have equal shapes, so that the outputs alone determine the size.
        if (known := self._sizes.get(call.outputs)) is None:
            known = self.row_bytes + sum(self._output_bytes[name] for name in call.outputs)
            self._sizes[call.outputs] = known
        return known


def _padded(rows: np.ndarray, bucket: int) -> np.ndarray:
    """Return one input of a resident program with as many rows as the bucket; zeros are added."""
    if len(rows) == bucket:
        return rows
    padded = np.zeros((bucket, *rows.shape[1:]), rows.dtype)
    padded[: len(rows)] = rows
    return padded


def drive(runs: Iterable[Run], programs: Mapping[str, ResidentProgram]) -> list[Outputs]:
    """Drive runs to their end on resident programs without a server, in common batches.

    Calls of one program are in one batch.
    """
    waiting = {index: (run, next(run)) for index, run in enumerate(runs)}
    done: dict[int, Outputs] = {}
    while waiting:
        # Calls of the first run decide the program; runs that wait for others keep their calls.
        name = next(iter(waiting.values()))[1][0].program
        together = {i: calls for i, (_, calls) in waiting.items() if calls[0].program == name}
        results = iter(_in_batches([c for calls in together.values() for c in calls], programs))
        for index, calls in together.items():
            run, _ = waiting.pop(index)
            try:
                waiting[index] = (run, run.send([next(results) for _ in calls]))
            except StopIteration as end:
                done[index] = end.value
    return [done[index] for index in sorted(done)]


def _in_batches(calls: list[Call], programs: Mapping[str, ResidentProgram]) -> Iterator[Outputs]:
    """Execute calls of one resident program in batches of the maximum size."""
    program = programs[calls[0].program]
    for start in range(0, len(calls), program.max_rows):
        yield from program(calls[start : start + program.max_rows])
