"""Hang-ups: the signal SIGHUP, by which the server's process loads replaced files."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable

SIGHUP: int | None = getattr(signal, "SIGHUP", None)
"""Number of the signal; None on a platform without it."""

NO_HANG_UPS = (
    "this system has no SIGHUP: replaced files are served after a restart, or by Engine.reload()"
)

STANDARD_INPUT = 0

logger = logging.getLogger("lightwell")


class HangUps:
    """Hang-ups of one process, which no longer end it. Those that come early are kept.

    A terminal that closes sends SIGHUP too.

    Attributes:
        is_early: Whether a hang-up came before `handle` was called.
    """

    def __init__(self) -> None:
        self.is_early = False
        self._has_terminal = os.isatty(STANDARD_INPUT)
        if SIGHUP is not None:
            signal.signal(SIGHUP, self._keep)

    def _keep(self, *_: object) -> None:
        self.is_early = True

    def handle(self, handle: Callable[[], None]) -> None:
        """Handle hang-ups on the running event loop from now on, and one that came before."""
        if SIGHUP is None:
            logger.warning(NO_HANG_UPS)
            return
        asyncio.get_running_loop().add_signal_handler(SIGHUP, handle)
        if self.is_early:
            handle()

    @property
    def has_lost_terminal(self) -> bool:
        """Whether the terminal in which the process was started has closed."""
        return self._has_terminal and not os.isatty(STANDARD_INPUT)
