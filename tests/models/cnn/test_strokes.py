"""Digits drawn for training: strokes where the parameters put them, in MNIST's form, by label."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.cnn import strokes

COUNT = 300
draw_digits = jax.jit(strokes.draw_digits, static_argnums=1)
render = jax.jit(strokes.render)


@pytest.fixture(scope="module")
def drawn():
    """Draw many digits of all forms."""
    images, labels = draw_digits(jax.random.key(0), COUNT)
    return np.asarray(images), np.asarray(labels)


def numbers(**chosen):
    """Return random numbers of a form: halves, but for those chosen by place."""
    values = np.full(12, 0.5, np.float32)
    for place, value in chosen.items():
        values[int(place[1:])] = value
    return jnp.asarray(values)


def ink(image, y, x):
    """Return the highest intensity within a pixel of a point."""
    row, column = round(float(y)), round(float(x))
    return float(np.asarray(image)[row - 1 : row + 2, column - 1 : column + 2].max())


def test_drawn_digits_are_images(drawn):
    """Intensities are in [0, 1], and the darkest and lightest pixels of each digit are 0 and 1."""
    images, labels = drawn
    assert images.shape == (COUNT, 28, 28)
    assert images.min() == 0
    assert np.allclose(images.max(axis=(1, 2)), 1)
    assert set(labels.tolist()) == set(strokes.LABELS)


def test_drawn_digits_have_the_form_of_mnist(drawn):
    """The longer side has 20 pixels with soft edges, and the centre of mass is pixel (14, 14)."""
    images, _ = drawn
    strong = images > 0.5
    tall, wide = (np.ptp(np.where(strong.any(axis=2))[1]), 0)
    sides = [
        max(np.ptp(np.flatnonzero(image.any(axis=axis))) + 1 for axis in (0, 1)) for image in strong
    ]
    assert tall > wide
    assert min(sides) >= 17
    assert max(sides) <= 21
    grid = np.indices((28, 28)).reshape(2, -1)
    centres = images.reshape(COUNT, -1) @ grid.T / images.sum(axis=(1, 2))[:, None]
    # Mass is that of the strokes' lengths, and strokes that cross have less ink than that.
    assert np.abs(np.median(centres, axis=0) - 14).max() < 0.5
    assert np.abs(centres - 14).max() < 2


def test_equal_keys_draw_equal_digits(drawn):
    """Equal keys draw equal digits, and another key draws other digits."""
    images, labels = drawn
    again, names = draw_digits(jax.random.key(0), COUNT)
    other, _ = draw_digits(jax.random.key(1), COUNT)
    np.testing.assert_array_equal(images, again)
    np.testing.assert_array_equal(labels, names)
    assert len({image.tobytes() for image in [*images, *np.asarray(other)]}) == 2 * COUNT


def test_no_digit_can_be_drawn():
    """A count of 0 gives no image and no label."""
    images, labels = draw_digits(jax.random.key(0), 0)
    assert images.shape == (0, 28, 28)
    assert labels.shape == (0,)


def test_forms_have_shares_of_all():
    """Shares of the forms sum to 1, and ones and sevens are drawn equally often."""
    shares = dict.fromkeys(strokes.LABELS, 0.0)
    for label, share in zip(strokes.LABELS, strokes.SHARES, strict=True):
        shares[label] += share
    assert sum(shares.values()) == pytest.approx(1)
    assert shares[1] == pytest.approx(shares[7])


@pytest.mark.parametrize("rise", [0.15, 0.35, 0.5])
def test_an_upstroke_is_where_the_parameters_say(rise):
    """The tip of a one's upstroke lies below the top by its share of the height, at 48 degrees."""
    chosen = numbers(n1=(rise - 0.06) / 0.54)
    with_upstroke = strokes.one(chosen, upstroke=True, base=False)
    tip, top, foot = np.asarray(with_upstroke)[[0, 1, 1], [0, 0, 1]]
    assert tip[0] - top[0] == pytest.approx(rise, abs=1e-5)
    assert foot[0] - top[0] == pytest.approx(1)
    angle = np.degrees(np.arctan2(tip[0] - top[0], top[1] - tip[1]))
    assert angle == pytest.approx(48, abs=1e-3)

    pen = jnp.float32(2)
    image = render(with_upstroke, pen, jnp.float32(1))
    placed = np.asarray(strokes.place(with_upstroke, pen))
    stem = strokes.one(chosen, upstroke=False, base=False)
    alone = render(stem, pen, jnp.float32(1))
    shift = placed[1, 0] - np.asarray(strokes.place(stem, pen))[0, 0]
    for point in (placed[0, 0], placed[0].mean(axis=0), placed[1].mean(axis=0), placed[1, 1]):
        assert ink(image, *point) > 0.9
    if rise > 0.3:
        assert ink(alone, *(placed[0, 0] - shift)) == 0


def test_a_bar_crosses_the_stem_of_a_seven():
    """A seven with a bar has ink on both sides of its stem, where one without has none."""
    pen, edge = jnp.float32(2), jnp.float32(1)
    barred = strokes.seven(numbers(), serif=False, bar=True)
    image = render(barred, pen, edge)
    start, end = np.asarray(strokes.place(barred, pen))[2]
    assert ink(image, *start) > 0.9
    assert ink(image, *end) > 0.9
    plain = render(strokes.seven(numbers(), serif=False, bar=False), pen, edge)
    assert float(image.sum()) > float(plain.sum()) + 5


def test_a_four_is_open_or_closed():
    """The uprights of an open four are apart at the top; those of a closed one meet."""
    pen, edge = jnp.float32(2), jnp.float32(1)
    first_row = {
        closed: np.asarray(render(strokes.four(numbers(n6=0, n8=0), closed=closed), pen, edge))
        for closed in (False, True)
    }
    spans = {
        closed: np.ptp(np.flatnonzero(image[np.flatnonzero(image.any(axis=1))[0] + 1] > 0.3))
        for closed, image in first_row.items()
    }
    assert spans[True] < 5 < spans[False]


def test_the_loop_of_a_nine_is_closed():
    """The inside of a nine's loop is empty and surrounded, with and without a hook."""
    for hook in (False, True):
        segments = strokes.nine(numbers(n0=1, n1=1), hook=hook)
        image = render(segments, jnp.float32(1.5), jnp.float32(1))
        middle = np.asarray(strokes.place(segments, jnp.float32(1.5)))[:8, 0].mean(axis=0)
        row, column = np.rint(middle).astype(int)
        assert image[row, column] == 0
        rays = (image[row, :column], image[row, column:], image[:row, column], image[row:, column])
        assert all(float(ray.max()) > 0.5 for ray in rays)


def test_a_three_is_open_to_the_left():
    """A three has ink to the right of the middle of each bow and none to the left."""
    segments = strokes.three(numbers())
    image = np.asarray(render(segments, jnp.float32(1.5), jnp.float32(1)))
    placed = np.asarray(strokes.place(segments, jnp.float32(1.5))).reshape(-1, 2)
    left, right = placed[:, 1].min(), placed[:, 1].max()
    middle = round(float(placed[:, 0].max() + placed[:, 0].min()) / 2)
    for row in (middle - 5, middle + 5):
        assert image[row, round(float(left + right) / 2) :].max() > 0.5
        assert image[row, : round(float(left)) + 1].max() < 0.5


def test_a_two_has_three_strokes():
    """An angular two has ink at the ends of its top and of its base, and in between."""
    segments = strokes.two(numbers())
    image = render(segments, jnp.float32(2), jnp.float32(1))
    placed = np.asarray(strokes.place(segments, jnp.float32(2)))[:3]
    for point in [*placed[:, 0], *placed.mean(axis=1), placed[2, 1]]:
        assert ink(image, *point) > 0.9


def test_a_wide_digit_stays_inside_the_image():
    """Centring ends where a digit whose mass is at one side touches the border."""
    lopsided = jnp.array([[[0.0, 0.0], [1.0, 0.0]]] * 9 + [[[0.0, 0.0], [0.0, 1.0]]] * 3)
    placed = np.asarray(strokes.place(lopsided, jnp.float32(3)))
    assert placed.min() >= 1.5
    assert placed.max() <= 25.5
