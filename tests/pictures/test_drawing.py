"""The generator of pictures: the same seed gives the same picture, of a digit that is visible."""

import re

import numpy as np
import pytest
from PIL import Image

from api.requests.image_decoding import decode
from tests.pictures import digits, measure, pen, rates
from tests.pictures.kinds import KINDS
from tests.pictures.measure import Picture, picture
from tests.pictures.reading import Answer
from tests.pictures.shapes import one


@pytest.fixture(scope="module")
def source():
    """The small file of digits."""
    return digits.load("fixture")


def test_the_small_file_has_twenty_whole_digits_of_each(source):
    """The file has 20 images of each digit, and each keeps its loops when thinned."""
    assert np.bincount(source.labels).tolist() == [20] * 10
    assert all(pen.is_whole(*pair) for pair in zip(source.images, source.labels, strict=True))


@pytest.mark.parametrize("name", ["ruled-wide", "faint-alpha", "plot-with-axes", "four-open"])
def test_a_seed_gives_a_picture(name, source):
    """The same seed and number give the same bytes; another number gives others."""
    first = picture(name, 4, 1, source)
    assert first == picture(name, 4, 1, source)
    assert first.encoded != picture(name, 14, 1, source).encoded
    assert first.label == 4


def test_a_kind_of_one_digit_has_its_label(source):
    """A kind that is drawn by strokes has the label of its digit, at any number."""
    assert {picture("seven-with-bar", number, 0, source).label for number in (0, 4, 7)} == {7}


@pytest.mark.parametrize("name", ["exif-rotated", "png-16-bit", "cmyk-jpeg", "black-on-clear"])
def test_files_are_of_their_kind(name, source):
    """A kind of file is one that the decoder turns into an upright picture."""
    planes = decode(picture(name, 2, 0, source).encoded)
    assert min(planes.grey.shape) >= 200


def test_thinning_leaves_lines_of_one_pixel():
    """A bar becomes a line in its middle, and a ring stays a ring."""
    bar = np.zeros((20, 60), bool)
    bar[6:13, 5:55] = True
    thin = pen.thinned(bar)
    assert thin.sum(axis=0).max() == 1
    assert set(np.nonzero(thin)[0].tolist()) <= {8, 9, 10}
    y, x = np.mgrid[-20:21, -20:21]
    ring = pen.thinned((np.hypot(y, x) > 8) & (np.hypot(y, x) < 15))
    assert not ring[20, 20]
    assert 40 < ring.sum() < 90


def test_a_line_is_drawn_at_its_size(source):
    """A digit's line has a longer side of 1, and its stroke the length and width asked for."""
    line = pen.trace(source.images[1])
    assert max(pen.spans(line)) == pytest.approx(1)
    mask, (left, top, right, bottom) = pen.stroke((400, 300), line, (200, 150), 200, 10)
    assert mask.size == (right - left, bottom - top)
    assert max(mask.size) == pytest.approx(200 + 10 + 4, abs=2)
    assert np.asarray(mask).max() == 255


def test_a_filled_loop_is_not_whole():
    """An 8 whose lower loop is filled is left out, since a person reads its line otherwise."""
    image = Image.new("L", (28, 28))
    for top, low in ((4, 13), (13, 22)):
        for x in range(9, 20):
            for y in range(top, low):
                if not (12 <= x <= 16 and top + 3 <= y < low - 3):
                    image.putpixel((x, y), 255)
    eight = np.array(image)
    assert pen.is_whole(eight, 8)
    eight[13:22, 9:20] = 255
    assert not pen.is_whole(eight, 8)


def test_upstrokes_are_as_long_as_their_kind_says():
    """A longer upstroke makes a 1 wider."""
    wide = []
    for share in (0.15, 0.5):
        grey = decode(one(share, base=False)(None, np.random.default_rng(3))).grey.astype(int)
        ink = np.flatnonzero((np.abs(grey - np.median(grey)) > 80).any(axis=0))
        wide.append(int(np.ptp(ink)))
    assert wide[1] > 1.5 * wide[0]


def test_rates_tell_warned_from_silent():
    """Answers are counted as right, warned, silently wrong and needlessly warned about."""
    answers = [
        Answer(1, 0.9, ()),
        Answer(2, 0.5, ("x",)),
        Answer(7, 0.9, ()),
        Answer(1, 0.9, ("x",)),
    ]
    found = rates.by_kind(("thumb", 1, answer) for answer in answers)["thumb"]
    assert (found.count, found.right, found.warned, found.silent, found.needless) == (4, 2, 2, 1, 1)
    assert "thumb ! " in rates.table({"thumb": found})


def test_saved_pictures_give_the_same_rates(tmp_path, capsys):
    """The command prints the rates of drawn pictures, and the same of those it saved."""
    measure.main(["--kind", "page-pad", "--count", "3", "--save", str(tmp_path)])
    first = capsys.readouterr().out
    measure.main(["--from", str(tmp_path)])
    assert capsys.readouterr().out == first
    assert re.search(r"^page-pad +3/3 ", first, re.MULTILINE)
    assert Picture("page-pad", 2, 2, b"\x89PNG").path.as_posix() == "page-pad/002-is-2.png"
    assert (tmp_path / "page-pad" / "002-is-2.png").exists()


def test_kinds_that_hold_have_the_higher_target():
    """Kinds that were read well before must be right 99 of 100 times, the others 95."""
    assert rates.least("clean-scan") == 0.99
    assert rates.least("ruled-wide") == 0.95
    assert len(KINDS) >= 85
