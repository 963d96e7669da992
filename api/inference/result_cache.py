"""Result cache: outputs of runs that depend on the weights alone, and not on an input."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from api.inference.errors import DeadlineError
from models.runtime.programs import Outputs

MAX_RESULTS = 64


class ResultCache:
    """Result cache of the latest runs about the weights alone; the oldest is evicted first.

    Of one event loop. Requests that need the same outputs at the same time compute them once.
    """

    def __init__(self) -> None:
        self._results: dict[str, Outputs] = {}
        self._running: dict[str, asyncio.Event] = {}

    def has(self, key: str) -> bool:
        """Tell whether outputs are in the result cache, or are being computed for it."""
        return key in self._results or key in self._running

    async def outputs(
        self, key: str, compute: Callable[[], Awaitable[Outputs]], deadline: float
    ) -> Outputs:
        """Return outputs of the result cache; those that it does not have are computed.

        Requests that need them meanwhile wait. Where the one that computes fails, or its client has
        gone, the next one computes them.

        Args:
            compute: Computes the outputs.
            deadline: End of the wait for another request by `time.monotonic`, in seconds.

        Raises:
            DeadlineError: It passed.
        """
        while (known := self._results.get(key)) is None:
            if (running := self._running.get(key)) is None:
                return await self._compute(key, compute)
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await running.wait()
            except TimeoutError:
                raise DeadlineError from None
        return known

    async def _compute(self, key: str, compute: Callable[[], Awaitable[Outputs]]) -> Outputs:
        """Compute outputs for the result cache, then wake those that wait for them."""
        ended = self._running[key] = asyncio.Event()
        try:
            found = self._results[key] = await compute()
        finally:
            del self._running[key]
            ended.set()
        while len(self._results) > MAX_RESULTS:
            del self._results[next(iter(self._results))]
        return found
