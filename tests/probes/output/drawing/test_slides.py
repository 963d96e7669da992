"""Slides: panels in columns, as large as fits, the same for all figures of one form."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from probes.figures.figures import Bars, Figure, Heatmap, Lines, Measure, Panels, Slides, Tiles
from probes.output.drawing.layout import page
from probes.output.drawing.marks import Block, Group, Text, walk
from probes.output.drawing.text import runs, spelled, text_width
from probes.output.render import render
from probes.output.results import ProbeResult, ProbeResults
from probes.output.style import Style
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
    "figures", [NETWORK, GATES, GATES[:2]], ids=["network", "gates", "two gates"]
)
def test_a_slide_is_at_most_1600_by_900(figures: tuple[Figure, ...]) -> None:
    """Parts are as large as fits, in columns from left to right; a column is asked for by 1."""
    block = page(Panels("p", figures))
    tall = page(Panels("p", figures, 1))

    assert block.width <= 1600
    assert block.height <= 900
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


def test_a_slide_of_layers_has_little_empty_space() -> None:
    """More than half of it is parts; the answer is at its end, in the right half."""
    block = page(Panels("p", NETWORK))
    ((_, _, slide),) = block.parts
    parts = list(leaves(slide))
    answer = next(x for x, _, mark in texts(block) if mark.words.startswith("Answer"))

    assert sum(part.width * part.height for part in parts) > 0.6 * block.width * block.height
    assert answer > block.width / 2


def leaves(block: Block) -> Iterator[Block]:
    """List the titled parts of a slide."""
    for _, _, part in block.parts:
        if any(isinstance(mark, Group) for mark in part.marks):
            yield part
        else:
            yield from leaves(part)


def test_long_sequences_make_wider_slides() -> None:
    """Each step has a pixel at least: parts that are too wide are below each other."""
    long = tuple(
        Heatmap(f"gate {at}", tensor((2000, 8), "step unit", name=f"gate{at}"), "step")
        for at in range(3)
    )
    block = page(Panels("p", long))
    places = [(x + mark.x, y + mark.y) for x, y, mark in texts(block) if "gate" in mark.words]

    assert 2000 < block.width < 2200
    assert len({x for x, _ in places}) == 1
    assert len({y for _, y in places}) == 3


def run(value: int, number: int) -> Heatmap:
    """Return a run of a value."""
    held = tensor((10, 8), "step unit", name=f"{value}.{number}")
    return Heatmap(f"run {number}", held, "step")


def test_panels_of_a_form_have_the_same_columns() -> None:
    """Panels on a slide that have figures of the same kinds are laid out alike."""
    values = tuple(
        Panels(f"value {at}", tuple(run(at, each) for each in range(3))) for at in range(4)
    )
    block = page(Panels("p", values))
    places = [(x + mark.x, y + mark.y) for x, y, mark in texts(block) if "run" in mark.words]
    moved = {
        tuple((x - places[at][0], y - places[at][1]) for x, y in places[at : at + 3])
        for at in range(0, 12, 3)
    }

    assert len(moved) == 1
    assert block.width <= 1600


def test_long_titles_are_broken() -> None:
    """The title of a part is about as wide as the part; that of the slide is one line."""
    title = "A title of a part that is a good deal longer than its narrow bars are wide"
    part = Bars(title, tensor((2,), "class"))
    found = words(page(Panels(title, (part, part))))

    assert title in found
    assert found.count(title) == 1
    broken = [one for one in found if one in title and len(one) > 12]
    assert len(broken) >= 5


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


def test_a_caption_has_the_words_of_a_measure() -> None:
    """Words take the place of a measure's name, which has spaces where it has none."""
    measures = (Measure("f_input", 1.5, "logits", "for the input"), Measure("two_words", True))
    block = page(Bars("b", tensor((2,), "class"), measures=measures))

    assert {"for the input 1.5 logits", "two words yes"} <= {
        part for one in words(block) for part in one.split("  ·  ")
    }


def several(count: int, figure: Figure) -> Slides:
    """Return the picture of several inputs whose probe has one figure."""
    answer = answer_bars(np.array([0.1, 0.9], np.float32), ("no", "yes"))
    return ProbeResults({}, (ProbeResult({}, figure, (), lambda: answer),) * count).picture


@pytest.mark.parametrize("count", [2, 3, 9])
def test_pictures_of_several_inputs_are_slides(count: int) -> None:
    """Each input has the picture that it has alone; narrow ones are beside each other."""
    network, bars = Panels("Activations", NETWORK), Bars("b", tensor((2,), "class"))
    alone = page(network)
    wide, narrow = page(several(count, network)), page(several(count, bars))

    assert wide.width <= 1600
    assert wide.height <= count * alone.height
    found = [(x, y, one.words) for x, y, one in texts(narrow) if one.words.startswith("Input ")]
    assert [one for _, _, one in sorted(found, key=lambda place: place[1])] == [
        f"Input {at}: b" for at in range(count)
    ]
    assert len({x for x, _, _ in found}) == min(count, 3)
    assert narrow.width <= 1600


def test_a_picture_of_several_inputs_has_columns_and_a_title() -> None:
    """Columns of a style are those of the slides, and its title is above them."""
    slides = several(4, Bars("b", tensor((2,), "class")))
    one, four = (page(Style(columns=columns).applied(slides)) for columns in (1, 4))

    assert one.height > 2 * four.height
    assert four.width > 2 * one.width
    assert words(page(Style(title="Digits").applied(slides)))[0] == "Digits"


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
