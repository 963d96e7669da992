"""Stopping: lines of the stopping server on standard output."""

import time

from api import STARTED


def announce_draining(drain_s: float) -> None:
    """Announce that a signal stops the server after the requests in flight.

    Args:
        drain_s: Seconds in which new requests are still answered.
    """
    more = f"new requests for {drain_s:g} s more, and " if drain_s else ""
    # A terminal has `^C` at the start of the line.
    print(
        f"\nStopping: it answers {more}requests in flight. A second Ctrl-C stops it at once.",
        flush=True,
    )


def announce_stopped(since: float = STARTED) -> None:
    """Announce that the server has stopped."""
    minutes, seconds = divmod(round(time.monotonic() - since), 60)
    hours, minutes = divmod(minutes, 60)
    parts = (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "", f"{seconds} s")
    print(f"Stopped after {' '.join(part for part in parts if part)}. Goodbye.", flush=True)
