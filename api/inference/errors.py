"""Errors of the engine: a request is refused before anything is computed for it."""


class EngineNotReadyError(Exception):
    """Error of an engine that is still compiling the programs that a request needs."""


class EngineClosedError(Exception):
    """Error of an engine that is stopping, and accepts no more requests."""


class EngineBusyError(Exception):
    """Error of an engine at its limit of requests in flight, or of the rows of their analyses."""


class CompilationDeadlineError(Exception):
    """Error of an analysis that took longer to compile, when first asked for, than a request may.

    The compilation goes on, so that the same request may succeed later.
    """
