"""Synthetic test images for the OOD detector, of kinds that it was not trained on."""

import string
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64, UInt8
from PIL import Image, ImageDraw, ImageFont

from api.requests.mnist_preprocessing import preprocess_mnist
from api.requests.planes import Planes
from models.cnn.ood_detector import OODDetector
from probes.shared.input_warnings import image_warnings

# Letters that resemble a digit after they are scaled to its size.
DIGIT_LIKE = frozenset("OoIlSsZzBqgb")
LETTERS = [letter for letter in string.ascii_letters if letter not in DIGIT_LIKE]
CANVAS = 140  # pixels
SIDE = 28

# Strokes through points of a grid, x then y, 0 to 4 across and 0 to 6 down; corners are rounded.
PLOTTED = {
    "A": "062046 1434", "C": "4130100105163645", "D": "00062644422000", "E": "40000646 0333",
    "F": "400006 0333", "G": "41301001051636454323", "H": "0006 4046 0343",
    "J": "404536160504", "K": "0006 400346", "L": "000646", "M": "0600234046", "N": "06004640",
    "P": "06003041423303", "Q": "200105163645413020 2446", "R": "06003041423303 2346",
    "T": "0040 2026", "U": "000516364540", "V": "002640", "W": "0016233640", "X": "0046 4006",
    "Y": "0023 4023 2326", "a": "4332120305163645 4246", "d": "4046 4332120305163645",
    "e": "044443321203051646", "f": "41302126 0343", "h": "0006 0312324346", "k": "0006 420446",
    "m": "0206 03122326 23324346", "n": "0206 0312324346", "r": "0206 04132242",
    "t": "2026 0242", "u": "0205163645 4246", "w": "0216243642", "y": "0224 4206",
}  # fmt: skip
PLOTTED_DIGITS = {
    "0": "200105163645413020", "1": "112026", "2": "0110304142240646",
    "3": "0110304142234445361605", "4": "36300444", "5": "400003334445361605",
    "6": "3011030516364544331304", "7": "004016", "8": "41301001024445361605044241",
    "9": "42331302011030414236",
}  # fmt: skip

Picture = UInt8[np.ndarray, "28 28"]
Random = np.random.Generator
Draw = Callable[[Random], Picture]


def _grey(values: np.ndarray) -> UInt8[np.ndarray, "height width"]:
    return np.asarray(values.clip(0, 255).round(), np.uint8)


def _prepared(values: np.ndarray) -> Picture:
    return np.asarray(preprocess_mnist(Planes(_grey(values))).pixels)


def _centred(side: int) -> Float64[np.ndarray, "2 side side"]:
    """Return y and x of every pixel of an OOD test image, from -1 to 1."""
    return (np.mgrid[0:side, 0:side] + 0.5) / side * 2 - 1


def _spectrum(random: Random, side: int, keep: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Filter white noise by frequency for OOD test images; mean 0, standard deviation 1."""
    cycles = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) * side
    # The mean has 0 cycles, of which a negative power would be infinite.
    noise = np.fft.fft2(random.normal(size=(side, side))) * keep(np.maximum(cycles, 1))
    values = np.fft.ifft2(noise).real
    return np.asarray((values - values.mean()) / values.std())


def uniform_noise(random: Random) -> Picture:
    """Draw an OOD test image with every pixel uniform from 0 to 255."""
    return random.integers(0, 256, (SIDE, SIDE), np.uint8)


def gaussian_noise(random: Random) -> Picture:
    """Draw an OOD test image with every pixel from a normal distribution about a random grey."""
    return _grey(random.normal(random.uniform(0, 160), random.uniform(30, 120), (SIDE, SIDE)))


def salt_and_pepper(random: Random) -> Picture:
    """Draw an OOD test image with 20 to 80 % of the pixels white."""
    return _grey(255.0 * (random.random((SIDE, SIDE)) < random.uniform(0.2, 0.8)))


def sparse_noise(random: Random) -> Picture:
    """Draw an OOD test image with 2 to 15 % of the pixels in random greys."""
    lit = random.random((SIDE, SIDE)) < random.uniform(0.02, 0.15)
    return _grey(lit * random.uniform(100, 255, (SIDE, SIDE)))


def blurred_noise(random: Random) -> Picture:
    """Draw an OOD test image of white noise, blurred by a standard deviation of 0.5 to 3 pixels."""
    blur = random.uniform(0.5, 3) * 2 * np.pi / SIDE
    smooth = _spectrum(random, SIDE, lambda cycles: np.exp(-((cycles * blur) ** 2) / 2))
    return _grey(random.uniform(0, 140) + smooth * random.uniform(40, 100))


def posted_noise(random: Random) -> Picture:
    """Draw an OOD test image from a larger image of noise by MNIST preprocessing."""
    side = int(random.integers(30, 150))
    return _prepared(random.normal(random.uniform(0, 128), 60, (side, side)))


def stripes(random: Random) -> Picture:
    """Draw an OOD test image of parallel stripes, sinusoidal or sharp, at a random angle."""
    angle, period = random.uniform(0, np.pi), random.uniform(2, 12)
    y, x = _centred(SIDE) * SIDE / 2
    wave = np.sin(2 * np.pi * ((x * np.cos(angle) + y * np.sin(angle)) / period + random.random()))
    return _grey(127.5 * (1 + (np.sign(wave) if random.binomial(1, 0.5) else wave)))


def checkerboard(random: Random) -> Picture:
    """Draw an OOD test image of a checkerboard of squares of 1 to 7 pixels."""
    y, x = np.indices((SIDE, SIDE)) + random.integers(0, 7, (2, 1, 1))
    square = random.integers(1, 8)
    return _grey(255.0 * ((x // square + y // square) % 2))


def gradient(random: Random) -> Picture:
    """Draw an OOD test image of a linear or radial gradient."""
    angle = random.uniform(0, 2 * np.pi)
    y, x = _centred(SIDE)
    slope = 0.5 + (x * np.cos(angle) + y * np.sin(angle)) / 2.5
    return _grey(255 * (slope if random.binomial(1, 0.5) else np.hypot(x, y) / 1.4))


def rings(random: Random) -> Picture:
    """Draw an OOD test image of concentric rings about a point near the centre."""
    y, x = _centred(SIDE) * SIDE / 2 + random.normal(0, 3, (2, 1, 1))
    return _grey(127.5 * (1 + np.sin(2 * np.pi * np.hypot(x, y) / random.uniform(3, 8))))


def natural_noise(random: Random) -> Picture:
    """Draw an OOD test image of 1/f noise, with the spectrum of photographs."""
    steepness = random.uniform(0.8, 1.6)
    return _grey(128 + 50 * _spectrum(random, SIDE, lambda cycles: cycles**-steepness))


def filled_shape(random: Random) -> Picture:
    """Draw an OOD test image of a filled ellipse or regular polygon by MNIST preprocessing."""
    picture, middle = Image.new("L", (CANVAS, CANVAS)), CANVAS / 2
    width, height = random.uniform(35, 60), random.uniform(35, 60)
    pen = ImageDraw.Draw(picture)
    if random.binomial(1, 0.5):
        pen.ellipse([middle - width, middle - height, middle + width, middle + height], 255)
    else:
        pen.regular_polygon((middle, middle, width), int(random.integers(3, 8)), 0, 255)
    turned = picture.rotate(random.uniform(0, 180), Image.Resampling.BICUBIC)
    return _prepared(np.asarray(turned, np.float64))


def plotted(strokes: str, random: Random) -> Picture:
    """Draw an OOD test image of a character's strokes by a pen of random width and jitter."""
    picture, width = Image.new("L", (CANVAS, CANVAS)), random.uniform(6, 17)
    angle, stretch = np.radians(random.uniform(-15, 15)), random.uniform(0.75, 1.25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for stroke in strokes.split():
        grid = np.array([int(digit) for digit in stroke], np.float64).reshape(-1, 2) - [2, 3]
        points = (_rounded(grid + random.normal(0, 0.12, grid.shape)) * 15 * [stretch, 1]) @ turn.T
        line = points + CANVAS / 2
        ImageDraw.Draw(picture).line([*line.ravel()], 255, round(width))
        # Pillow's lines have no round ends and joints, unlike those of a pen.
        for x, y in line:
            box = [x - width / 2, y - width / 2, x + width / 2, y + width / 2]
            ImageDraw.Draw(picture).ellipse(box, 255)
    return _prepared(np.asarray(picture, np.float64))


def _rounded(points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "more 2"]:
    """Round the strokes of an OOD test character by cutting corners twice (Chaikin, 1974)."""
    for _ in range(2):
        near, far = points[:-1], points[1:]
        cuts = np.stack([near * 0.75 + far * 0.25, near * 0.25 + far * 0.75], axis=1)
        points = np.concatenate([points[:1], cuts.reshape(-1, 2)[1:-1], points[-1:]])
    return points


def printed(character: str, font: ImageFont.FreeTypeFont, random: Random) -> Picture:
    """Draw an OOD test image of a character printed in a font, thickened, rotated and stretched."""
    picture, middle = Image.new("L", (CANVAS, CANVAS)), (CANVAS / 2, CANVAS / 2)
    weight = int(random.integers(0, 4))
    ImageDraw.Draw(picture).text(middle, character, 255, font, anchor="mm", stroke_width=weight)
    turned = picture.rotate(random.uniform(-15, 15), Image.Resampling.BICUBIC)
    width = round(CANVAS * random.uniform(0.8, 1.2))
    return _prepared(np.asarray(turned.resize((width, CANVAS)), np.float64))


NOISE: Mapping[str, Draw] = {
    "uniform noise": uniform_noise,
    "gaussian noise": gaussian_noise,
    "salt-and-pepper noise": salt_and_pepper,
    "sparse noise": sparse_noise,
    "blurred noise": blurred_noise,
    "larger noise, prepared": posted_noise,
}
TEXTURES: Mapping[str, Draw] = {
    "stripes": stripes,
    "checkerboards": checkerboard,
    "gradients": gradient,
    "rings": rings,
    "1/f noise": natural_noise,
    "filled shapes": filled_shape,
}


def plotted_one_of(characters: Mapping[str, str]) -> Draw:
    """Return a drawer of OOD test images: a random one of some characters, with a pen."""
    strokes = list(characters.values())
    return lambda random: plotted(strokes[random.integers(len(strokes))], random)


def printed_one_of(characters: str, fonts: list[ImageFont.FreeTypeFont]) -> Draw:
    """Return a drawer of OOD test images: a random character in a random font."""

    def draw(random: Random) -> Picture:
        font = fonts[random.integers(len(fonts))]
        return printed(characters[random.integers(len(characters))], font, random)

    return draw


def kinds(fonts: list[ImageFont.FreeTypeFont]) -> dict[str, Draw]:
    """Return the drawer of every kind of OOD test image by name; printed characters if fonts."""
    drawn = {
        **NOISE,
        **TEXTURES,
        "letters, plotted": plotted_one_of(PLOTTED),
        "digits, plotted": plotted_one_of(PLOTTED_DIGITS),
    }
    if not fonts:
        return drawn
    return {
        **drawn,
        "letters, printed": printed_one_of("".join(LETTERS), fonts),
        "letters like digits, printed": printed_one_of("".join(sorted(DIGIT_LIKE)), fonts),
        "all letters, printed": printed_one_of(string.ascii_letters, fonts),
        "digits, printed": printed_one_of(string.digits, fonts),
    }


def fonts_in(folder: Path) -> list[ImageFont.FreeTypeFont]:
    """Open every TrueType and OpenType font of a folder tree, to print OOD test characters."""
    return [ImageFont.truetype(file, 50) for file in sorted(folder.rglob("*.[ot]tf"))]


def share_warned(images: UInt8[np.ndarray, "images 28 28"], detector: OODDetector) -> float:
    """Return the share of OOD test images with any input warning."""
    return float(
        np.mean(
            [bool(image_warnings(image, detector.score(image), detector.limit)) for image in images]
        )
    )


def draw_many(draw: Draw, count: int, seed: int) -> UInt8[np.ndarray, "images 28 28"]:
    """Draw a number of OOD test images with a seeded generator."""
    random = np.random.default_rng(seed)
    return np.stack([draw(random) for _ in range(count)])
