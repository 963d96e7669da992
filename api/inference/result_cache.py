"""Result cache: results that depend on the weights alone, such as outputs of runs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from api.inference.errors import DeadlineError
from api.inference.memory_budget import MIB, MemoryBudget
from models.runtime.programs import Outputs
from probes.output.buffers import Buffer, nbytes_of

MAX_KEPT_BYTES = 16 * MIB
"""Most bytes of the results in one cache."""

Result = TypeVar("Result")


class ResultCache(Generic[Result]):
    """Result cache of the latest results about the weights alone; the oldest is evicted first.

    Of one event loop. Requests that need the same result at the same time compute it once.

    Args:
        nbytes_of: Returns the bytes of a result.
        memory: Budget in which the results count until a request needs their bytes.

    Attributes:
        nbytes: Bytes of all results.
    """

    def __init__(self, nbytes_of: Callable[[Result], int], memory: MemoryBudget) -> None:
        self.nbytes, self._nbytes_of = 0, nbytes_of
        self._kept: dict[str, Result] = {}
        self._running: dict[str, asyncio.Event] = {}
        memory.caches.append(self)

    def has(self, key: str) -> bool:
        """Tell whether a result is in the result cache, or is being computed for it."""
        return key in self._kept or key in self._running

    def clear(self) -> None:
        """Evict all results from the cache."""
        while self._kept:
            self._evict_oldest()

    async def result(
        self, key: str, compute: Callable[[], Awaitable[Result]], deadline: float
    ) -> Result:
        """Return a result of the result cache; one that it does not have is computed.

        Requests that need it meanwhile wait. Where the one that computes fails, or its client has
        gone, the next one computes it.

        Args:
            compute: Computes the result.
            deadline: End of the wait for another request by `time.monotonic`, in seconds.

        Raises:
            DeadlineError: It passed.
        """
        while (known := self._kept.get(key)) is None:
            if (running := self._running.get(key)) is None:
                return await self._compute(key, compute)
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await running.wait()
            except TimeoutError:
                raise DeadlineError from None
        return known

    async def _compute(self, key: str, compute: Callable[[], Awaitable[Result]]) -> Result:
        """Compute a result for the result cache, then wake those that wait for it."""
        ended = self._running[key] = asyncio.Event()
        try:
            found = self._kept[key] = await compute()
            self.nbytes += self._nbytes_of(found)
        finally:
            del self._running[key]
            ended.set()
        while self.nbytes > MAX_KEPT_BYTES:
            self._evict_oldest()
        return found

    def _evict_oldest(self) -> None:
        oldest = self._kept.pop(next(iter(self._kept)))
        self.nbytes -= self._nbytes_of(oldest)


class KeptResults:
    """Kept results of an engine, about the weights alone. They live as long as the engine.

    Args:
        memory: Budget in which they count.

    Attributes:
        outputs: Cache of the outputs of runs.
        encoded: Cache of encoded answers.
    """

    def __init__(self, memory: MemoryBudget) -> None:
        self.outputs: ResultCache[Outputs] = ResultCache(_nbytes_of, memory)
        self.encoded: ResultCache[Buffer] = ResultCache(_nbytes_of_answer, memory)


def _nbytes_of_answer(encoded: Buffer) -> int:
    """Return the bytes of an encoded answer."""
    return nbytes_of([encoded])


def _nbytes_of(outputs: Outputs) -> int:
    """Return the bytes of a run's outputs, which are kept as one result."""
    return sum(one.nbytes for one in outputs.values())
