"""Task: part of one worker process in a server, as its supervisor hands it over."""

from collections.abc import Mapping
from typing import NamedTuple

from api.settings import Settings


class Task(NamedTuple):
    """Part of one worker process in a server.

    Attributes:
        settings: Those of the server.
        processes: Workers of the server, which share its limits.
        slot: Number of the worker, from 0 on; one that takes its place has the same.
        environment: Variables of the worker alone, such as the number of its chip.
        folder: Metrics folder of the server.
        made_up: Token to print, which no user has set; None without one.
        announced_since: When the server was started, by `time.monotonic`, for the worker that
            prints its address, and when it is ready; None for all others.
    """

    settings: Settings
    processes: int
    slot: int
    environment: Mapping[str, str]
    folder: str
    made_up: str | None
    announced_since: float | None
