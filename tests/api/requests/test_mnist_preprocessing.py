"""Preparation as MNIST: real digits pass untouched, drawn ones come to look like them."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import load_file

from api.requests import mnist_preprocessing
from api.requests.foreground import Planes
from api.requests.mnist_preprocessing import PreparedImage, preprocess_mnist, without_preprocessing
from api.requests.preparation_steps import NEGATIVE
from models.data import samples

IDENTITY = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    """MNIST test images, white on black."""
    return load_file(samples.PATH)["images"]


def prepared(
    grey: np.ndarray, alpha: np.ndarray | None = None, *, lossy: bool = False
) -> np.ndarray:
    """Prepare, and return the pixels only."""
    return preprocess_mnist(Planes(grey, alpha, lossy)).pixels


def drawing(side: int = 280, width: float = 0.07, x: float = 0.5, size: float = 0.6) -> np.ndarray:
    """Draw a seven in black on white, its strokes anti-aliased."""
    corners = np.array([[-0.35, -0.5], [0.35, -0.5], [-0.15, 0.5]]) * size + [x, 0.5]
    v, u = (np.mgrid[:side, :side] + 0.5) / side
    distance = np.full((side, side), np.inf)
    for (ax, ay), (bx, by) in pairwise(corners):
        length = (bx - ax) ** 2 + (by - ay) ** 2
        along = np.clip(((u - ax) * (bx - ax) + (v - ay) * (by - ay)) / length, 0, 1)
        gap = np.hypot(u - ax - along * (bx - ax), v - ay - along * (by - ay))
        distance = np.minimum(distance, gap)
    ink = np.clip((width / 2 - distance) * side + 0.5, 0, 1)
    return np.rint(255 * (1 - ink)).astype(np.uint8)


def far(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean difference of two fields, in grey levels."""
    return float(np.abs(one.astype(float) - other).mean())


SEVEN = prepared(drawing())


def test_mnist_passes_untouched(digits: np.ndarray) -> None:
    """Every sample comes out to the bit, and the way back is the identity."""
    for digit in digits:
        result = preprocess_mnist(Planes(digit))

        np.testing.assert_array_equal(result.pixels, digit)
        assert result.preparation["affine"] == IDENTITY
        assert not result.preparation["inverted"]


def test_negatives_of_mnist_come_out_as_mnist(digits: np.ndarray) -> None:
    """Black on white is turned round, to the bit."""
    for digit in digits:
        result = preprocess_mnist(Planes(255 - digit))

        np.testing.assert_array_equal(result.pixels, digit)
        assert result.preparation["inverted"]
        assert result.preparation["steps"] == [*NEGATIVE]


def test_mnist_laid_on_a_larger_sheet_is_found_again(digits: np.ndarray) -> None:
    """A digit anywhere on a small sheet comes back nearly or exactly as it was."""
    exact = near = 0
    for number, digit in enumerate(digits):
        sheet = np.zeros((90, 70), np.uint8)
        sheet[number % 60 :, number % 40 :][:28, :28] = digit
        result = prepared(sheet)
        exact += np.array_equal(result, digit)
        near += far(result, digit) < 8
    assert exact >= 0.9 * len(digits)
    # A few digits have a second mark, which is left out.
    assert near >= 0.99 * len(digits)


def test_mnist_enlarged_comes_back(digits: np.ndarray) -> None:
    """A digit blown up by a whole number is the digit again once scaled down."""
    errors = [far(prepared(np.kron(digit, np.ones((9, 9), np.uint8))), digit) for digit in digits]

    # Where the outermost pixels are faint, the box is one row short and all is a little larger.
    assert np.percentile(errors, 75) < 2
    # A few digits have a second mark, which is left out.
    assert np.percentile(errors, 99) < 30


def test_a_drawing_has_mnists_geometry() -> None:
    """The foreground is 20 pixels long and its centre of mass rounds to (14, 14)."""
    rows, columns = np.nonzero(SEVEN)
    mass = SEVEN / SEVEN.sum()

    assert np.ptp(rows) + 1 == 20
    assert np.ptp(columns) + 1 < 20
    assert SEVEN.max() == 255
    assert np.median(SEVEN[SEVEN > 0]) > 100
    assert 13.5 <= (mass.sum(axis=0) * np.arange(28)).sum() < 14.5
    assert 13.5 <= (mass.sum(axis=1) * np.arange(28)).sum() < 14.5


def clear(level: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the seven in one grey level on a transparent canvas."""
    alpha = 255 - drawing()
    return np.full_like(alpha, level), alpha


@pytest.mark.parametrize(
    "planes",
    [
        (255 - drawing(),),
        (drawing(x=0.3),),
        (drawing(side=700),),
        (drawing(size=0.3, width=0.035),),
        (128 + drawing() // 2,),
        (100 - drawing() // 4,),
        clear(0),
        clear(255),
        clear(130),
    ],
    ids=["white", "left", "large", "small", "grey ink", "grey sheet", "black", "clear", "mid"],
)
def test_the_same_drawing_in_another_dress_is_the_same(planes: tuple[np.ndarray, ...]) -> None:
    """Polarity, place, size, contrast and transparency leave hardly a trace."""
    assert far(prepared(*planes), SEVEN) < 7


def test_a_sheet_with_cut_corners_is_a_sheet() -> None:
    """An opaque sheet with transparent corners is the background of its digit."""
    alpha = np.zeros((280, 280), np.uint8)
    alpha[20:260, 20:260] = 255

    assert far(prepared(drawing(), alpha), SEVEN) < 1


def test_strokes_cut_out_tightly_are_strokes() -> None:
    """A mostly opaque image of one colour is all foreground."""
    alpha = np.full((40, 10), 255, np.uint8)
    alpha[0, 0] = 0

    assert (prepared(np.zeros((40, 10), np.uint8), alpha) > 200).sum() >= 90


@pytest.mark.parametrize("light", ["slope", "vignette"])
@pytest.mark.parametrize("lossy", [True, False])
def test_a_photo_comes_out_as_a_drawing(light: str, lossy: bool) -> None:
    """Uneven light and grain are subtracted; the background is 0."""
    v, u = np.mgrid[-1:1:280j, -1:1:280j]
    ground = {"slope": 170 + 30 * u - 20 * v, "vignette": 210 - 40 * (u**2 + v**2)}[light]
    grain = np.random.default_rng(5).normal(0, 3, ground.shape)
    ink = 1 - drawing() / 255
    photo = np.clip(ground * (1 - 0.7 * ink) + grain, 0, 255).astype(np.uint8)
    result = prepared(photo, lossy=lossy)

    assert far(result, SEVEN) < 10
    assert not result[SEVEN == 0].max() > 60


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_picture_stays_blank(level: int) -> None:
    """A constant image and the grain of an empty sheet are blank."""
    flat = np.full((50, 30), level, np.uint8)
    grain = np.random.default_rng(6).integers(-6, 7, (300, 200))

    for grey in (flat, np.clip(flat[:1, :1] + grain, 0, 255).astype(np.uint8)):
        result = preprocess_mnist(Planes(grey))
        assert not result.pixels.any()
        assert result.preparation["box"] is None


def test_contrast_below_the_limit_is_blank() -> None:
    """A contrast of 31 grey levels is grain, one of 32 is foreground."""
    ink = np.zeros((28, 28), np.uint8)
    ink[5:20, 12:15] = 1

    assert not prepared(ink * 31).any()
    assert prepared(ink * 32).max() >= 240
    assert not prepared(200 - ink * 31).any()
    assert prepared(200 - ink * 32).max() >= 240


def test_an_all_transparent_picture_is_blank() -> None:
    """A fully transparent image is blank."""
    assert not prepared(np.full((9, 9), 200, np.uint8), np.zeros((9, 9), np.uint8)).any()


def test_grains_do_not_set_the_box() -> None:
    """A few specks on a large sheet do not make the digit small."""
    grey = drawing(side=1000)
    grey[::333, ::333] = 0

    assert far(prepared(grey), SEVEN) < 5


def test_strokes_thinner_than_a_pixel_keep_their_level() -> None:
    """A hairline comes out thin, but not faint."""
    result = prepared(drawing(width=0.005))

    assert result.max() == 255
    assert np.percentile(result[result > 15], 60) > 120


def test_one_pixel_is_a_blank() -> None:
    """An image of one pixel is valid and blank."""
    assert not prepared(np.full((1, 1), 90, np.uint8)).any()


def test_ink_far_from_its_box_stays_whole() -> None:
    """Centring stops where the foreground touches the border."""
    ink = np.zeros((60, 60), np.uint8)
    ink[10:30, 10:12] = ink[10:13, 10:30] = 255
    ink[10:18, 10:18] = 255
    result = prepared(ink)

    rows, columns = np.nonzero(result)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (20, 20)
    np.testing.assert_array_equal(
        result[:20, :20] if rows[0] == 0 else result[8:, 8:], ink[10:30, 10:30]
    )


def test_the_way_back_leads_to_the_ink() -> None:
    """The affine takes the field's pixels to where they came from in the source."""
    grey = drawing(x=0.35)
    result = preprocess_mnist(Planes(grey))
    a, b, c, d, e, f = result.preparation["affine"]
    rows, columns = np.nonzero(result.pixels > 250)
    x = a * (columns + 0.5) + b * (rows + 0.5) + c
    y = d * (columns + 0.5) + e * (rows + 0.5) + f

    assert (grey[y.astype(int), x.astype(int)] == 0).all()
    left, top, right, bottom = result.preparation["box"]
    scale, (right_by, down_by) = result.preparation["scale"], result.preparation["shift"]
    assert (c, f) == (left - right_by / scale, top - down_by / scale)
    assert (grey[top:bottom, left:right] < 255).sum() == (grey < 255).sum()
    assert result.preparation["source_size"] == [280, 280]


@given(arrays.arrays(np.uint8, (28, 28)))
def test_no_preprocessing_changes_nothing(grey: np.ndarray) -> None:
    """Without preprocessing the image itself is the input."""
    result = without_preprocessing(Planes(grey))

    np.testing.assert_array_equal(result.pixels, grey)
    assert result.preparation["affine"] == IDENTITY


def test_no_preprocessing_takes_what_is_clear_for_ground() -> None:
    """Alpha is composited on black, the background of MNIST."""
    alpha = np.repeat(np.arange(28, dtype=np.uint8) * 9, 28).reshape(28, 28)

    np.testing.assert_array_equal(
        without_preprocessing(Planes(np.full_like(alpha, 255), alpha)).pixels, alpha
    )


def twice(planes: Planes) -> tuple[PreparedImage, PreparedImage]:
    """Preprocess an image, and then the result."""
    once = preprocess_mnist(planes)
    return once, preprocess_mnist(Planes(once.pixels))


@st.composite
def pictures(draw: st.DrawFn) -> Planes:
    """Draw images of few levels, of noise, of blots, with alpha or without, of any shape."""
    shape = draw(arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))
    levels = st.sampled_from([0, 255]) | st.sampled_from([0, 0, 0, 7, 200]) | st.integers(0, 255)
    grey = draw(arrays.arrays(np.uint8, shape, elements=levels, fill=st.just(draw(levels))))
    alpha = draw(st.none() | arrays.arrays(np.uint8, shape))
    grow = draw(st.sampled_from([1, 1, 3, 11]))
    ones = np.ones((grow, grow), np.uint8)
    return Planes(
        np.kron(grey, ones), None if alpha is None else np.kron(alpha, ones), draw(st.booleans())
    )


@settings(max_examples=250)
@given(pictures())
def test_preparing_twice_is_preparing_once(planes: Planes) -> None:
    """The echoed pixels can be posted again, and nothing changes, to the bit."""
    once, again = twice(planes)

    np.testing.assert_array_equal(again.pixels, once.pixels)


@pytest.mark.parametrize("seed", range(15))
def test_preparing_odd_pictures_twice_is_preparing_once(seed: int) -> None:
    """Preprocessing of large images of noise, faint edges, tails and dots is idempotent too."""
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(1, 700, 2))
    grey = random.integers(0, 256, shape) * (random.random(shape) < random.choice([0.001, 0.1, 1]))
    fade = np.linspace(0, 1, shape[1]) ** random.integers(0, 40)
    planes = Planes((grey * fade[None, :]).astype(np.uint8))
    once, again = twice(planes)

    np.testing.assert_array_equal(again.pixels, once.pixels)


def test_what_is_its_own_ink_is_prepared_as_everything_else_is(monkeypatch):
    """The shortcut for images in MNIST's form gives the result of the full computation."""
    pictures = [Planes(image) for image in samples.load().images]
    short = [preprocess_mnist(picture) for picture in pictures]
    monkeypatch.setattr(mnist_preprocessing, "_unchanged_box", lambda _: None)
    for picture, made in zip(pictures, short, strict=True):
        long = preprocess_mnist(picture)
        np.testing.assert_array_equal(made.pixels, long.pixels)
        assert made.preparation == long.preparation
