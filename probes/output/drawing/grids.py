"""Grids of tiles on a canvas: tiles at equal distances, which are painted at once."""

from collections.abc import Iterator
from typing import NamedTuple


class Places(NamedTuple):
    """Places of tiles in a grid on a canvas.

    Attributes:
        left: Left side of the first tile, in pixels.
        top: Its upper side.
        across: Tiles in a row.
        down: Rows of tiles.
        pitch: Distance of the left sides of two tiles.
        drop: Distance of the upper sides of two rows.
    """

    left: int
    top: int
    across: int = 1
    down: int = 1
    pitch: int = 0
    drop: int = 0

    def with_row(self, row: "Places") -> "Places | None":
        """Return the places with one more row of tiles below; None where it is none of the grid."""
        drop = row.top - self.top if self.down == 1 else self.drop
        if (row.left, row.across, row.pitch) != (self.left, self.across, self.pitch):
            return None
        is_next = drop > 0 and row.top == self.top + self.down * drop
        return self._replace(down=self.down + 1, drop=drop) if is_next else None


def in_grids(corners: list[list[int]]) -> Iterator[tuple[int, int, Places]]:
    """Split tiles into grids of equal distances: of each the first, the end and the places."""
    start, held = 0, None
    for first, last, pitch in _in_rows(corners):
        left, top = corners[first]
        row = Places(left, top, last - first, 1, pitch)
        if held and (wider := held.with_row(row)):
            held = wider
            continue
        if held:
            yield start, first, held
        start, held = first, row
    if held:
        yield start, len(corners), held


def _in_rows(corners: list[list[int]]) -> Iterator[tuple[int, int, int]]:
    """Split tiles into rows of equal distances: of each the first, the end and the distance."""
    first = 0
    for at in range(1, len(corners) + 1):
        if at < len(corners):
            step = corners[at][0] - corners[at - 1][0]
            is_level = corners[at][1] == corners[first][1]
            if at == first + 1:
                pitch = step
            if is_level and step == pitch > 0:
                continue
        yield first, at, pitch if at > first + 1 else 0
        first = at
