"""Digits drawn on the device from parametric strokes: forms that MNIST's writers seldom use.

    key -> form of a digit -> line segments -> 20 pixels long, centred by mass -> 28x28 pixels

Ones with an upstroke, sevens with a bar and nines with a hook are written in much of Europe, and
rare in MNIST; the others are digits that they could be taken for.
"""

from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from models.data.mnist import HEIGHT, WIDTH

Segments = Float[Array, "segments 2 2"]
"""Line segments of a drawn digit: start and end, y (downwards) and x, in heights of the digit."""

Number = Array | float
Point = tuple[Number, Number]
"""Point of a drawn digit's line: y (downwards) and x."""

LENGTH = 20.0  # pixels of the longer side of a drawn digit with its pen, as in MNIST
CENTRE = 14.0  # pixel of the centre of mass, as in MNIST
SEGMENTS = 12  # of the form with most, a nine
PEN = (0.9, 4.2)  # pixels: narrowest and widest pen
EDGE = (0.8, 2.2)  # pixels over which the edge of a stroke fades


def draw_digits(
    key: PRNGKeyArray, count: int
) -> tuple[Float[Array, "batch 28 28"], Int[Array, " batch"]]:
    """Draw digits in MNIST's form for CNN training, each of a random form.

    Args:
        key: Random key; equal keys give equal digits.
        count: Number of digits.

    Returns:
        Intensities in [0, 1], and labels.
    """
    choosing, shaping, inking = jax.random.split(key, 3)
    form = jax.random.choice(choosing, len(FORMS), (count,), p=jnp.array(SHARES))
    segments = jax.vmap(_shape)(jax.random.split(shaping, count), form)
    pen = jax.random.uniform(inking, (2, count))
    images = jax.vmap(render)(
        segments, PEN[0] + (PEN[1] - PEN[0]) * pen[0], EDGE[0] + (EDGE[1] - EDGE[0]) * pen[1]
    )
    return images, jnp.array(LABELS)[form]


def render(
    segments: Segments, pen: Float[Array, ""], edge: Float[Array, ""]
) -> Float[Array, "28 28"]:
    """Render the segments of a drawn digit: scaled and centred as MNIST's, by distance to them.

    Args:
        segments: Segments in any unit.
        pen: Width of the pen in pixels.
        edge: Width in pixels over which the edge fades from full intensity to 0.

    Returns:
        Intensities in [0, 1], of which the highest is 1.
    """
    placed = place(segments, pen)
    grid = jnp.indices((HEIGHT, WIDTH)).reshape(2, -1).T.astype(jnp.float32)
    start, along = placed[:, 0], placed[:, 1] - placed[:, 0]
    squared = jnp.maximum((along**2).sum(axis=-1), 1e-6)
    offset = grid[:, None] - start[None]
    part = jnp.clip((offset * along[None]).sum(axis=-1) / squared[None], 0.0, 1.0)
    distance = jnp.linalg.norm(offset - part[..., None] * along[None], axis=-1).min(axis=1)
    image = jnp.clip((pen / 2 - distance) / edge + 0.5, 0.0, 1.0).reshape(HEIGHT, WIDTH)
    return image / image.max()


def place(segments: Segments, pen: Float[Array, ""]) -> Segments:
    """Scale the segments of a drawn digit to 20 pixels, pen included, and centre their mass.

    The mass of a segment is its length. Centring ends where the digit touches the border.
    """
    points = segments.reshape(-1, 2)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = (LENGTH - pen) / jnp.maximum((high - low).max(), 1e-3)
    lengths = jnp.linalg.norm(segments[:, 1] - segments[:, 0], axis=-1)
    mass = (segments.mean(axis=1) * lengths[:, None]).sum(axis=0) / lengths.sum()
    least, most = pen / 2 - scale * low, HEIGHT - 1.0 - pen / 2 - scale * high
    shift = jnp.clip(CENTRE - scale * mass, least, most)
    return segments * scale + shift[None, None]


def _shape(key: PRNGKeyArray, form: Int[Array, ""]) -> Segments:
    """Draw the parameters of one form of a digit and return its segments."""
    numbers = jax.random.uniform(key, (12,))
    segments: Array = jax.lax.switch(form, FORMS, numbers)
    return segments


def _segments(*lines: list[Point]) -> Segments:
    """Return the segments of a drawn digit's lines, each a list of points (y, x)."""
    pairs = [pair for line in lines for pair in pairwise(line)]
    # A segment of no length on the first point changes neither the picture nor its mass.
    pairs += [(lines[0][0], lines[0][0])] * (SEGMENTS - len(pairs))
    return jnp.array(
        [[[jnp.asarray(value, jnp.float32) for value in point] for point in pair] for pair in pairs]
    )


def _between(number: Array, low: float, high: float) -> Array:
    return low + (high - low) * number


def one(numbers: Float[Array, " 12"], *, upstroke: bool, base: bool) -> Segments:
    """Return the segments of a one: a stem, with an upstroke to its top and a base, if wanted.

    The upstroke rises to the right by 28 to 68 degrees, over up to 0.6 of the height.

    Args:
        numbers: Uniform random numbers in [0, 1).
        upstroke: Whether a stroke leads up to the top of the stem.
        base: Whether the stem has a horizontal stroke at its foot.
    """
    top, foot = (0.0, _between(numbers[0], -0.14, 0.22)), (1.0, 0.0)
    lines: list[list[Point]] = [[top, foot]]
    if upstroke:
        rise = _between(numbers[1], 0.06, 0.6)
        run = jnp.minimum(rise / jnp.tan(jnp.radians(_between(numbers[2], 28.0, 68.0))), 0.85)
        lines[0].insert(0, (rise, top[1] - run))
    if base:
        tilt = _between(numbers[3], -0.05, 0.05)
        left, right = _between(numbers[4], 0.1, 0.42), _between(numbers[5], 0.1, 0.42)
        lines.append([(1.0 + tilt, -left), (1.0 - tilt, right)])
    return _segments(*lines)


def seven(numbers: Float[Array, " 12"], *, serif: bool, bar: bool) -> Segments:
    """Return the segments of a seven: a top and a slanted stem, with a serif and a bar, if wanted.

    The top is within some degrees of the horizontal, and the stem slants, unlike those of a one.

    Args:
        numbers: Uniform random numbers in [0, 1).
        serif: Whether a short stroke leads down from the left end of the top.
        bar: Whether a stroke crosses the stem.
    """
    width = _between(numbers[0], 0.4, 0.85)
    left, right = (_between(numbers[1], -0.04, 0.1), 0.0), (0.0, width)
    foot = (1.0, width - _between(numbers[2], 0.12, 0.6))
    lines: list[list[Point]] = [[left, right, foot]]
    if serif:
        tick = _between(numbers[3], 0.06, 0.3)
        lines[0].insert(0, (left[0] + tick, _between(numbers[4], -0.08, 0.04)))
    if bar:
        height, tilt = _between(numbers[5], 0.36, 0.64), _between(numbers[6], -0.08, 0.08)
        middle = width + (foot[1] - width) * height
        before, after = _between(numbers[7], 0.1, 0.32), _between(numbers[8], 0.1, 0.32)
        lines.append([(height + tilt, middle - before), (height - tilt, middle + after)])
    return _segments(*lines)


def four(numbers: Float[Array, " 12"], *, closed: bool) -> Segments:
    """Return the segments of a four, closed at its top (a triangle) or open (two uprights).

    Args:
        numbers: Uniform random numbers in [0, 1).
        closed: Whether the strokes meet at the top.
    """
    width, low = _between(numbers[0], 0.5, 0.95), _between(numbers[1], 0.5, 0.8)
    stem = width * _between(numbers[2], 0.55, 0.9)
    end = (low + _between(numbers[3], -0.05, 0.05), width)
    foot = (1.0, stem + _between(numbers[4], -0.15, 0.06))
    if closed:
        top = (0.0, stem + _between(numbers[5], -0.04, 0.04))
        return _segments([top, (low, 0.0), end], [top, foot])
    start = (_between(numbers[6], 0.0, 0.2), stem * _between(numbers[7], 0.0, 0.8))
    upper = (_between(numbers[8], 0.0, 0.5), stem + _between(numbers[9], -0.02, 0.12))
    return _segments([start, (low, 0.0), end], [upper, foot])


def nine(numbers: Float[Array, " 12"], *, hook: bool) -> Segments:
    """Return the segments of a nine: a loop and a stem, with a hook at its foot if wanted.

    Args:
        numbers: Uniform random numbers in [0, 1).
        hook: Whether the stem turns left into a horizontal stroke.
    """
    tall, wide = _between(numbers[0], 0.19, 0.3), _between(numbers[1], 0.16, 0.34)
    loop = _arc((tall, 0.0), (tall, wide), (_between(numbers[2], -0.6, 0.3), -2 * jnp.pi), 8)
    if not hook:
        return _segments([*loop, (1.0, wide * _between(numbers[3], -0.4, 1.1))])
    turn = (_between(numbers[3], 0.65, 0.88), wide * _between(numbers[4], 0.6, 1.2))
    foot = (1.0, turn[1] - _between(numbers[5], 0.08, 0.25))
    end = (_between(numbers[6], 0.84, 1.04), -wide * _between(numbers[7], 0.2, 1.2))
    return _segments([*loop, turn, foot, end])


def three(numbers: Float[Array, " 12"]) -> Segments:
    """Return the segments of a three: two bows, open to the left, unlike the loop of a nine."""
    upper, lower = _between(numbers[0], 0.2, 0.27), _between(numbers[1], 0.23, 0.3)
    starts = _between(numbers[2], 3.4, 4.2), _between(numbers[3], 4.6, 5.2)
    ends = _between(numbers[4], 7.1, 7.7), _between(numbers[5], 8.4, 9.2)
    wide, wider = _between(numbers[6], 0.15, 0.34), _between(numbers[7], 0.15, 0.36)
    above = _arc((upper, 0.0), (upper, wide), (starts[0], ends[0] - starts[0]), 5)
    below = _arc((1.0 - lower, 0.0), (lower, wider), (starts[1], ends[1] - starts[1]), 6)
    return _segments([*above, *below])


def _arc(middle: Point, radii: Point, angles: tuple[Number, Number], count: int) -> list[Point]:
    """Return the ends of the segments that approximate an arc of an ellipse in a drawn digit.

    Args:
        middle: Centre, y and x.
        radii: Vertical and horizontal radius.
        angles: Start, 0 at the right and clockwise, and extent, both in radians.
        count: Number of segments.
    """
    at = [angles[0] + angles[1] * step / count for step in range(count + 1)]
    return [(middle[0] + radii[0] * jnp.sin(a), middle[1] + radii[1] * jnp.cos(a)) for a in at]


def two(numbers: Float[Array, " 12"]) -> Segments:
    """Return the segments of an angular two: a top, a diagonal and a base, which a one lacks."""
    width = _between(numbers[0], 0.45, 0.8)
    left, right = (_between(numbers[1], -0.02, 0.14), 0.0), (0.0, width)
    corner = (1.0, _between(numbers[2], -0.1, 0.1))
    end = (1.0 + _between(numbers[3], -0.06, 0.06), width * _between(numbers[4], 0.8, 1.2))
    return _segments([left, right, corner, end])


def _with(form: Callable[..., Segments], **details: bool) -> Callable[[Array], Segments]:
    return lambda numbers: form(numbers, **details)


# Label, share and form. Ones and sevens have equal shares, so that neither is favoured.
_DRAWN: tuple[tuple[int, float, Callable[[Array], Segments]], ...] = (
    (1, 0.02, _with(one, upstroke=False, base=False)),
    (1, 0.22, _with(one, upstroke=True, base=False)),
    (1, 0.08, _with(one, upstroke=True, base=True)),
    (1, 0.02, _with(one, upstroke=False, base=True)),
    (7, 0.10, _with(seven, serif=False, bar=False)),
    (7, 0.08, _with(seven, serif=True, bar=False)),
    (7, 0.09, _with(seven, serif=False, bar=True)),
    (7, 0.07, _with(seven, serif=True, bar=True)),
    (4, 0.08, _with(four, closed=False)),
    (4, 0.06, _with(four, closed=True)),
    (9, 0.06, _with(nine, hook=True)),
    (9, 0.03, _with(nine, hook=False)),
    (2, 0.04, two),
    (3, 0.05, three),
)
LABELS = tuple(label for label, _, _ in _DRAWN)
SHARES = tuple(share for _, share, _ in _DRAWN)
FORMS = tuple(form for _, _, form in _DRAWN)
