"""Errors of the engine: a request is refused before anything is computed for it."""


class EngineNotReadyError(Exception):
    """The engine still compiles the programs that a request needs."""


class EngineClosedError(Exception):
    """The engine is stopping, and accepts no more requests."""


class EngineBusyError(Exception):
    """The engine's requests in flight, or the rows of their analyses, have reached their limit."""
