"""Digits drawn on the page's pad as strokes, each digit in at least eight hands."""

import io
import itertools
import json
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from tests.servers import ROOT

PATH = ROOT / "tests" / "data" / "drawings.json"
SPAN = 254
"""Largest coordinate of a point, as in `api/static/sdk/strokes.js`."""

_SIDE = 280
_WIDTH = 0.09  # of a stroke, as a fraction of the side: as in strokes.js
_SCALE = 4  # supersampling, in place of the anti-aliasing of a browser's canvas


class Drawing(NamedTuple):
    """One drawn digit.

    Attributes:
        hand: The person and device, which set size, slant, wobble and the distance of points.
        form: The shape of the digit, such as `open` for a 4; of a 1 with an upstroke also its
            height as a fraction of the digit's.
        strokes: Points [x, y] of each stroke, from 0 (left, top) to `SPAN`.
    """

    digit: int
    hand: str
    form: str
    strokes: list[list[list[int]]]

    @property
    def name(self) -> str:
        """Digit, hand and form, for messages."""
        return f"{self.digit}, {self.hand}, {self.form}"

    def png(self) -> bytes:
        """The drawing as a PNG of 280×280, as the pad's `toBlob` renders it."""
        side, radius = _SIDE * _SCALE, _WIDTH * _SIDE * _SCALE / 2
        picture = Image.new("L", (side, side))
        brush = ImageDraw.Draw(picture)
        for stroke in self.strokes:
            places = [(x * side / SPAN, y * side / SPAN) for x, y in _smooth(stroke)]
            brush.line(places, fill=255, width=round(2 * radius))
            for place in places:  # round joints and ends
                brush.circle(place, radius, fill=255)
        file = io.BytesIO()
        picture.resize((_SIDE, _SIDE), Image.Resampling.BOX).save(file, "PNG")
        return file.getvalue()


def _smooth(stroke: list[list[int]]) -> list[tuple[float, float]]:
    """Points on the quadratic curves that `drawStrokes` in strokes.js draws through a stroke."""
    points = np.array(stroke, float)
    curve, start = [points[0]], points[0]
    shares = np.linspace(0, 1, 9)[1:, None]
    for bend, after in itertools.pairwise(points[1:]):
        end = (bend + after) / 2
        curve.extend((1 - shares) ** 2 * start + 2 * shares * (1 - shares) * bend + shares**2 * end)
        start = end
    return [(float(x), float(y)) for x, y in (*curve, points[-1])]


def drawings() -> list[Drawing]:
    """All drawings, by digit."""
    return [Drawing(**one) for one in json.loads(PATH.read_text(encoding="utf-8"))]
