"""Bytes that runs of probes hold: calls in flight, and results kept until the end."""

from math import prod

CALL_BYTES = 4096
"""Bytes of the Python objects that hold a call in flight, its row and its outputs."""

RESULT_BYTES = 1024
"""Bytes of the Python objects that hold one result of a run until its end."""


def floats(*shape: int, size: int = 4) -> int:
    """Return the bytes that an array of a shape holds.

    Args:
        shape: Lengths of its axes.
        size: Bytes of a value: 4 of float32, 8 of float64.
    """
    return prod(shape) * size


def in_flight(calls: int, row: int, outputs: int) -> int:
    """Return the bytes that calls hold until a run has their outputs.

    Args:
        calls: Number of calls.
        row: Bytes of the row of each.
        outputs: Bytes of the outputs of each.
    """
    return calls * (row + outputs + CALL_BYTES)


def kept(results: int, outputs: int) -> int:
    """Return the bytes that results of a run hold until its end.

    Args:
        results: Number of results.
        outputs: Bytes of each.
    """
    return results * (outputs + RESULT_BYTES)
