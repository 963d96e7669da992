"""Slides: panels in columns, as large as fits, the same for all figures of one form."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from probes.figures.figures import Bars, Figure, Heatmap, Lines, Measure, Panels, Tiles
from probes.output.drawing.layout import page
from probes.output.drawing.marks import Block, Group, Text, walk
from probes.output.drawing.text import runs, spelled, text_width
from probes.output.render import render
from probes.output.results import ProbeResult
from probes.shared.class_probabilities import answer_bars
from tests.probes.pictures import UNIT, holding, pixels, tensor


def texts(block: Block) -> Iterator[tuple[float, float, Text]]:
    """List the texts of a page with the offsets of their blocks, those of groups too."""
    for x, y, part in walk(block):
        for mark in part.marks:
            for one in mark.parts() if isinstance(mark, Group) else (mark,):
                if isinstance(one, Text):
                    yield x, y, one


def words(block: Block) -> list[str]:
    """Return the text of a page."""
    return [one.words for _, _, one in texts(block)]


def maps(count: int, side: int, name: str) -> Tiles:
    """Return a layer of maps."""
    return Tiles(name, tensor((count, side, side), "channel y x", name=name))


NETWORK = (
    Heatmap("Input", tensor((28, 28), "y x", name="input"), "x"),
    maps(32, 28, "relu1"),
    maps(32, 14, "pool1"),
    maps(64, 14, "relu2"),
    maps(64, 7, "pool2"),
    maps(64, 7, "relu3"),
    Bars("relu4", tensor((128,), "channel", name="relu4")),
    answer_bars(np.full(10, 0.1, np.float32), tuple("0123456789")),
)
GATES = tuple(
    Heatmap(f"gate {at}", tensor((10, 8), "step unit", name=f"gate{at}"), "step") for at in range(7)
)


@pytest.mark.parametrize(
    ("figures", "most"), [(NETWORK, (1640, 960)), (GATES, (1640, 960)), (GATES[:2], (1640, 960))]
)
def test_a_slide_is_about_1600_by_900(figures: tuple[Figure, ...], most: tuple[int, int]) -> None:
    """Parts are as large as fits, in columns from left to right; a column is asked for by 1."""
    block = page(Panels("p", figures))
    tall = page(Panels("p", figures, 1))

    assert (block.width, block.height) <= most
    assert block.height <= most[1]
    assert block.width / block.height < 2.4
    assert len(figures) == 2 or tall.height > 1.5 * block.height


def test_parts_are_in_order() -> None:
    """A part is below the one before it, or in a column to the right."""
    block = page(Panels("p", NETWORK))
    titles = [figure.title for figure in NETWORK]
    places = {
        mark.words: (x + mark.x, y + mark.y)
        for x, y, mark in texts(block)
        if mark.words in titles and mark.size == 17
    }

    corners = [places[title] for title in titles]
    for (left, top), (right, below) in pairwise(corners):
        assert right > left + 100 or below > top


def test_figures_of_one_form_have_one_plan() -> None:
    """Values set no sizes: the picture of other values is laid out the same."""
    one, other = (
        Panels("p", tuple(Heatmap(f"g{at}", holding(RANDOM * at, "step unit", UNIT), "step")
        for at in range(scale, scale + 3)))
        for scale in (1, 2)
    )  # fmt: skip
    sizes = [pixels(replace(figure, title="p")).shape for figure in (one, other)]

    assert sizes[0] == sizes[1]
    assert render(one) == render(one)


RANDOM = np.random.default_rng(3).random((6, 4)).astype(np.float32)


def test_bits_are_written() -> None:
    """A strip of bits has the digits 0 and 1, and no colour bar; a long one has colours alone."""
    bits = np.array([1, 0, 1, 1], np.uint8)
    strip = Heatmap("Sequence", holding(bits, "step", UNIT), "step", written=True)
    long = replace(strip, tensor=holding(bits.repeat(400), "step", UNIT))

    found = words(page(strip))
    assert [one for one in found if one in {"0", "1"}][-4:] == ["1", "0", "1", "1"]
    assert "0.5" not in found
    assert "0.5" not in words(page(long))


def test_signs_have_a_font_of_their_own() -> None:
    """A sign without a glyph in the font of letters is drawn, not spelled."""
    assert runs(spelled("R² 3 × 4")) == (
        ("Aileron", "R"),
        ("Vera", "²"),
        ("Aileron", " 3 "),
        ("Vera", "×"),
        ("Aileron", " 4"),
    )
    assert text_width("²", 13) > 3
    picture = pixels(Lines("²×≥∞", (tensor((9,), "step"),), "step"))
    other = pixels(Lines("2x>=", (tensor((9,), "step"),), "step"))
    assert picture.shape != other.shape or (picture != other).any()


def test_long_captions_have_several_lines() -> None:
    """Measures of a narrow figure are below each other, and none is cut off."""
    measures = tuple(Measure(f"a_long_name_{at}", 1.5, "logits") for at in range(3))
    block = page(Bars("b", tensor((2,), "class"), measures=measures))

    assert sum("a long name" in one for one in words(block)) > 1


def test_a_picture_shows_the_answer() -> None:
    """The answer is at the end of a picture, and not among the tensors of an answer."""
    answer = answer_bars(np.array([0.1, 0.9], np.float32), ("no", "yes"))
    plain = Heatmap("h", tensor((3, 3)), "step")
    panels = ProbeResult({}, Panels("p", (plain,)), (), lambda: answer)

    for result in (panels, ProbeResult({}, plain, (), lambda: answer)):
        assert "Answer: yes" in words(page(result.picture))
        assert list(result.tensors) == ["values"]
    shown = ProbeResult({}, Panels("p", (answer,)), (), lambda: answer)
    assert shown.picture is shown.figure
    assert ProbeResult({}, plain).picture is plain


def test_an_answer_of_many_classes_has_the_likeliest() -> None:
    """Of a thousand classes a picture shows twelve, the likeliest first."""
    likely = np.zeros(1000, np.float32)
    likely[[70, 3]] = (0.75, 0.25)
    bars = answer_bars(likely, tuple(f"class {at}" for at in range(1000)))

    assert bars.title == "Answer: class 70"
    assert bars.tensor.coordinates["label"][:2] == ("class 70", "class 3")
    assert (bars.tensor.values.size, bars.highlight) == (12, 0)
