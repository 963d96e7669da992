"""Room of the parts of a picture: sizes of maps, bars and axes."""

from dataclasses import dataclass

from probes.output.drawing.marks import Length


@dataclass(frozen=True)
class Room:
    """Room of each figure in a layout, in pixels at scale 1.

    Attributes:
        tile: Side of a map, relative to that in a picture of its own.
        table: Longer side of a table of maps.
        length: Longest axis of cells, unless they are a pixel each.
        row: Largest height of a heatmap's row.
        rows: Approximate height of all rows of a heatmap.
        height: Height of lines and of upright bars.
        bar: Length of a printed bar.
        pitch: Distance of printed bars.
        plot: Width of a scatter plot.
    """

    tile: Length = 1.0
    table: int = 920
    length: int = 800
    row: int = 24
    rows: int = 260
    height: int = 180
    bar: int = 400
    pitch: int = 26
    plot: int = 420


AMPLE = Room()
"""Room of a figure that has a picture for itself."""

ROOMS = (
    AMPLE,
    Room(table=720, length=560, row=21, rows=230, height=160, bar=280),
    Room(0.86, table=720, length=520, row=20, rows=210, height=145, bar=240, pitch=24, plot=380),
    Room(0.75, table=640, length=480, row=19, rows=200, height=130, bar=220, pitch=23, plot=340),
    Room(0.64, table=560, length=400, row=18, rows=180, height=110, bar=180, pitch=20, plot=310),
    Room(0.5, table=440, length=340, row=16, rows=160, height=100, bar=150, pitch=19, plot=280),
    Room(0.5, table=360, length=240, row=15, rows=130, height=90, bar=120, pitch=18, plot=230),
)
"""Rooms of the parts of a slide, of which the first is taken in which all fit on it."""
