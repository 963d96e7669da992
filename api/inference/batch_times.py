"""Batch times: measured seconds of a program's batches, by batch size."""

from collections.abc import Sequence

SMOOTHING = 0.25
"""Weight of a new measurement in the smoothed time of a batch."""

UNKNOWN_BATCH_S = 0.005
"""Seconds of a batch that has not been measured: batch sizes are declared for about as much."""

FORGETTING = 0.98
"""Factor of a batch time at each batch that it kept small, so that it is measured again."""


class BatchTimes:
    """Smoothed times of one program's batches; they decide how many rows a slice has.

    Args:
        sizes: Batch sizes, ascending: a batch of fewer rows takes the time of the next size.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self._seconds: dict[int, float] = {}

    def measured(self, rows: int, seconds: float) -> None:
        """Add the time that a batch of some rows took, in seconds."""
        size = self._size(rows)
        known = self._seconds.get(size, seconds)
        self._seconds[size] = known + SMOOTHING * (seconds - known)

    def most_rows(self, slice_s: float) -> int:
        """Return the largest batch size whose batch takes the seconds of a slice, or the smallest.

        A size of up to twice these seconds is taken too where it halves the time of a row.
        """
        best = self.sizes[0]
        for size in self.sizes[1:]:
            seconds = self._seconds.get(size, UNKNOWN_BATCH_S)
            small = self._seconds.get(best, UNKNOWN_BATCH_S)
            is_cheap = seconds <= 2 * slice_s and seconds / size <= small / best / 2
            if seconds > slice_s and not is_cheap:
                self._seconds[size] = seconds * FORGETTING
                break
            best = size
        return best

    def seconds(self, rows: int) -> float:
        """Return the estimated seconds of a batch of some rows."""
        return self._seconds.get(self._size(rows), UNKNOWN_BATCH_S)

    @property
    def row_s(self) -> float:
        """Estimated seconds of a row in a full batch."""
        largest = self.sizes[-1]
        return self._seconds.get(largest, UNKNOWN_BATCH_S) / largest

    def _size(self, rows: int) -> int:
        return next((size for size in self.sizes if size >= rows), self.sizes[-1])
