"""Resident programs: compiled for every bucket, with their parameters on the device."""

from collections.abc import Iterable, Mapping, Sequence

import jax
import numpy as np

from models.parameters import Parameters
from models.programs import ROW_BUCKETS, Call, Outputs, Program, Run


class ResidentProgram:
    """A program that is ready to run. It lives as long as the server.

    Args:
        program: What to compile.
        parameters: Already on the device; shared by all programs of one model.
        buckets: The numbers of rows to compile for, ascending.
    """

    def __init__(
        self, program: Program, parameters: Parameters, buckets: Sequence[int] = ROW_BUCKETS
    ) -> None:
        self.program = program
        self.buckets = tuple(buckets)
        self._parameters = parameters
        jitted = jax.jit(program)
        self._executables = {
            bucket: jitted.lower(parameters, program.rows(bucket)).compile() for bucket in buckets
        }

    @property
    def max_rows(self) -> int:
        """The most rows that one call takes."""
        return self.buckets[-1]

    def bucket(self, rows: int) -> int:
        """Return the smallest bucket that holds so many rows."""
        return next(bucket for bucket in self.buckets if bucket >= rows)

    def warm_up(self) -> None:
        """Run every bucket once on zeros, so that the first request finds everything in place."""
        row = {name: np.zeros(one.shape, one.dtype) for name, one in self.program.row.items()}
        call = Call(self.program.name, row, frozenset())
        for bucket in self.buckets:
            self([call] * bucket)

    def __call__(self, calls: Sequence[Call]) -> list[Outputs]:
        """Execute calls as one batch; of each row only what its call asked for is returned."""
        bucket = self.bucket(len(calls))
        rows = {name: self._stack(name, calls, bucket) for name in self.program.row}
        results = self._executables[bucket](self._parameters, jax.device_put(rows))
        wanted = frozenset[str]().union(*(call.outputs for call in calls))
        jax.block_until_ready(results)
        fetched = jax.device_get({name: results[name] for name in wanted})
        return [
            {name: fetched[name][index] for name in call.outputs}
            for index, call in enumerate(calls)
        ]

    def _stack(self, name: str, calls: Sequence[Call], bucket: int) -> np.ndarray:
        """Put one input of all rows into a new array; rows of padding are zeros."""
        one = self.program.row[name]
        # A new array each time: on CPU the device may read this memory until the call is done.
        stacked = np.zeros((bucket, *one.shape), one.dtype)
        for index, call in enumerate(calls):
            stacked[index] = call.row[name]
        return stacked


def drive(runs: Iterable[Run], programs: Mapping[str, ResidentProgram]) -> list[Outputs]:
    """Drive runs to their end side by side, without a server; calls of one program go together."""
    waiting = {index: (run, next(run)) for index, run in enumerate(runs)}
    done: dict[int, Outputs] = {}
    while waiting:
        program = programs[next(iter(waiting.values()))[1].program]
        batch = [
            index for index, (_, call) in waiting.items() if call.program == program.program.name
        ][: program.max_rows]
        results = program([waiting[index][1] for index in batch])
        for index, result in zip(batch, results, strict=True):
            run, _ = waiting.pop(index)
            try:
                waiting[index] = (run, run.send(result))
            except StopIteration as end:
                done[index] = end.value
    return [done[index] for index in sorted(done)]
