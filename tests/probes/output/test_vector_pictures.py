"""SVG and PDF: the picture of the PNG, with text to search and images of a pixel for each value."""

import io
import re
import time
import xml.etree.ElementTree as ET
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pypdfium2
import pypdfium2.raw
import pytest
from PIL import Image
from playwright.sync_api import Page
from reportlab.pdfbase import pdfmetrics

from probes.figures.colormaps import DIVERGING
from probes.figures.figures import Colour, Heatmap, Lines, Measure, Panels, Tiles
from probes.output.drawing import pdf
from probes.output.drawing.text import family_of, hinted_shift
from probes.output.drawing.themes import THEMES, ThemeName
from probes.output.figure_layout import layout
from probes.output.render import PictureFormat, place, render
from probes.output.style import Style
from tests.probes.output.rasters import (
    MOST_DIFFERENT,
    decoded,
    difference,
    pdf_raster,
    pdf_text,
    svg_raster,
)
from tests.probes.output.test_render import FIGURES
from tests.probes.pictures import RANDOM, expected, holding, tensor

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", FIGURES)
def test_rasters_are_those_of_the_png(name: str, theme: ThemeName, page: Page) -> None:
    """PDF by PDFium and SVG by Chromium differ from the PNG by at most 2 of 255 in the mean."""
    style = Style(theme=theme)
    pixels = decoded(render(FIGURES[name], style))
    height, width, _ = pixels.shape

    by_pdf = pdf_raster(render(FIGURES[name], style, "pdf"))
    by_svg = svg_raster(page, render(FIGURES[name], style, "svg"), (width, height))

    assert difference(by_pdf, pixels) <= MOST_DIFFERENT
    assert difference(by_svg, pixels) <= MOST_DIFFERENT


@pytest.mark.parametrize("picture_format", ["svg", "pdf"])
@pytest.mark.parametrize("name", FIGURES)
def test_equal_figures_have_equal_bytes(name: str, picture_format: PictureFormat) -> None:
    """Neither format has a date, or a name that was made at random."""
    one, two = (render(FIGURES[name], Style(), picture_format) for _ in range(2))

    assert one == two


@pytest.mark.parametrize("name", FIGURES)
def test_text_can_be_found(name: str) -> None:
    """The title is text of both formats, not a drawing of it."""
    figure = FIGURES[name]
    root = ET.fromstring(render(figure, Style(), "svg"))  # noqa: S314 - our own

    assert figure.title in [text.text for text in root.iter(f"{SVG}text")]
    assert figure.title in pdf_text(render(figure, Style(), "pdf"))


@pytest.mark.parametrize("name", FIGURES)
def test_images_have_a_pixel_for_each_value(name: str) -> None:
    """No image in SVG or PDF is larger than a map of the tensor, or than a colour bar."""
    most = 256  # the colours of a bar; no map of these figures has more values
    root = ET.fromstring(render(FIGURES[name], Style(scale=4), "svg"))  # noqa: S314 - our own
    for image in root.iter(f"{SVG}image"):
        source = b64decode(image.attrib["href"].partition(",")[2])
        assert np.prod(Image.open(io.BytesIO(source)).size) <= most
    document = pypdfium2.PdfDocument(render(FIGURES[name], Style(scale=4), "pdf"))
    for found in document[0].get_objects([pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]):
        assert np.prod(found.get_px_size()) <= most
    document.close()


def test_cells_are_not_smoothed(page: Page) -> None:
    """Also next to its edge, a cell has the colour of its value in both formats."""
    values = RANDOM.uniform(-2, 3, (12, 9)).astype(np.float32)
    figure = Heatmap(
        "h", holding(values, "step unit", Colour(DIVERGING, -2.0, 3.0, "fixed")), "step"
    )
    area = place(figure)[0]
    wide, high = area.width / 12, area.height / 9
    rows = np.arange(9)[:, None] * high + area.y
    columns = np.arange(12)[None, :] * wide + area.x
    pixels = decoded(render(figure))
    size = pixels.shape[1], pixels.shape[0]
    rasters = [
        pdf_raster(render(figure, Style(), "pdf")),
        svg_raster(page, render(figure, Style(), "svg"), size),
    ]

    for raster in rasters:
        for down, right in ((2, 2), (2, wide - 3), (high - 3, 2), (high / 2, wide / 2)):
            found = raster[(rows + down).astype(int), (columns + right).astype(int)]
            wanted = expected(values.T, DIVERGING, -2, 3)
            assert np.abs(found.astype(int) - wanted).max() <= 1


def test_missing_values_are_hatched(page: Page) -> None:
    """A value that is not a number has the hatch of the PNG in both formats."""
    values = np.full((4, 5), 0.5)
    values[1:3, 2] = np.nan
    figure = Heatmap(
        "h", holding(values, "unit step", Colour("viridis", 0.0, 1.0, "fixed")), "step"
    )
    pixels = decoded(render(figure))
    area = place(figure)[0]
    left, top = int(area.x + 2 * area.width / 5), int(area.y + area.height / 4)
    inside = np.s_[top + 2 : top + 20, left + 2 : left + 30]
    size = pixels.shape[1], pixels.shape[0]

    for raster in (
        pdf_raster(render(figure, Style(), "pdf")),
        svg_raster(page, render(figure, Style(), "svg"), size),
    ):
        assert raster[inside].mean((0, 1)) == pytest.approx(pixels[inside].mean((0, 1)), abs=6)


def test_a_picture_without_missing_values_has_no_hatch() -> None:
    """The pattern is in an SVG only where an element has it."""
    assert b"<pattern" not in render(FIGURES["tiles"], Style(), "svg")


@pytest.mark.parametrize("picture_format", ["png", "svg", "pdf"])
def test_a_style_has_columns_and_a_title(picture_format: PictureFormat) -> None:
    """Columns are those of panels and maps, and a title takes the place of the figure's."""
    maps = tensor((6, 5, 5), "channel y x")
    figure = Panels("p", (Tiles("a", maps), Tiles("b", maps)), 2)
    other = Panels("A & <b>", figure.figures, 1)
    style = Style(columns=1, title="A & <b>")

    assert render(figure, style, picture_format) == render(other, Style(), picture_format)
    tiles = Tiles("t", maps, columns=2)
    assert render(Tiles("t", maps), Style(columns=2)) == render(tiles)
    lines = Lines("l", (tensor((9,), "step"),), "step")
    assert render(lines, Style(columns=3)) == render(lines)


def test_lines_have_names_in_words() -> None:
    """Those of the figure, where it has any, are in the legend; else those of the tensors."""
    one = tensor((9,), "step")
    figure = Lines("l", (replace(one, name="all_low"), replace(one, name="all_high")), "step")
    named = replace(figure, names=("in this order", "in random order"))

    for each, words in ((figure, ["all low", "all high"]), (named, named.names)):
        root = ET.fromstring(render(each, Style(), "svg"))  # noqa: S314 - our own
        written = [text.text for text in root.iter(f"{SVG}text")]
        assert set(words) <= set(written)
    assert layout(named)["names"] == named.names


@pytest.mark.parametrize("width", [150, 1200])
def test_a_style_has_a_width(width: int) -> None:
    """A picture is as wide as asked, in pixels: a page of a PDF three quarters as many points."""
    style = Style(width=width)
    figure = FIGURES["panels"]
    document = pypdfium2.PdfDocument(render(figure, style, "pdf"))
    points = document[0].get_width()
    document.close()

    assert decoded(render(figure, style)).shape[1] == width
    svg = re.search(rb'<svg [^>]*?width="([\d.]+)"', render(figure, style, "svg"))
    assert svg is not None
    assert float(svg[1]) == pytest.approx(width, abs=1)
    assert points == pytest.approx(width * 0.75, abs=1)


@pytest.mark.parametrize(
    "style", [Style(), Style(2), Style(3), Style(width=333), Style(width=800), Style(width=6400)]
)
@pytest.mark.parametrize("name", ["bars", "overlay", "filters"])
def test_each_format_has_the_size_of_the_png(name: str, style: Style) -> None:
    """Pixels of the PNG are whole, and so are those of an SVG; a PDF has 0.75 points for each."""
    figure = FIGURES[name]
    height, width, _ = decoded(render(figure, style)).shape
    root = ET.fromstring(render(figure, style, "svg"))  # noqa: S314 - our own
    document = pypdfium2.PdfDocument(render(figure, style, "pdf"))
    points = document[0].get_size()
    document.close()
    view = [float(each) for each in root.attrib["viewBox"].split()]

    assert (root.attrib["width"], root.attrib["height"]) == (str(width), str(height))
    assert points == pytest.approx((width * 0.75, height * 0.75), abs=1e-3)
    # Both axes have the scale of the PNG.
    assert width / view[2] == pytest.approx(height / view[3], rel=1e-3)


@pytest.mark.parametrize("style", [Style(width=333, theme="dark"), Style(3, theme="dark")])
def test_the_ground_covers_a_page(style: Style) -> None:
    """No edge of a PDF is left white where the size of the picture was rounded up."""
    for name in ("bars", "overlay", "filters"):
        pixels = pdf_raster(render(FIGURES[name], style, "pdf")).astype(int)

        for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
            assert abs(edge - THEMES["dark"].rgb("ground")).max() <= 1


def test_threads_register_one_font_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures that are the first ones, at once, have the same fonts."""
    made: list[str] = []
    usual = pdf._Face

    def slow(family: str, file: io.BytesIO) -> object:
        made.append(family)
        time.sleep(0.05)
        return usual(family, file)

    monkeypatch.setattr(pdf, "_Face", slow)
    pdf._registered.cache_clear()
    with ThreadPoolExecutor(3) as threads:
        found = [*threads.map(lambda _: pdf._fonts(), range(3))]

    assert sorted(made) == ["Aileron", "Vera"]
    assert found[0] is found[1] is found[2]
    assert [pdfmetrics.getFont(name) for name in made] == [*found[0]]


def test_the_dark_theme_has_the_colours_of_data() -> None:
    """Ground, text and frames are those of the theme; cells have the colours of their values."""
    figure = FIGURES["heatmap"]
    area = place(figure)[0]
    inside = np.s_[area.y : area.y + area.height, area.x : area.x + area.width]
    light, dark = (decoded(render(figure, Style(theme=theme))) for theme in THEMES)

    assert np.array_equal(light[inside], dark[inside])
    assert tuple(dark[0, 0]) == THEMES["dark"].shades["ground"]
    assert not (dark == 255).all(-1).any()


def test_each_letter_of_an_svg_has_a_place() -> None:
    """Places are those of UTF-16 code units, spaces among them, and rise from left to right."""
    figure = replace(FIGURES["bars"], title="two  spaces, R² and \U0001f600!")
    root = ET.fromstring(render(figure, Style(), "svg"))  # noqa: S314 - our own
    found = [text for text in root.iter(f"{SVG}text") if text.text and text.text[:3] == "two"]

    assert root.attrib["{http://www.w3.org/XML/1998/namespace}space"] == "preserve"
    places = [float(place) for text in found for place in text.attrib["x"].split()]
    letters = "".join(text.text or "" for text in found)
    assert len(places) == len(letters.encode("utf-16-le")) // 2 == len(letters) + 1
    assert sorted(places) == places


def test_no_letter_of_an_svg_is_dropped(page: Page) -> None:
    """Chromium draws each letter at its place, also after the two spaces of a caption."""
    measures = (Measure("one", 1.5), Measure("two", 2.5))
    svg = render(replace(FIGURES["bars"], measures=measures), Style(), "svg").decode()
    page.set_content(svg)
    found = page.evaluate(
        """() => Array.from(document.querySelectorAll("text")).map((text) => [
          text.textContent, text.getNumberOfChars(), text.x.baseVal.numberOfItems,
        ])"""
    )

    assert any("  ·  " in words for words, *_ in found)
    assert all(len(words) == drawn == placed for words, drawn, placed in found)


@pytest.mark.parametrize("letter", ["a", "d", "l", "4", "²", " "])
def test_letters_move_by_a_pixel_at_most(letter: str) -> None:
    """Outlines of the PNG are hinted, so that they are beside those of the font, but near."""
    shift = hinted_shift(letter, family_of(letter), 13)

    assert abs(shift) < 1
    assert (shift == 0) == (letter == " ")


def test_a_title_is_not_markup() -> None:
    """Characters of XML in a title, or a name, are escaped."""
    figure = replace(FIGURES["bars"], title='</text><script>&"')
    root = ET.fromstring(render(figure, Style(), "svg"))  # noqa: S314 - our own

    assert root.find(f".//{SVG}script") is None
    assert root.findtext(f"{SVG}title") == figure.title
