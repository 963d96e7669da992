"""Cancellation of long computations in threads: cooperative, at places that they choose."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import local


class _Current(local):
    check: Callable[[], None] | None = None


_current = _Current()


@contextmanager
def cancelled_by(check: Callable[[], None]) -> Iterator[None]:
    """Let a function cancel the computation of this thread, within a `with` statement.

    Args:
        check: Raises an exception once the computation is to end; called often.
    """
    before, _current.check = _current.check, check
    try:
        yield
    finally:
        _current.check = before


def raise_if_cancelled() -> None:
    """Raise the exception of a cancelled computation; call it in loops that take long.

    It costs less than a microsecond, and does nothing in a thread that nothing cancels.
    """
    if _current.check is not None:
        _current.check()
