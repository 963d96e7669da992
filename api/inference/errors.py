"""Errors of the engine: a request is refused before anything is computed for it."""


class EngineNotReadyError(Exception):
    """The programs that a request needs are still being compiled."""


class EngineClosedError(Exception):
    """The engine is stopping, and accepts no more requests."""


class EngineBusyError(Exception):
    """The requests in flight, or the rows of their analyses, have reached their limit."""
