"""Drawing of heatmaps: a matrix as coloured cells with two axes."""

import numpy as np

from probes.figures.figures import Heatmap, Tensor
from probes.output.drawing.axes import Labels, Track, frame, in_a_row, step_cell
from probes.output.drawing.colour_bar import colour_bar
from probes.output.drawing.marks import Area, Block, Length, Picture, outline
from probes.output.drawing.shading import is_photograph, one_channel, shade

_ROWS_HEIGHT = 260
"""Approximate height of all rows of a heatmap in pixels."""

_ROW_HEIGHT = 24
"""Largest height of a heatmap's row in pixels."""


def heatmap_block(figure: Heatmap, shared: Labels | None) -> Block:
    """Draw a heatmap; on a shared axis its columns are aligned with other panels."""
    tensor = one_channel(figure.tensor)
    own = tensor.labels(figure.x)
    labels = shared or in_a_row(own) or own
    is_map = set(tensor.axes) == {"y", "x"}  # maps have square cells
    cell = max(_ROWS_HEIGHT // len(labels), 1) if is_map else step_cell(len(labels))
    track = Track(figure.x, labels, cell)
    down = _rows(tensor, figure.x, cell if is_map else _ROW_HEIGHT)
    side = tensor.axes.index(figure.x)
    # Colours are found before axes are merged, since a range per channel needs the channel axis.
    shaded = shade(figure.tensor)
    pixels = np.moveaxis(shaded.pixels, side, -2).reshape(-1, len(own), 3)
    missing = np.moveaxis(shaded.missing, side, -1).reshape(-1, len(own))
    left, height = float(track.middles(own[:1])[0]) - track.cell / 2, down.length
    picture = Picture(left, 0, track.cell * len(own), height, pixels, missing)
    area = Area(tensor.name, (), left, 0, picture.width, height)
    marks = (outline(left, 0, picture.width, height), picture)
    data = Block(track.length, height, marks, (area,))
    upright = down.axis(upright=True) if down.name else None
    bar = None if is_photograph(figure.tensor) else colour_bar(shaded, height)
    return frame(data, upright, track.axis(), bar)


def _rows(tensor: Tensor, x: str, most: Length) -> Track:
    """Return a heatmap's vertical track: that of the other axis, or indices over several axes."""
    others = [axis for axis in tensor.axes if axis != x]
    count = tensor.values.size // tensor.values.shape[tensor.axes.index(x)]
    height = max(_ROWS_HEIGHT // count, 1 if count > _ROWS_HEIGHT else 2)
    if len(others) == 1:
        own = tensor.labels(others[0])
        return Track(others[0], in_a_row(own) or own, min(height, most))
    return Track(" x ".join(others), range(count), min(height, most))
