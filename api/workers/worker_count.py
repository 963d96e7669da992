"""Worker count: number of processes by the setting `workers`, the processors and the chips."""

from api.settings import MOST_BY_ITSELF, Settings
from api.workers.chips import Chips
from api.workers.division import SUPERVISOR_BYTES
from models.runtime.processors import processors

LEAST_BYTES = 64 * 2**20
"""Smallest memory budget of one worker that a number in the settings may lead to."""

AUTOMATIC_BYTES = 384 * 2**20
"""Memory budget that `auto` leaves to each worker: the networks that ship take 300 MiB of it."""


class WorkerCountError(Exception):
    """Number of workers that this machine cannot have: a sentence that names it and the way out."""


def worker_count(settings: Settings, chips: Chips) -> int:
    """Return the number of worker processes of a server.

    Raises:
        WorkerCountError: The setting asks for more than there are chips, or than have memory.
    """
    found, available = settings.workers, settings.memory - SUPERVISOR_BYTES
    if found == "auto":
        if chips.names:
            return len(chips.names)
        return max(1, min(MOST_BY_ITSELF, processors(), available // AUTOMATIC_BYTES))
    if found > 1 and 0 < len(chips.names) < found:
        msg = (
            f"setting workers: {found} processes need a chip each, and {chips.variable} has "
            f"{len(chips.names)}: choose fewer, or auto"
        )
        raise WorkerCountError(msg)
    if found > 1 and available < found * LEAST_BYTES:
        mib = (found * LEAST_BYTES + SUPERVISOR_BYTES) // 2**20
        msg = (
            f"setting workers: {found} processes need {mib}MiB of memory at least: choose fewer, "
            "or more by --memory"
        )
        raise WorkerCountError(msg)
    return found
