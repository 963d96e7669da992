"""Report: state of a worker process, with which it answers the supervisor's health check."""

from typing import NamedTuple


class Report(NamedTuple):
    """State of a worker process.

    Attributes:
        is_ready: Whether it accepts connections, which it does once it is warm.
        is_cached: Whether its programs were in the cache, those of predictions and traces at least.
        is_settled: Whether all its programs are compiled, or have failed to be.
        is_hung: Whether a call of its device does not return.
        reloads: Reloads of weights that have ended.
    """

    is_ready: bool = False
    is_cached: bool = False
    is_settled: bool = False
    is_hung: bool = False
    reloads: int = 0
