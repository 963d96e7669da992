"""Search for the digit of an image: the strokes that are kept, and the marks that are left out."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from api.requests.contrast import strongest_plane
from api.requests.digit_search import FoundDigit, find_digit
from api.requests.foreground import extract_foreground
from api.requests.planes import Planes
from api.requests.preparation_steps import preparation_steps, preparation_warnings

BOX = (70, 50, 130, 150)  # of the seven that every drawing has


def drawn(*more, paper: int = 230, ink: int = 30) -> Image.Image:
    """Draw a seven, and more marks by functions of a pen."""
    image = Image.new("L", (200, 200), paper)
    pen = ImageDraw.Draw(image)
    for one in more:
        one(pen)
    left, top, right, bottom = BOX
    pen.line((left + 4, top + 4, right - 4, top + 4, 90, bottom - 4), fill=ink, width=9)
    return image


def found_in(image: Image.Image) -> FoundDigit:
    """Return the digit of a drawing."""
    found = find_digit(np.asarray(image).astype(np.float32))
    assert found is not None
    return found


def box_of(found: FoundDigit) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a digit's mask."""
    rows, columns = (np.flatnonzero(found.mask.any(axis=axis)) for axis in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize(
    ("left_out", "draw"),
    [
        ((), lambda pen: None),
        (("rule",), lambda pen: pen.line((50, 170, 150, 168), fill=30, width=4)),
        (("frame",), lambda pen: pen.rectangle((40, 20, 160, 180), outline=30, width=4)),
        (("line",), lambda pen: pen.line((0, 180, 200, 178), fill=30, width=3)),
        (("bar",), lambda pen: pen.line((180, 20, 170, 180), fill=30, width=5)),
        (("border",), lambda pen: pen.ellipse((-30, 80, 15, 130), fill=30)),
        ((), lambda pen: pen.rectangle((0, 0, 14, 200), fill=90)),
        ((), lambda pen: pen.polygon((0, 0, 110, 0, 60, 200, 0, 200), fill=140)),
    ],
    ids=["alone", "rule", "frame", "line", "pen", "thumb", "strip", "shadow"],
)
def test_only_the_digit_is_kept(left_out: tuple[str, ...], draw) -> None:
    """Rules, frames, pens, strips and shadows do not set the box, and are named by their kind."""
    found = found_in(drawn(draw))

    assert np.abs(np.subtract(box_of(found), BOX)).max() <= 4
    if left_out:
        assert found.left_out == left_out
    assert found.others == 0


def test_a_second_digit_is_left_out_and_told() -> None:
    """Of two digits the stronger is read, and the warning says so."""
    found = found_in(drawn(lambda pen: pen.ellipse((160, 60, 192, 120), outline=60, width=6)))

    assert np.abs(np.subtract(box_of(found), BOX)).max() <= 4
    assert found.others == 1
    [warning] = preparation_warnings(found)
    assert warning.code == "several-blobs"
    assert warning.message.startswith("The picture has a second mark large enough to be a digit;")


def test_the_detached_top_of_a_five_is_a_part_of_it() -> None:
    """A bar above the rest belongs to its digit, though a bar below would be a rule."""
    image = Image.new("L", (200, 200), 255)
    pen = ImageDraw.Draw(image)
    pen.arc((70, 90, 130, 150), 200, 150, fill=0, width=8)
    pen.line((80, 60, 78, 100), fill=0, width=8)
    pen.line((90, 52, 140, 50), fill=0, width=8)

    assert box_of(found_in(image))[1] <= 50


def test_pale_strokes_warn() -> None:
    """Strokes that differ by few grey levels are read, with their contrast in the warning."""
    [warning] = preparation_warnings(found_in(drawn(paper=230, ink=214)))

    assert warning.code == "low-contrast"
    assert "by 16 of 255 grey levels only" in warning.message


def test_an_even_sheet_has_no_digit() -> None:
    """Nothing is found where all is within the least contrast."""
    noise = np.random.default_rng(0).normal(200, 2, (120, 160)).astype(np.float32)

    assert find_digit(np.full((120, 160), 200, np.float32)) is None
    assert find_digit(noise) is None


@pytest.mark.parametrize(
    ("paper", "ink", "channel"),
    [
        ((200, 60, 60), (60, 143, 60), "red"),
        ((255, 255, 255), (255, 240, 0), "blue"),
        ((255, 255, 255), (0, 0, 180), "luma"),
    ],
)
def test_the_plane_of_strongest_contrast_is_read(paper, ink, channel: str) -> None:
    """Ink as bright as its paper is read in a colour; any other in luma."""
    mask = np.asarray(drawn(paper=0, ink=255)) > 0
    colour = np.where(mask[..., None], ink, paper).astype(np.uint8)
    grey = np.asarray(Image.fromarray(colour).convert("L"))
    planes = Planes(grey, colour=colour)

    assert strongest_plane(planes)[1] == channel
    foreground = extract_foreground(planes)
    assert foreground is not None
    assert (f"The {channel} channel" in " ".join(preparation_steps(foreground))) == (
        channel != "luma"
    )


@pytest.mark.parametrize("alpha", [10, 100, 255])
@pytest.mark.parametrize("ink", [0, 255])
def test_strokes_on_a_clear_canvas_are_their_alpha(alpha: int, ink: int) -> None:
    """Strokes of any opacity are at full contrast, in their own direction."""
    mask = np.asarray(drawn(paper=0, ink=255)) > 0
    planes = Planes(np.full(mask.shape, ink, np.uint8), (mask * alpha).astype(np.uint8))
    foreground = extract_foreground(planes)

    assert foreground is not None
    assert foreground.channel == "alpha"
    assert foreground.digit.level == 255
    assert foreground.digit.residue.dark == (ink == 0)


def test_steps_tell_in_sentences_what_was_done() -> None:
    """The steps name the tone, the background, each kind left out, and the size."""
    image = drawn(lambda pen: pen.rectangle((40, 20, 160, 180), outline=30, width=4))
    foreground = extract_foreground(Planes(np.asarray(image)))

    assert foreground is not None
    assert preparation_steps(foreground) == [
        "The strokes are darker than the background, which has one level.",
        "Left out: a frame.",
        "The strokes were scaled to 20 pixels and centred by their mass.",
    ]
