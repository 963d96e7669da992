"""Errors of the engine: why a request is refused, or was not computed to its end."""


class EngineNotReadyError(Exception):
    """Error of an engine that is still compiling the programs that a request needs."""


class ModelLeftOutError(Exception):
    """Error of a model that the engine has left out when its weights were tried at the start."""


class EngineClosedError(Exception):
    """Error of an engine that is stopping, and accepts no more requests."""


class EngineBusyError(Exception):
    """Error of an engine that has too much work for one more request.

    Args:
        message: The limit that is reached.
        retry_after_s: Estimated seconds until an equal request would be admitted.
    """

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueFullError(EngineBusyError):
    """Error of a batching queue at its limit of items, bytes or time to wait."""

    def __init__(self, retry_after_s: float = 1.0) -> None:
        message = "The queue of this program is full: it has reached its limit of rows or bytes."
        super().__init__(message, retry_after_s)


class DeadlineError(Exception):
    """Error of work whose deadline passed before it was begun or, in a CPU thread, finished."""


class JobCancelledError(Exception):
    """Error of CPU work whose request was cancelled; no one waits for it."""


class DeviceMemoryError(Exception):
    """Error of a single row for which the device has not enough memory."""


class DeviceHungError(Exception):
    """Error of a device call that has not returned for longer than any call takes."""


class CompilationDeadlineError(Exception):
    """Error of an analysis that took longer to compile, when first asked for, than a request may.

    The compilation goes on, so that the same request may succeed later.
    """
