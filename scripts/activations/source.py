"""Source of a data set in `--data` of scripts.activations: its place, and a slice of its rows."""

import re
from pathlib import Path
from typing import NamedTuple

from models.data.datasets import DatasetError

PICTURES = frozenset({".png", ".jpg", ".jpeg"})
"""Suffixes of the files that scripts.activations reads in a folder of pictures."""

_SLICED = re.compile(r"(?P<place>.+)\[(?P<start>[^:\]]*):(?P<stop>[^:\]]*)\]")
_BOUND = re.compile(r"(?P<number>-?\d+)(?P<percent>%?)|")


class Source(NamedTuple):
    """Source of a data set of scripts.activations.

    Attributes:
        place: Split of MNIST, `name:split` of TensorFlow Datasets, or a path.
        start: First row, as written: a number, perhaps negative or with `%`; empty for the first.
        stop: Row after the last, as written; empty for the end.
    """

    place: str
    start: str = ""
    stop: str = ""

    def rows(self, count: int) -> range:
        """Return the rows that a source of scripts.activations selects among all.

        Raises:
            DatasetError: There are none.
        """
        start = _index(self.start, count, 0)
        found = range(start, max(start, _index(self.stop, count, count)))
        if not found:
            msg = f"{self.place} has {count:,} rows, and the slice [{self.start}:{self.stop}] none"
            raise DatasetError(msg)
        return found


def parse_source(text: str) -> Source:
    """Parse `--data` of scripts.activations: `test[:1000]`, `mnist:train[10%:20%]`, a path.

    Raises:
        DatasetError: The part in brackets is no slice.
    """
    # A path may have brackets of its own.
    if Path(text).exists() or not text.endswith("]"):
        return Source(text)
    sliced = _SLICED.fullmatch(text)
    if sliced is None or not (_BOUND.fullmatch(sliced[2]) and _BOUND.fullmatch(sliced[3])):
        msg = f"'{text}' ends in no slice [start:stop] of numbers or percents, such as [:1000]"
        raise DatasetError(msg)
    return Source(sliced[1], sliced[2], sliced[3])


def _index(bound: str, count: int, default: int) -> int:
    """Return the row that a bound of a slice of scripts.activations names, within the data set."""
    found = _BOUND.fullmatch(bound)
    if not bound or found is None:
        return default
    number = int(found["number"])
    if found["percent"]:
        # Rounded as TensorFlow Datasets does.
        number = round(count * number / 100)
    return min(max(number + count if number < 0 else number, 0), count)
