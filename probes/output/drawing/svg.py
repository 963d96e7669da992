"""SVG of pictures: shapes, text in an embedded font, and maps as small images of their values."""

import math
from base64 import b64encode
from collections.abc import Iterator
from functools import cache
from xml.sax.saxutils import escape

import numpy as np
from jaxtyping import Bool, Float

from models.data import png
from models.runtime.cancellation import raise_if_cancelled
from probes.output.drawing.marks import (
    PAINTED_MORE,
    Block,
    Boxes,
    Dot,
    Group,
    Length,
    Maps,
    Mark,
    Picture,
    Polygon,
    Rectangle,
    Sketch,
    Stroke,
    Text,
    edges,
    size_of,
    walk,
)
from probes.output.drawing.text import (
    FAMILY,
    baseline,
    font_file,
    letter_starts,
    spelled,
    width_before,
    writable,
)
from probes.output.drawing.themes import NAN_COLOURS, Theme

Origin = tuple[Length, Length]

_FAMILIES = f"{FAMILY},Bitstream Vera Sans,DejaVu Sans,Verdana,sans-serif"
"""Fonts of text in SVG: the embedded one, and those of the reader for signs such as ×."""


def svg(block: Block, scale: Length, theme: Theme, title: str) -> bytes:
    """Write a block as SVG; equal blocks give equal bytes.

    Args:
        block: Page of a figure.
        scale: Pixels of the picture for each of the block.
        theme: Colours of ground, text and frames.
        title: Title of the document.
    """
    width, height = size_of(block, scale)
    size = f'width="{width}" height="{height}"'
    view = f'viewBox="0 0 {number(width / scale)} {number(height / scale)}"'
    # Spaces are preserved, as each letter has its place: by the root for viewers without CSS.
    root = f'{size} {view} xml:space="preserve" font-family="{_FAMILIES}"'
    writer = _Writer(theme)
    lines: list[str] = []
    for x, y, part in walk(block):
        for mark in part.marks:
            lines += writer.mark(mark, x, y)
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {root} font-kerning="none" fill="none">',
        f"<title>{escape(writable(title))}</title>",
        _style(),
        *([_hatch()] if writer.has_missing else []),
        f'<rect width="100%" height="100%" fill="{theme.hexadecimal("ground")}"/>',
    ]
    return "\n".join([*head, *lines, "</svg>\n"]).encode()


def number(length: Length) -> str:
    """Write a length in SVG with at most two decimals.

    >>> number(2.0), number(0.123), number(-0.001)
    ('2', '0.12', '0')
    """
    written = f"{length:.2f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


@cache
def _style() -> str:
    """Embed the font of text in an SVG: a viewer without it has other widths."""
    source = f"data:font/ttf;base64,{b64encode(font_file()).decode()}"
    face = f'@font-face{{font-family:{FAMILY};src:url("{source}")}}'
    # Hinted by Chromium, an i of a title has no dot.
    return f"<style>{face}text{{white-space:pre;text-rendering:geometricPrecision}}</style>"


def _hatch() -> str:
    """Return the pattern of values that are not finite."""
    ground, stripe = (f"#{bytes(colour).hex()}" for colour in NAN_COLOURS)
    return (
        '<pattern id="missing" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<path d="M0 0h6v6h-6z" fill="{ground}"/>'
        f'<path d="M-1 3L3 -1M-1 9L9 -1M3 9L9 3" stroke="{stripe}" stroke-width="1.4"/></pattern>'
    )


class _Writer:
    """Writer of the elements of one SVG.

    Attributes:
        has_missing: Whether an element is hatched.
    """

    def __init__(self, theme: Theme) -> None:
        self.theme = theme
        self.has_missing = False

    def mark(self, mark: Mark, x: Length, y: Length) -> Iterator[str]:
        """Write the elements of a mark at the corner of its block."""
        raise_if_cancelled()
        match mark:
            case Text():
                if mark.words:
                    yield self._text(mark, x + mark.x, y + mark.y)
            case Rectangle():
                yield self._rectangle(mark, (x, y))
            case Picture():
                yield from self._picture(mark, (x, y))
            case Boxes() | Maps() | Group():
                for each in mark.parts():
                    yield from self.mark(each, x, y)
            case Sketch():
                yield self._sketch(mark, (x, y))

    def _text(self, mark: Text, x: Length, y: Length) -> str:
        foot, words = y + baseline(mark.size), spelled(mark.words)
        turned = f' transform="rotate(-90 {number(x)} {number(y)})"' if mark.upward else ""
        before = width_before(words, mark.size, mark.anchor)
        if mark.upward:
            start = x - before
        else:
            # On whole pixels, as Pillow rounds them: letters between two rows of pixels are pale.
            start, foot = math.floor(x + 0.5) - math.floor(before + 0.5), math.floor(foot)
        places = " ".join(
            number(start + place)
            for letter, place in zip(words, letter_starts(words, mark.size), strict=True)
            for _ in range(1 + (letter > "\uffff"))  # places are those of UTF-16 code units
        )
        return (
            f'<text x="{places}" y="{number(foot)}" font-size="{mark.size}"'
            f' fill="{self.theme.hexadecimal(mark.colour)}"{turned}>{escape(words)}</text>'
        )

    def _rectangle(self, mark: Rectangle, origin: Origin) -> str:
        left, top, right, bottom = edges(mark, origin)
        colour, border = self.theme.hexadecimal(mark.colour), round(mark.border)
        if not border:
            return _rectangle(left, top, right - left, bottom - top, f'fill="{colour}"')
        inside, half = f'stroke="{colour}" stroke-width="{border}"', border / 2
        sides = right - left - border, bottom - top - border
        return _rectangle(left + half, top + half, *sides, inside)

    def _picture(self, mark: Picture, origin: Origin) -> Iterator[str]:
        left, top, right, bottom = edges(mark, origin)
        width, height = right - left, bottom - top
        pixels = mark.pixels
        if mark.opacity is not None:
            pixels = np.concatenate([pixels, mark.opacity[..., None]], axis=-1)
        yield (
            f'<image x="{left}" y="{top}" width="{width}" height="{height}" '
            'preserveAspectRatio="none" image-rendering="pixelated" '
            f'href="data:image/png;base64,{b64encode(png.encode(pixels)).decode()}"/>'
        )
        if mark.missing is not None and mark.missing.any():
            self.has_missing = True
            rows, columns = mark.missing.shape
            cell = width / columns, height / rows
            yield f'<path fill="url(#missing)" d="{_cells(mark.missing, (left, top), cell)}"/>'

    def _sketch(self, mark: Sketch, origin: Origin) -> str:
        left, top, right, bottom = edges(mark, origin)
        size = f'width="{right - left}" height="{bottom - top}"'
        shapes = "".join(self._shape(shape) for shape in mark.parts())
        return f'<svg x="{left}" y="{top}" {size} stroke-linejoin="round">{shapes}</svg>'

    def _shape(self, shape: Stroke | Dot | Polygon) -> str:
        colour = self.theme.hexadecimal(shape.colour)
        match shape:
            case Stroke():
                line = f'stroke="{colour}" stroke-width="{number(shape.thickness)}"'
                return f'<polyline points="{_points(shape.points)}" {line}/>'
            case Dot():
                place = f'cx="{number(shape.x)}" cy="{number(shape.y)}"'
                return (
                    f'<circle {place} r="{number(shape.radius + PAINTED_MORE)}" fill="{colour}"/>'
                )
            case Polygon():
                return f'<polygon points="{_points(shape.points)}" fill="{colour}"/>'


def _rectangle(x: Length, y: Length, width: Length, height: Length, paint: str) -> str:
    size = f'width="{number(width)}" height="{number(height)}"'
    return f'<rect x="{number(x)}" y="{number(y)}" {size} {paint}/>'


def _points(points: Float[np.ndarray, "points 2"]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in points.tolist())


def _cells(
    missing: Bool[np.ndarray, "rows columns"], corner: Origin, cell: tuple[Length, Length]
) -> str:
    """Return the path around each pixel of an image that is hatched in the SVG."""
    width, height = number(cell[0]), number(cell[1])
    return "".join(
        f"M{number(corner[0] + column * cell[0])} {number(corner[1] + row * cell[1])}"
        f"h{width}v{height}h-{width}z"
        for row, column in np.argwhere(missing).tolist()
    )
