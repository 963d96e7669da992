"""Resident programs: compiled for every bucket, with their parameters on the device."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import jax
import numpy as np

from models.runtime.compilation import Executables, Part, compile_programs
from models.runtime.parameters import Parameters
from models.runtime.programs import Call, Outputs, Program, Run


@dataclass
class CallTotals:
    """What the calls of a program have taken so far; times in seconds."""

    calls: int = 0
    rows: int = 0
    padding_rows: int = 0
    input_s: float = 0.0
    infer_s: float = 0.0
    output_s: float = 0.0

    def add(self, rows: int, bucket: int, input_s: float, infer_s: float, output_s: float) -> None:
        """Take note of one call."""
        self.calls += 1
        self.rows += rows
        self.padding_rows += bucket - rows
        self.input_s += input_s
        self.infer_s += infer_s
        self.output_s += output_s


class ResidentProgram:
    """A program that is ready to run. It lives as long as the server.

    Args:
        program: What to compile.
        parameters: Already on the device; shared by all programs of one model.
        buckets: The numbers of rows to compile for, ascending; `widen` adds more.
        executables: Of these and maybe other programs; compiled here where they are not given.
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
        self.spent = CallTotals()
        self._parameters: dict[str | None, Parameters] = {None: parameters}
        self._output_bytes: dict[str, int] = {}
        self._sizes: dict[frozenset[str], int] = {}
        # There a call returns when it is done, and what it gave need not be copied.
        self._on_host = jax.default_backend() == "cpu"
        executables = executables or compile_programs([program], parameters, buckets)
        self._executables = {bucket: executables[Part(program.name, bucket)] for bucket in buckets}

    def hold(self, checkpoint: str, parameters: Parameters) -> None:
        """Keep other parameters too, by name: calls that name them are run with them."""
        self._parameters[checkpoint] = parameters

    def holds(self, checkpoint: str | None) -> bool:
        """Tell whether it can be run with these parameters."""
        return checkpoint in self._parameters

    @property
    def max_rows(self) -> int:
        """The most rows that one call takes."""
        return self.buckets[-1]

    def bucket(self, rows: int) -> int:
        """Return the smallest bucket that holds so many rows."""
        return next(bucket for bucket in self.buckets if bucket >= rows)

    def warm_up(self) -> None:
        """Run every bucket once on zeros, so that the first request finds everything in place."""
        for bucket in self.buckets:
            self._run_once(bucket)

    def widen(self, buckets: Sequence[int], executables: Executables) -> None:
        """Take more rows in one call from now on, each of these buckets run once.

        Args:
            buckets: Larger than those so far, ascending.
            executables: Of these and maybe other programs.
        """
        for bucket in buckets:
            self._executables[bucket] = executables[Part(self.program.name, bucket)]
            self._run_once(bucket)
        self.buckets = (*self.buckets, *buckets)  # last: another thread may be forming a batch

    def _run_once(self, bucket: int) -> None:
        shapes = self.program.rows(bucket).items()
        rows = {name: np.zeros(one.shape, one.dtype) for name, one in shapes}
        results = jax.block_until_ready(self._executables[bucket](self._parameters[None], rows))
        self._output_bytes = {name: value.nbytes // bucket for name, value in results.items()}

    def __call__(self, calls: Sequence[Call]) -> list[Outputs]:
        """Execute calls as one batch; of each row only what its call asked for is returned.

        Calls with different parameters make a batch for each.
        """
        checkpoint = calls[0].checkpoint
        if all(call.checkpoint == checkpoint for call in calls):
            return self._execute(calls, self._parameters[checkpoint])
        of_each: dict[str | None, list[int]] = {}
        for index, call in enumerate(calls):
            of_each.setdefault(call.checkpoint, []).append(index)
        answers: dict[int, Outputs] = {}
        for name, indices in of_each.items():
            results = self._execute([calls[index] for index in indices], self._parameters[name])
            answers |= dict(zip(indices, results, strict=True))
        return [answers[index] for index in range(len(calls))]

    def _execute(self, calls: Sequence[Call], parameters: Parameters) -> list[Outputs]:
        """Execute calls with the same parameters as one batch."""
        began = time.perf_counter()
        bucket = self.bucket(len(calls))
        rows = {name: self._stack(name, calls, bucket) for name in self.program.row}
        stacked = time.perf_counter()
        results = self._executables[bucket](parameters, rows)
        wanted = frozenset[str]().union(*(call.outputs for call in calls))
        if not self._on_host:
            for name in wanted:
                results[name].copy_to_host_async()
            jax.block_until_ready(results)
        computed = time.perf_counter()
        fetched = {name: np.asarray(results[name]) for name in wanted}
        answers = [
            {name: fetched[name][index] for name in call.outputs}
            for index, call in enumerate(calls)
        ]
        ended = time.perf_counter()
        self.spent.add(len(calls), bucket, stacked - began, computed - stacked, ended - computed)
        return answers

    def _stack(self, name: str, calls: Sequence[Call], bucket: int) -> np.ndarray:
        """Put one input of all rows into an array; rows of padding are zeros."""
        if bucket == 1:
            return np.asarray(calls[0].row[name])[None]
        one = self.program.row[name]
        # A new array each time: on CPU the device may read this memory until the call is done.
        stacked = np.zeros((bucket, *one.shape), one.dtype)
        for index, call in enumerate(calls):
            stacked[index] = call.row[name]
        return stacked

    def size(self, call: Call) -> int:
        """Return how many bytes a call's row and outputs take."""
        if (known := self._sizes.get(call.outputs)) is None:
            known = sum(value.nbytes for value in call.row.values())
            known += sum(self._output_bytes[name] for name in call.outputs)
            self._sizes[call.outputs] = known
        return known


def drive(runs: Iterable[Run], programs: Mapping[str, ResidentProgram]) -> list[Outputs]:
    """Drive runs to their end side by side, without a server; calls of one program go together."""
    waiting = {index: (run, next(run)) for index, run in enumerate(runs)}
    done: dict[int, Outputs] = {}
    while waiting:
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
    """Execute calls of one program, as many at a time as it takes."""
    program = programs[calls[0].program]
    for start in range(0, len(calls), program.max_rows):
        yield from program(calls[start : start + program.max_rows])
