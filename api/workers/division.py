"""Division: the share of each of several processes in the limits of one server."""

from api.settings import Settings

SUPERVISOR_BYTES = 64 * 2**20
"""Part of the memory budget of the supervisor and its helper process, which took 55 MiB."""

SHARED = ("queue_rows", "max_requests", "analysis_rows", "connections_per_address", "connections")
"""Settings of numbers that processes share, and of which one that is not set has no number."""


def divided(settings: Settings, processes: int) -> Settings:
    """Return the settings of one of several processes: its share of every limit.

    Limits that are not set follow from its share of `memory`. Shares are rounded down, so that all
    together stay below the limit, but each is at least 1.

    Args:
        settings: Those of the server.
        processes: Processes that share the limits.
    """
    if processes == 1:
        return settings
    update: dict[str, object] = {
        name: None if (given := getattr(settings, name)) is None else max(1, given // processes)
        for name in (*SHARED, "queue_bytes", "body_bytes", "burst")
    }
    update["memory"] = (settings.memory - SUPERVISOR_BYTES) // processes
    if settings.rate is not None:
        update["rate"] = settings.rate / processes
    return settings.model_copy(update=update)
