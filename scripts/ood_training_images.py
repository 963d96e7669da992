"""Synthetic training images of the OOD detector: images of no digit, and augmented digits.

`scripts.ood_test_images` draws the test images by other methods: letters drawn by a pen or in other
fonts, filled shapes with corners, stripes, rings, noise of other spectra.
"""

from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32, UInt8
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from api.requests.mnist_preprocessing import preprocess_mnist
from api.requests.planes import Planes

CANVAS = 56  # pixels; MNIST preprocessing scales to 20
FONT = ImageFont.load_default(size=32)  # Pillow's default font, equal on every machine
# y and x of every pixel of the canvas, from -0.5 to 0.5.
GRID = ((np.mgrid[0:CANVAS, 0:CANVAS] + 0.5) / CANVAS - 0.5).reshape(2, -1).astype(np.float32)
# Stroke widths: unchanged, thicker, much thicker, thinner.
PENS = (None, ImageFilter.MaxFilter(3), ImageFilter.MaxFilter(5), ImageFilter.MinFilter(3))
BLACK_AND_WHITE = np.repeat([0, 255], 128).tolist()  # look-up table of a threshold
Images = UInt8[np.ndarray, "images 28 28"]
Picture = UInt8[np.ndarray, "height width"]
Random = np.random.Generator


def prepared(picture: np.ndarray) -> Picture:
    """Make an OOD training image of a picture by the server's MNIST preprocessing."""
    return np.asarray(
        preprocess_mnist(Planes(picture.clip(0, 255).round().astype(np.uint8))).pixels
    )


def warped(picture: Picture, random: Random, turn: float, bend: float) -> np.ndarray:
    """Warp an OOD training picture at random: rotate, stretch, shear and bend it.

    Args:
        turn: Largest rotation, in degrees.
        bend: Amplitude of the bending, as a share of the side.
    """
    angle = np.radians(random.uniform(-turn, turn))
    cosine, sine = np.cos(angle), np.sin(angle)
    slant = np.array([[1, 0], [random.uniform(-0.25, 0.25), 1]])
    stretch = np.exp(random.uniform(-0.25, 0.25, 2))
    affine = np.array([[cosine, -sine], [sine, cosine]]) @ slant * stretch
    waves, phases = random.normal(0, 8, (2, 2)), random.uniform(0, 2 * np.pi, (2, 1))
    bends = random.normal(0, bend, (2, 1)).astype(np.float32)
    points = affine.astype(np.float32) @ GRID
    points += bends * np.sin(waves.astype(np.float32) @ GRID + phases.astype(np.float32))
    return _sampled(picture, (points + 0.5) * CANVAS - 0.5)


def _sampled(
    picture: Picture, points: Float32[np.ndarray, "2 pixels"]
) -> Float32[np.ndarray, "height width"]:
    """Sample an OOD training picture between its pixels by bilinear interpolation."""
    # Before the last pixel, so that each point has a neighbour to the right and below.
    whole = points.clip(0, CANVAS - 1.01)
    corner = whole.astype(np.intp)
    down, right = whole - corner
    first = corner[0] * CANVAS + corner[1]
    values = picture.ravel().astype(np.float32)
    upper = values[first] * (1 - right) + values[first + 1] * right
    lower = values[first + CANVAS] * (1 - right) + values[first + CANVAS + 1] * right
    return np.asarray(upper * (1 - down) + lower * down).reshape(CANVAS, CANVAS)


def glyph(character: str, random: Random) -> Picture:
    """Draw an OOD training image of a character in Pillow's default font, warped."""
    picture = Image.new("L", (CANVAS, CANVAS))
    middle, weight = (CANVAS / 2, CANVAS / 2), random.uniform(0, 3)
    ImageDraw.Draw(picture).text(
        middle, character, 255, FONT, anchor="mm", stroke_width=weight if weight > 1 else 0
    )
    if random.binomial(1, 0.25):
        picture = picture.filter(ImageFilter.MinFilter(3))
    return prepared(warped(np.asarray(picture), random, 20, 0.04))


def scribble(random: Random) -> Picture:
    """Draw an OOD training image of one to four random strokes, straight or curved."""
    picture = Image.new("L", (CANVAS, CANVAS))
    pen, width = ImageDraw.Draw(picture), random.uniform(2, 8)
    for _ in range(random.integers(1, 5)):
        points = random.uniform(8, CANVAS - 8, (random.integers(2, 5), 2))
        stroke = _bezier(points) if random.binomial(1, 0.6) else points
        for start, end in pairwise(stroke):
            pen.line([*start, *end], 255, round(width))
        for x, y in stroke:
            pen.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], 255)
    return prepared(np.asarray(picture))


def _bezier(points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "steps 2"]:
    """Compute 16 points of a Bézier stroke of an OOD training image by de Casteljau's algorithm."""
    time = np.linspace(0, 1, 16)[:, None, None]
    curve = np.broadcast_to(points, (16, *points.shape))
    while curve.shape[1] > 1:
        curve = curve[:, :-1] * (1 - time) + curve[:, 1:] * time
    return curve[:, 0]


def blot(random: Random) -> Picture:
    """Draw an OOD training image of a closed blot whose radius varies smoothly with the angle."""
    angle = np.linspace(0, 2 * np.pi, 60)
    waves = np.arange(1, 6)[:, None]
    height = (
        random.normal(0, 0.25, (5, 1)) / waves * np.sin(waves * angle + random.random((5, 1)) * 6)
    )
    radius = 18 * np.maximum(1 + height.sum(axis=0), 0.2)
    x, y = radius * np.cos(angle), radius * np.sin(angle) * random.uniform(0.35, 1)
    picture = Image.new("L", (CANVAS, CANVAS))
    ImageDraw.Draw(picture).polygon([*np.stack([x, y], 1).ravel() + CANVAS / 2], 255)
    return prepared(warped(np.asarray(picture), random, 90, 0.02))


def field(random: Random) -> Picture:
    """Draw an OOD training image of random greys at a random spatial resolution."""
    cells = int(random.integers(2, 29))
    greys = random.normal(random.uniform(-100, 200), random.uniform(40, 200), (cells, cells))
    posted = random.binomial(1, 0.5)
    size = (CANVAS, CANVAS) if posted else (28, 28)
    smooth = Image.Resampling.BICUBIC if random.binomial(1, 0.7) else Image.Resampling.NEAREST
    picture = np.asarray(Image.fromarray(greys.astype(np.float32)).resize(size, smooth))
    return prepared(picture) if posted else picture.clip(0, 255).astype(np.uint8)


def chimera(random: Random, images: Images) -> Picture:
    """Make an OOD training image of two pictures: join halves of them, or overlay them."""
    first, second = images[random.integers(len(images), size=2)]
    cut, way = random.integers(11, 18), random.integers(3)
    if way == 0:
        return prepared(np.concatenate([first[:cut], second[cut:]]))
    if way == 1:
        return prepared(np.concatenate([first[:, :cut], second[:, cut:]], axis=1))
    return prepared(np.maximum(first, second))


def turned(random: Random, digits: Images) -> Picture:
    """Make an OOD training image of a digit by rotating it by 90 degrees or mirroring it."""
    digit = digits[random.integers(len(digits))]
    return prepared(
        np.rot90(digit, random.choice([1, 3])) if random.binomial(1, 0.5) else digit[:, ::-1]
    )


def spoilt(random: Random, digits: Images) -> Picture:
    """Make an OOD training image of a digit by inverting it, adding noise or shuffling tiles."""
    digit = digits[random.integers(len(digits))].astype(np.float64)
    way, side = random.integers(3), random.choice([1, 2, 4, 7, 14])
    if way == 0:
        return np.asarray(255 - digit, np.uint8)
    if way == 1:
        noise = random.normal(0, random.uniform(40, 150), digit.shape)
        return np.asarray((digit + noise).clip(0, 255), np.uint8)
    tiles = digit.reshape(28 // side, side, -1, side).swapaxes(1, 2).reshape(-1, side, side)
    shuffled = random.permutation(tiles).reshape(28 // side, -1, side, side)
    return shuffled.swapaxes(1, 2).reshape(28, 28).astype(np.uint8)


def redrawn(digit: Picture, random: Random) -> Picture:
    """Augment a digit for OOD training: change stroke width, rotate, shear and bend it slightly."""
    picture = Image.fromarray(digit).resize((CANVAS, CANVAS), Image.Resampling.BICUBIC)
    pen = PENS[random.choice(len(PENS), p=(0.25, 0.4, 0.2, 0.15))]
    if pen:
        picture = picture.filter(pen)
    if random.binomial(1, 0.5):
        # Black and white, as drawings without antialiasing are.
        picture = picture.point(BLACK_AND_WHITE)
    return prepared(warped(np.asarray(picture), random, 20, 0.015))


def coarse(digit: Picture, random: Random) -> Picture:
    """Augment a digit for OOD training: reduce it to 7 to 14 pixels, and enlarge that again.

    Half of them are reduced as those of the UCI data set are, by counting black pixels in cells.

    References:
        Kaynak (1995), Methods of combining multiple classifiers and their applications to
        handwritten digit recognition: 32x32 black or white pixels, counted in 4x4 cells.
    """
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    box = Image.fromarray(digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    height = int(random.integers(7, 15))
    share = box.width / box.height * np.exp(random.uniform(-0.1, 0.5))
    width = min(max(round(height * share), 2), 2 * height)
    fine = box.resize((4 * width, 4 * height), Image.Resampling.BICUBIC)
    if pen := PENS[random.choice(3, p=(0.4, 0.4, 0.2))]:
        fine = fine.filter(pen)
    if random.binomial(1, 0.5):
        fine = fine.point(BLACK_AND_WHITE)
    small = fine.resize((width, height), Image.Resampling.BOX)
    times = int(random.integers(1, 9))
    way = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
    large = small.resize((times * width, times * height), way[random.integers(3)])
    return prepared(np.pad(np.asarray(large), times * int(random.integers(1, 3))))


def framed(random: Random, digits: Images) -> Picture:
    """Make an OOD training image of a digit in a frame, or between two rules, of MNIST's size."""
    digit = Image.fromarray(digits[random.integers(len(digits))][4:24, 4:24])
    side, middle = int(random.integers(20, 40)), CANVAS // 2
    small = digit.resize((side, side), Image.Resampling.BICUBIC)
    picture = Image.new("L", (CANVAS, CANVAS))
    picture.paste(small, (middle - side // 2, middle - side // 2))
    width = round(random.uniform(1, 5))
    left, top = random.uniform(6, 12, 2)
    right, bottom = CANVAS - left, CANVAS - top
    pen, sides = ImageDraw.Draw(picture), random.choice(4)
    if sides != 1:
        pen.line([left, top, right, top], 255, width)
        pen.line([left, bottom, right, bottom], 255, width)
    if sides != 2:  # noqa: PLR2004 - the rules alone
        pen.line([left, top, left, bottom], 255, width)
        pen.line([right, top, right, bottom], 255, width)
    # Not by MNIST preprocessing, which may remove the frame.
    return np.asarray(picture.resize((28, 28), Image.Resampling.BOX))
