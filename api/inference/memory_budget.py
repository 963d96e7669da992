"""Memory budget: limit of the bytes that requests hold, besides the resident models.

budget ── resident memory of the loaded models, measured when warm and after each compilation
       ── reserve: one large decoding or drawing, one batch, compilations while they run
       └─ capacity: what requests and answers that are not yet taken may hold
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from api.inference.errors import EngineBusyError
from api.inference.jobs import Job
from api.inference.resident_memory import resident_bytes, return_freed_memory

MIB = 2**20

WORK_RESERVE = 160 * MIB
"""Reserve of a memory budget for one large decoding or drawing (`large_work`), in bytes."""

COMPILE_RESERVE = 192 * MIB
"""Reserve of a memory budget while programs are compiled, in bytes.

Compiling all programs of the shipped networks raised resident memory by 176 MiB at its peak, in 2
and in 8 threads; 55 of them were free afterwards.
"""

LEAST_CAPACITY = 32 * MIB
"""Bytes that requests may hold at least, where the models alone take the whole memory budget."""

CHECKED_FROM = MIB
"""Bytes of a request for which the memory budget also checks the resident memory."""

TRIMS = 2
"""Returns of freed memory by an idle server after a large request.

Some of it is freed a while after the request has ended.
"""

IDLE_BYTES = 8 * MIB
"""Bytes that may be held by a server that is idle, for whose memory budget memory is returned."""

TRIM_S = 0.25
"""Seconds between two returns of freed memory while the memory budget is used up."""

FRESH_S = 0.02
"""Seconds for which a memory budget uses one measurement."""

RETRY_S = 1.0
"""Seconds after which a request comes back that a memory budget refuses without an estimate."""


class RequestTooLargeError(Exception):
    """Error of a request that could never fit into the memory budget.

    Attributes:
        nbytes: Bytes that it would hold.
        capacity: Bytes that all requests may hold.
        is_body: Whether its body alone is too large.
    """

    def __init__(self, nbytes: int, capacity: int, *, is_body: bool = False) -> None:
        super().__init__(f"a request of {nbytes} bytes exceeds {capacity} bytes")
        self.nbytes = nbytes
        self.capacity = capacity
        self.is_body = is_body


class EvictedCache(Protocol):
    """Cache whose memory the budget gives to a request that needs it."""

    @property
    def nbytes(self) -> int:
        """Bytes of the cache."""

    def clear(self) -> None:
        """Evict all of the cache."""


class MemoryBudget:
    """Memory budget of a server's process tree. Of one event loop.

    Args:
        total: Bytes of resident memory that the process tree may have.
        resident: Measures the resident memory in bytes.
        trim: Returns freed memory to the system.

    Attributes:
        total: Bytes of the budget.
        held: Bytes that requests in flight hold at their worst.
        holders: Bytes that each job holds.
        capacity: Bytes that may be held now; the whole budget until `measure` is called.
        full_capacity: Bytes that may be held while no program is compiled.
        caches: Caches that are kept until a request needs their memory.
        unsent: Returns the bytes of answers that clients have not yet taken.
        retry_s: Returns the seconds after which a refused job comes back, given the bytes that it
            needs, and those of them that are missing.
    """

    def __init__(
        self,
        total: int,
        resident: Callable[[], int] = resident_bytes,
        trim: Callable[[], object] = return_freed_memory,
    ) -> None:
        self.total = total
        self.held = 0
        self.holders: dict[Job, int] = {}
        self.caches: list[EvictedCache] = []
        self.capacity = self.full_capacity = max(total, LEAST_CAPACITY)
        self.unsent: Callable[[], int] = int
        self.retry_s: Callable[[Job, int, int], float] = lambda *_: RETRY_S
        self._resident = resident
        self._trim = trim
        self._measured = self._unsent = self._models = self._trimmed = 0
        self._batch = self._compilations = self._trims_due = 0
        self._trimmed_at = self._measured_at = self._unsent_at = 0.0

    @property
    def kept(self) -> int:
        """Bytes of the caches that the budget may evict."""
        return sum(cache.nbytes for cache in self.caches)

    def measure(self, batch: int | None = None) -> None:
        """Measure the resident memory of the models, and the bytes that are left to requests.

        Args:
            batch: Bytes of the largest batch while it runs; None where it is as before.
        """
        unsent = self.unsent()
        now = self._resident() - self.kept - unsent
        # The part of requests in flight is not known exactly, and answers may share their bytes.
        is_busy = self.held or unsent
        self._models = max(self._models, now - self.held) if is_busy else now
        self._batch = self._batch if batch is None else batch
        self._divide()

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Leave fewer bytes to requests while programs are compiled."""
        self._compilations += 1
        self._divide()
        try:
            yield
        finally:
            self._compilations -= 1
            self._divide()

    def _divide(self) -> None:
        """Divide the budget between models, reserves and requests."""
        if not self._models:  # it was not measured
            return
        free = self.total - self._models - WORK_RESERVE - self._batch
        self.full_capacity = max(free, LEAST_CAPACITY)
        free -= COMPILE_RESERVE if self._compilations else 0
        self.capacity = max(free, LEAST_CAPACITY)

    def is_idle(self) -> bool:
        """Tell whether nearly no bytes are held, of requests and of answers that were not taken."""
        return self.held + self.unsent() < IDLE_BYTES

    def trim(self) -> None:
        """Return freed memory to the system where much was freed. From any thread, when idle."""
        if self._trims_due or self._resident() - max(self._models, self._trimmed) > IDLE_BYTES:
            self._trims_due = max(self._trims_due - 1, 0)
            self._trim()
            self._trimmed = self._resident()

    def take(self, nbytes: int, job: Job) -> None:
        """Count bytes that a request will hold at its worst.

        Args:
            job: Its job, whose client comes back where it is refused.

        Raises:
            RequestTooLargeError: They exceed what all requests may hold.
            EngineBusyError: They exceed what is free now.
        """
        if nbytes > self.full_capacity:
            raise RequestTooLargeError(nbytes, self.full_capacity)
        missing = self._lacking(nbytes, job)
        if missing > 0 and self.kept:
            for cache in self.caches:
                cache.clear()
            missing = self._lacking(nbytes, job)
        if missing > 0:
            self._refuse(nbytes, job, missing)
        self._count(nbytes, job)
        if nbytes >= CHECKED_FROM:
            self._trims_due = TRIMS

    def _lacking(self, nbytes: int, job: Job) -> int:
        """Return the bytes that the budget lacks for a request; 0 or fewer where it has them."""
        lacking = self.held + self.kept + self._waiting(nbytes) + nbytes - self.capacity
        if lacking <= 0 and nbytes >= CHECKED_FROM:
            return self._missing(nbytes, job)
        return lacking

    def _waiting(self, nbytes: int) -> int:
        """Return the bytes of answers that clients have not yet taken, counted a moment ago."""
        now = time.monotonic()
        # Counted over all connections, which takes a while: not for each small request.
        if nbytes >= CHECKED_FROM or now - self._unsent_at > FRESH_S:
            self._unsent, self._unsent_at = self.unsent(), now
        return self._unsent

    def give(self, nbytes: int, job: Job) -> None:
        """Count bytes of a job no longer: they were freed."""
        self._count(-nbytes, job)

    def _count(self, nbytes: int, job: Job) -> None:
        """Count bytes that a job holds now, by which others estimate when to come back."""
        self.held += nbytes
        if held := self.holders.get(job, 0) + nbytes:
            self.holders[job] = held
        else:
            self.holders.pop(job, None)

    def _refuse(self, nbytes: int, job: Job, missing: int) -> None:
        counted = self.held + self._unsent
        if counted + nbytes > self.capacity:
            found = (
                f"Requests in flight and answers that were not yet taken hold {counted} bytes of "
                f"{self.capacity}"
            )
        else:  # by the measurement
            found = f"The server has {self._now()} bytes of {self.total} in memory"
        msg = f"{found}, and this one needs {nbytes}."
        raise EngineBusyError(msg, self.retry_s(job, nbytes, missing))

    def _missing(self, nbytes: int, job: Job) -> int:
        """Return the bytes that the measured resident memory leaves too few; 0 where it suffices.

        Freed memory that the allocator keeps counts, too, until it is returned to the system. A job
        that is alone is never refused for it.
        """
        if self._now() + nbytes <= self.total:
            return 0
        # It takes milliseconds of the event loop.
        if time.monotonic() - self._trimmed_at > TRIM_S:
            self._trim()
            self._trimmed_at, self._measured_at = time.monotonic(), 0.0
        is_alone = self.held <= self.holders.get(job, 0)
        return 0 if is_alone else max(self._now() + nbytes - self.total, 0)

    def _now(self) -> int:
        """Return the resident memory as it was measured within the last moment, in bytes."""
        now = time.monotonic()
        if now - self._measured_at > FRESH_S:
            self._measured, self._measured_at = self._resident(), now
        return self._measured


class HeldBytes:
    """Bytes of the memory budget that one request holds, from admission until it has ended.

    Args:
        budget: Budget in which they count.
        job: Job of the request.
    """

    __slots__ = ("_budget", "_is_entered", "_job", "_nbytes")

    def __init__(self, budget: MemoryBudget, job: Job) -> None:
        self._budget, self._job = budget, job
        self._nbytes = 0
        self._is_entered = False

    def __enter__(self) -> "HeldBytes":
        self._is_entered = True
        return self

    def __exit__(self, *_: object) -> None:
        self._is_entered = False
        self._budget.give(self._nbytes, self._job)
        self._nbytes = 0

    def add(self, nbytes: int) -> None:
        """Add bytes that the request will hold at its worst.

        Raises:
            RequestTooLargeError, EngineBusyError: See `MemoryBudget.take`.
            RuntimeError: The context was not entered, so that they would never be given back.
        """
        if not self._is_entered:
            msg = "the bytes of a request are held within its context"
            raise RuntimeError(msg)
        self._budget.take(nbytes, self._job)
        self._nbytes += nbytes

    def become(self, nbytes: int) -> None:
        """Hold this number of bytes from now on: those of the answer, when all else was freed.

        Raises:
            EngineBusyError: It is more than was held, and more than is free now.
        """
        if nbytes > self._nbytes:
            self.add(nbytes - self._nbytes)
        else:
            self._budget.give(self._nbytes - nbytes, self._job)
            self._nbytes = nbytes
