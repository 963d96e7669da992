"""Device memory: a batch for which it does not suffice is run in halves."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from api.inference.errors import DeviceMemoryError

Item = TypeVar("Item")
Result = TypeVar("Result")

EXHAUSTED = "RESOURCE_EXHAUSTED"
"""Status in the message of XLA's error for an allocation on the device that failed."""


def in_halves(
    work: Callable[[Sequence[Item]], Sequence[Result]],
) -> Callable[[list[Item]], Sequence[Result | Exception]]:
    """Return a batch's work that, where the device's memory does not suffice, runs two halves.

    Each half is run once; the items of a half that fails too have a `DeviceMemoryError` each as
    their result. Other errors are raised.
    """

    def run(items: list[Item]) -> Sequence[Result | Exception]:
        found = _unless_exhausted(work, items)
        if found is None and len(items) > 1:
            middle = (len(items) + 1) // 2
            halves = items[:middle], items[middle:]
            return [one for half in halves for one in _or_errors(work, half)]
        return found or [_too_large()]

    return run


def _or_errors(
    work: Callable[[Sequence[Item]], Sequence[Result]], items: list[Item]
) -> Sequence[Result | Exception]:
    found = _unless_exhausted(work, items)
    return [_too_large() for _ in items] if found is None else found


def _unless_exhausted(
    work: Callable[[Sequence[Item]], Sequence[Result]], items: list[Item]
) -> Sequence[Result] | None:
    """Run the work of a batch; None where the device's memory does not suffice."""
    try:
        return work(items)
    except Exception as error:
        if EXHAUSTED not in str(error):
            raise
        return None


def _too_large() -> DeviceMemoryError:
    return DeviceMemoryError("The device has not enough memory for this request now.")
