"""Jobs: the work of one request on the device and in CPU threads, with its client and deadline."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from api.inference.errors import DeadlineError, JobCancelledError

UNKNOWN_CLIENT = "unknown"
"""Client of a job without a peer, as over a Unix socket or from an ASGI test client."""


@dataclass(eq=False, slots=True)
class Job:
    """Job of one request: every row that it queues and its CPU work carry it.

    Attributes:
        client: Name of the client, whose jobs share turns.
        deadline: End of all work of the job, by `time.monotonic`, in seconds.
        is_analysis: Whether it waits for interactive jobs: it has many rows, or several inputs. Set
            before it queues anything.
        is_admitted: Whether its rows are admitted as a whole, so that no queue refuses them; such a
            job may compute for long between its calls.
        is_cancelled: Whether its request has ended, so that its CPU work stops.
        group: Number of its group: of a client's jobs, those of the lowest number take turns.
        turn: Number of its last turn, or of its arrival; 0 before it.
        device_s: Seconds of the device so far: its share of each batch.
        cpu_s: Seconds of CPU threads so far.
        compiled_s: Seconds for which it has waited for the compilation of programs.
    """

    client: str = UNKNOWN_CLIENT
    deadline: float = math.inf
    is_analysis: bool = False
    is_admitted: bool = False
    is_cancelled: bool = field(default=False, init=False)
    group: int = field(default=0, init=False)
    turn: int = field(default=0, init=False)
    device_s: float = field(default=0.0, init=False)
    cpu_s: float = field(default=0.0, init=False)
    compiled_s: float = field(default=0.0, init=False)

    @contextmanager
    def waiting_for_compilation(self) -> Iterator[None]:
        """Count the seconds of a block in which the job waits for the compilation of a program."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.compiled_s += time.monotonic() - began

    def check(self) -> None:
        """Raise an error unless the job's result is still waited for.

        Raises:
            JobCancelledError: Its request has ended.
            DeadlineError: Its deadline has passed.
        """
        if self.is_cancelled:
            raise JobCancelledError
        if time.monotonic() >= self.deadline:
            raise DeadlineError
