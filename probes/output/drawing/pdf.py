"""PDF of pictures by ReportLab: shapes, searchable text, and maps as images of their values."""

import io
import math
from functools import cache, lru_cache
from itertools import pairwise
from threading import Lock

import numpy as np
from jaxtyping import UInt8
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import ShapeData, ShapedStr, TTFont
from reportlab.pdfgen.canvas import Canvas

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
    SIGNS,
    SIGNS_SIZE,
    Family,
    baseline,
    font_file,
    hinted_shift,
    letter_ends,
    runs,
    spelled,
    width_before,
    writable,
)
from probes.output.drawing.themes import NAN_COLOURS, Theme

Origin = tuple[Length, Length]

_lock = Lock()

_MOST_CELLS = 1024
"""Most pixels of one image that are rectangles of a PDF."""

POINTS = 0.75
"""Points of a PDF for each pixel of the picture: 96 pixels are an inch."""


def pdf(block: Block, scale: Length, theme: Theme, title: str) -> bytes:
    """Write a block as a PDF of one page; equal blocks give equal bytes.

    Args:
        block: Page of a figure.
        scale: Pixels of the picture for each of the block.
        theme: Colours of ground, text and frames.
        title: Title of the document.
    """
    faces, file = _fonts(), io.BytesIO()
    width, height = size_of(block, scale)
    sides = width * POINTS, height * POINTS
    canvas = Canvas(file, sides, invariant=True, pageCompression=1)
    canvas.setTitle(writable(title))
    canvas.setCreator("Lightwell")
    points = scale * POINTS
    lines = round(block.height)
    # The block begins at the upper edge of the page, which has the rounded size of the PNG.
    canvas.translate(0, sides[1] - lines * points)
    canvas.scale(points, points)
    page = _Page(canvas, lines, theme)
    try:
        # A pixel more: up to half of one is below the block, or right of it.
        page.mark(Rectangle(0, 0, block.width + 1, block.height + 1, "ground"), (0, 0))
        for x, y, part in walk(block):
            for mark in part.marks:
                page.mark(mark, (x, y))
        canvas.save()
    finally:
        # The fonts hold the documents that were not saved.
        for face in faces:
            face.state.pop(canvas._doc, None)  # noqa: SLF001
    return file.getvalue()


def _fonts() -> tuple[TTFont, ...]:
    """Return the fonts of text, of which each PDF embeds the characters that it has."""
    # ReportLab has one font of a name: two threads must not register one each.
    with _lock:
        return _registered()


@cache
def _registered() -> tuple[TTFont, ...]:
    """Register the fonts of text."""
    families: tuple[Family, ...] = (FAMILY, SIGNS)
    faces = tuple(_Face(family, io.BytesIO(font_file(family))) for family in families)
    for face in faces:
        pdfmetrics.registerFont(face)
    # By name: of two fonts of a name ReportLab keeps the first.
    return tuple(pdfmetrics.getFont(family) for family in families)


class _Face(TTFont):  # type: ignore[misc]  # ReportLab has no types
    """Font of a PDF whose text may have the places of its letters.

    ReportLab takes places of a text shaper alone; those of the PNG are no less exact.
    """

    shapable = True


@lru_cache(4096)
def _spaced(words: str, family: Family, size: Length, natural: Length) -> ShapedStr:
    """Return a run of text with the places that its letters have in the PNG.

    Args:
        words: Run of text.
        family: Its font.
        size: Size of its letters in the PNG, as of a mark.
        natural: Size of the font.
    """
    em = 1000.0
    places = [
        ShapeData(
            at,
            (end - before) * em / natural,
            0,
            hinted_shift(letter, family, size) * em / natural,
            0,
            pdfmetrics.stringWidth(letter, family, em),
        )
        for at, (letter, (before, end)) in enumerate(
            zip(words, pairwise((0.0, *letter_ends(words, family, size))), strict=True)
        )
    ]
    return ShapedStr(words, places)


class _Page:
    """Page of a PDF, whose vertical axis points up."""

    def __init__(self, canvas: Canvas, height: Length, theme: Theme) -> None:
        self.canvas = canvas
        self.height = height
        self.theme = theme

    def mark(self, mark: Mark, origin: Origin) -> None:
        """Draw a mark of a block on the page."""
        raise_if_cancelled()
        match mark:
            case Text():
                self._text(mark, (origin[0] + mark.x, origin[1] + mark.y))
            case Rectangle():
                self._rectangle(mark, origin)
            case Picture():
                self._picture(mark, origin)
            case Boxes() | Maps() | Group():
                for each in mark.parts():
                    self.mark(each, origin)
            case Sketch():
                self._sketch(mark, origin)

    def _box(
        self, mark: Rectangle | Picture | Sketch, origin: Origin
    ) -> tuple[int, Length, int, int]:
        """Return left, bottom, width and height of a mark on the page."""
        left, top, right, bottom = edges(mark, origin)
        return left, self.height - bottom, right - left, bottom - top

    def _colour(self, mark: Text | Rectangle | Stroke | Dot | Polygon) -> tuple[float, ...]:
        return tuple(part / 255 for part in self.theme.rgb(mark.colour))

    def _text(self, mark: Text, place: Origin) -> None:
        canvas, words = self.canvas, spelled(mark.words)
        canvas.setFillColorRGB(*self._colour(mark))
        x, y = place[0], self.height - place[1]
        if mark.upward:
            canvas.saveState()
            canvas.translate(x, y)
            canvas.rotate(90)
            self._line(mark, (0, 0), words)
            canvas.restoreState()
        else:
            self._line(mark, (x, y), words)

    def _line(self, mark: Text, place: Origin, words: str) -> None:
        """Write a line of text, signs in a font of their own."""
        sizes: dict[Family, Length] = {FAMILY: mark.size, SIGNS: mark.size * SIGNS_SIZE}
        parts = [(family, part, sizes[family]) for family, part in runs(words)]
        before = width_before(words, mark.size, mark.anchor)
        start, foot = place[0] - before, place[1] - baseline(mark.size)
        if not mark.upward:
            # On whole pixels, as Pillow rounds them.
            start, foot = math.floor(place[0] + 0.5) - math.floor(before + 0.5), math.ceil(foot)
        line = self.canvas.beginText(start, foot)
        for family, part, size in parts:
            line.setFont(family, size)
            line.textOut(_spaced(part, family, mark.size, size))
        self.canvas.drawText(line)

    def _rectangle(self, mark: Rectangle, origin: Origin) -> None:
        left, bottom, width, height = self._box(mark, origin)
        if not mark.border:
            self.canvas.setFillColorRGB(*self._colour(mark))
            self.canvas.rect(left, bottom, width, height, stroke=0, fill=1)
            return
        border = round(mark.border)
        self.canvas.setStrokeColorRGB(*self._colour(mark))
        self.canvas.setLineWidth(border)
        self.canvas.rect(left + border / 2, bottom + border / 2, width - border, height - border)

    def _picture(self, mark: Picture, origin: Origin) -> None:
        box = left, bottom, width, height = self._box(mark, origin)
        pixels = mark.pixels
        if mark.opacity is not None:
            pixels = np.concatenate([pixels, mark.opacity[..., None]], axis=-1)
            self.canvas.drawImage(ImageReader(Image.fromarray(pixels)), *box, mask="auto")
        elif mark.missing is not None and mark.missing.size <= _MOST_CELLS:
            self._cells(pixels, box)
        else:
            self.canvas.drawImage(ImageReader(Image.fromarray(pixels)), *box)
        if mark.missing is not None and mark.missing.any():
            rows, columns = mark.missing.shape
            wide, high = width / columns, height / rows
            path = self.canvas.beginPath()
            for row, column in np.argwhere(mark.missing).tolist():
                top = bottom + height - row * high
                path.rect(left + column * wide, top - high, wide, high)
            self._hatch(path, box)

    def _cells(
        self, pixels: UInt8[np.ndarray, "rows columns 3"], box: tuple[int, Length, int, int]
    ) -> None:
        """Draw the pixels of an image as rectangles, whose edges no viewer moves or smooths."""
        left, bottom, width, height = box
        rows, columns, _ = pixels.shape
        for (row, column), colour in zip(
            np.ndindex(rows, columns), pixels.reshape(-1, 3).tolist(), strict=True
        ):
            # On whole pixels, as those of the PNG are.
            x, end = column * width // columns, (column + 1) * width // columns
            low, high = (rows - row - 1) * height // rows, (rows - row) * height // rows
            self.canvas.setFillColorRGB(*(part / 255 for part in colour))
            self.canvas.rect(left + x, bottom + low, end - x, high - low, stroke=0, fill=1)

    def _hatch(self, path: object, box: tuple[int, Length, int, int]) -> None:
        """Hatch the part of a box inside of a path: values that are not finite."""
        ground, stripe = ([part / 255 for part in colour] for colour in NAN_COLOURS)
        left, bottom, width, height = box
        canvas = self.canvas
        canvas.saveState()
        canvas.setFillColorRGB(*ground)
        canvas.clipPath(path, stroke=0, fill=1)
        canvas.setStrokeColorRGB(*stripe)
        canvas.setLineWidth(1.4)
        for start in range(0, width + height, 6):
            canvas.line(left + start - height, bottom, left + start, bottom + height)
        canvas.restoreState()

    def _sketch(self, mark: Sketch, origin: Origin) -> None:
        left, bottom, width, height = self._box(mark, origin)
        canvas = self.canvas
        canvas.saveState()
        edge = canvas.beginPath()
        edge.rect(left, bottom, width, height)
        canvas.clipPath(edge, stroke=0, fill=0)
        canvas.translate(left, bottom + height)
        canvas.scale(1, -1)
        canvas.setLineJoin(1)
        for shape in mark.parts():
            self._shape(shape)
        canvas.restoreState()

    def _shape(self, shape: Stroke | Dot | Polygon) -> None:
        canvas, colour = self.canvas, self._colour(shape)
        match shape:
            case Dot():
                canvas.setFillColorRGB(*colour)
                radius = shape.radius + PAINTED_MORE
                canvas.circle(shape.x, shape.y, radius, stroke=0, fill=1)
            case Stroke() | Polygon():
                path = canvas.beginPath()
                first, *rest = shape.points.tolist()
                path.moveTo(*first)
                for point in rest:
                    path.lineTo(*point)
                if isinstance(shape, Polygon):
                    path.close()
                    canvas.setFillColorRGB(*colour)
                    canvas.drawPath(path, stroke=0, fill=1)
                    return
                canvas.setStrokeColorRGB(*colour)
                canvas.setLineWidth(shape.thickness)
                canvas.drawPath(path, stroke=1, fill=0)
