"""CPU time of matplotlib's `imshow` for layers of maps, run in a virtual environment of its own.

`python -m scripts.bench.imshow LAYERS.npz DRAWINGS` prints CPU seconds of each drawing as JSON.
"""

import io
import json
import sys
import time
from collections.abc import Callable, Mapping

import matplotlib  # type: ignore[import-not-found]
import numpy as np

matplotlib.use("Agg")

from matplotlib import pyplot as plt

SIZE, DPI, COLUMNS = (16.0, 9.0), 100, 8
"""Inches of a picture of `imshow`, pixels an inch, and maps in a row of a layer."""

Layers = Mapping[str, np.ndarray]


def by_layer(layers: Layers) -> bytes:
    """Draw each layer by one `imshow` of its maps joined, with a title and a colour bar."""
    figure, places = plt.subplots(1, len(layers), figsize=SIZE, dpi=DPI, layout="tight")
    for place, (name, maps) in zip(places, layers.items(), strict=True):
        place.set_title(name)
        place.axis("off")
        figure.colorbar(place.imshow(_joined(maps), interpolation="nearest"), ax=place)
    return _saved(figure)


def by_map(layers: Layers) -> bytes:
    """Draw each map by an `imshow` in axes of its own, with its number as title."""
    figure = plt.figure(figsize=SIZE, dpi=DPI)
    parts = np.atleast_1d(figure.subfigures(1, len(layers)))
    for part, (name, maps) in zip(parts, layers.items(), strict=True):
        part.suptitle(name)
        for number, (one, place) in enumerate(zip(maps, _places(part, len(maps)), strict=False)):
            place.imshow(one, vmin=maps.min(), vmax=maps.max(), interpolation="nearest")
            place.set_title(str(number), fontsize=6)
            place.axis("off")
    return _saved(figure)


def _places(part: "matplotlib.figure.SubFigure", count: int) -> np.ndarray:
    found: np.ndarray = part.subplots(-(-count // COLUMNS), COLUMNS).ravel()
    return found


def _joined(maps: np.ndarray) -> np.ndarray:
    """Return the maps of a layer beside and below each other, as one image for `imshow`."""
    count, high, wide = maps.shape
    rows = -(-count // COLUMNS)
    padded = np.full((rows * COLUMNS, high + 1, wide + 1), np.nan, maps.dtype)
    padded[:count, :high, :wide] = maps
    grid = padded.reshape(rows, COLUMNS, high + 1, wide + 1)
    return grid.transpose(0, 2, 1, 3).reshape(rows * (high + 1), -1)


def _saved(figure: "matplotlib.figure.Figure") -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    return file.getvalue()


WAYS: Mapping[str, Callable[[Layers], bytes]] = {"by_layer": by_layer, "by_map": by_map}


def main(path: str, drawings: int) -> None:
    """Time drawings of the layers in a file, the first of each way apart, and print them."""
    with np.load(path) as held:
        layers = dict(held)
    found: dict[str, list[float]] = {}
    for name, draw in WAYS.items():
        draw(layers)
        found[name] = []
        for _ in range(drawings):
            began = time.process_time()
            draw(layers)
            found[name].append(time.process_time() - began)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
