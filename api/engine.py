"""Engine: the resident models, the one thread that talks to the device, and who waits for it."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from api.batching import Batcher
from api.errors import Problem
from models import familiarity
from models.programs import Call, Outputs, Run
from models.resident import ResidentProgram
from models.zoo import MODELS, ResidentModel, load
from probes.probe import Subject
from probes.subjects import subject_of

Result = TypeVar("Result")

RETRY_AFTER = MappingProxyType({"Retry-After": "1"})


class Engine:
    """Holds the models and answers runs. It lives as long as the server.

    Loading is done at once, so that wrong weights stop the start; compiling and warming up go on in
    the background while the server already says that it is alive.

    Args:
        weights: Folder with weights of one's own; None serves the shipped ones.
        queue_rows: Rows that may wait for each program.
        max_requests: Requests that may be worked on at once; more are refused.

    Raises:
        CheckpointError: Weights cannot be served.
    """

    def __init__(self, weights: Path | None, queue_rows: int, max_requests: int) -> None:
        self.models: Mapping[str, ResidentModel] = {name: load(name, weights) for name in MODELS}
        self.familiarity = familiarity.load()
        self.subjects: dict[str, Subject] = {}
        self.draining = False
        self.warm_s: float | None = None
        self._queue_rows = queue_rows
        self._max_requests = max_requests
        self._in_flight = 0
        self._batchers: dict[str, Batcher[Call, Outputs]] = {}
        # One thread: JAX is never traced or called from two at once.
        self._device = ThreadPoolExecutor(1, thread_name_prefix="device")
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="encode")
        self._warming: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether every program is compiled and warm, and the server is not stopping."""
        return self.warm_s is not None and not self.draining

    @property
    def batchers(self) -> Mapping[str, Batcher[Call, Outputs]]:
        """The queue of each program, by name."""
        return self._batchers

    def start(self) -> None:
        """Begin to warm up."""
        self._warming = asyncio.get_running_loop().create_task(self.warm_up())

    async def warmed(self) -> None:
        """Wait until the warm-up has ended; what it raised is raised here."""
        if self._warming is not None:
            await asyncio.wait([self._warming])
            if not self._warming.cancelled():
                self._warming.result()

    async def warm_up(self) -> None:
        """Compile and run every program once; from then on runs are answered."""
        loop, began = asyncio.get_running_loop(), time.perf_counter()
        lane = asyncio.Lock()
        for name, model in self.models.items():
            await loop.run_in_executor(self._device, model.compile)
            subject = await loop.run_in_executor(self._device, subject_of, model)
            self.subjects[name] = subject
            for program in model.programs.values():
                self._batchers[program.program.name] = self._batcher(program, lane)
        self.warm_s = time.perf_counter() - began

    def _batcher(self, program: ResidentProgram, lane: asyncio.Lock) -> Batcher[Call, Outputs]:
        """Put a queue before a program."""

        async def work(calls: list[Call]) -> Sequence[Outputs]:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._device, program, calls)

        return Batcher(work, max_batch=program.max_rows, max_waiting=self._queue_rows, lane=lane)

    def check_ready(self) -> None:
        """Refuse while there is nothing to answer with.

        Raises:
            Problem: `warming` or `draining`, with `Retry-After`.
        """
        if self.draining:
            raise Problem("draining", "The server is stopping.", headers=RETRY_AFTER)
        if not self.ready:
            raise Problem("warming", "The models are being compiled.", headers=RETRY_AFTER)

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Let a request in, or refuse it before anything is done for it.

        Raises:
            Problem: `warming`, `draining` or `busy`, with `Retry-After`.
        """
        self.check_ready()
        if self._in_flight >= self._max_requests:
            detail = f"{self._max_requests} requests are being worked on, as many as may be."
            raise Problem("busy", detail, headers=RETRY_AFTER)
        self._in_flight += 1
        try:
            yield
        finally:
            self._in_flight -= 1

    async def compute(self, function: Callable[..., Result], *args: Any) -> Result:
        """Do work for the CPU, such as decoding or drawing, away from the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *args)

    async def run(self, run: Run, deadline: float) -> Outputs:
        """Drive a run to its end: each of its calls waits its turn, with other people's.

        Args:
            deadline: By the event loop's clock, in seconds, for every call.

        Raises:
            QueueFullError: Too many rows wait.
            DeadlineError: The deadline passed before the device was reached.
        """
        try:
            call = next(run)
            while True:
                call = run.send(await self._batchers[call.program].submit(call, deadline))
        except StopIteration as end:
            outputs: Outputs = end.value
            return outputs

    async def stop(self) -> None:
        """Let the device finish what it does, and let go of its thread."""
        self.draining = True
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        for pool in (self._device, self._workers):
            await asyncio.get_running_loop().run_in_executor(None, pool.shutdown)
