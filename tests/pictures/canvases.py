"""Canvases: kinds of drawings that programs send, opaque or transparent, in any colours."""

import numpy as np
from PIL import Image

from tests.pictures import pen
from tests.pictures.kind import kind
from tests.pictures.photo import smooth
from tests.pictures.scene import Colour, Scene, jpeg, png
from tests.pictures.sheets import Random, hand

SIDES = [200, 240, 280, 280, 300, 400, 512]


def drawing(
    digit: np.ndarray, random: Random, ground: Colour, ink: Colour, opacity: float = 1
) -> Scene:
    """Return an opaque canvas with a digit by a round brush."""
    side = int(random.choice(SIDES))
    scene = Scene((side, side), ground, random)
    length = random.uniform(0.5, 0.75) * side
    width = length * random.uniform(0.06, 0.12)
    return scene.write(hand(digit, random), ink, length, width, opacity=opacity)


def clear(digit: np.ndarray, random: Random, ink: Colour, alpha: float = 1) -> bytes:
    """Return a transparent canvas with a digit of one colour and alpha, as PNG."""
    mask = drawing(digit, random, (0, 0, 0), (255, 255, 255)).image.convert("L")
    image = Image.new("RGBA", mask.size, (0, 0, 0, 0))
    levels = np.asarray(mask)
    pixels = np.array(image)
    # The colour is that of the stroke wherever there is any of it, as browsers store it.
    pixels[levels > 0, :3] = ink
    pixels[..., 3] = np.rint(levels * alpha)
    return png(Image.fromarray(pixels))


def encoded(scene: Scene) -> bytes:
    """Encode a canvas as PNG, or now and then as JPEG."""
    if scene.random.random() < 0.7:
        return png(scene.image)
    return jpeg(scene.image, int(scene.random.integers(70, 96)))


@kind("mnist-enlarged", holds=True)
def mnist_enlarged(digit: np.ndarray, random: Random) -> bytes:
    """MNIST image enlarged smoothly, light on dark or dark on light."""
    image = Image.fromarray(digit).resize(
        (int(random.integers(56, 400)),) * 2, Image.Resampling.BICUBIC
    )
    return png(image.point(lambda level: 255 - level) if random.random() < 0.5 else image)


@kind("mnist-pixelated")
def mnist_pixelated(digit: np.ndarray, random: Random) -> bytes:
    """MNIST image enlarged by whole pixels."""
    side = 28 * int(random.integers(4, 15))
    image = Image.fromarray(digit).resize((side, side), Image.Resampling.NEAREST)
    return png(image.point(lambda level: 255 - level) if random.random() < 0.5 else image)


@kind("page-pad", holds=True)
def page_pad(digit: np.ndarray, random: Random) -> bytes:
    """Drawing on a pad of 280 pixels with a round brush of 15 to 22."""
    dark = random.random() < 0.5
    scene = Scene((280, 280), (0, 0, 0) if dark else (255, 255, 255), random)
    colour = (255, 255, 255) if dark else (0, 0, 0)
    length, width = random.uniform(130, 215), random.uniform(15, 22)
    scene.write(hand(digit, random), colour, length, width)
    return png(scene.image)


@kind("thin-canvas")
def thin_canvas(digit: np.ndarray, random: Random) -> bytes:
    """Drawing with a brush of 2 to 4 pixels on a canvas of 300 to 500."""
    side = int(random.integers(300, 500))
    scene = Scene((side, side), (255, 255, 255), random)
    scene.write(
        hand(digit, random), (0, 0, 0), random.uniform(0.5, 0.75) * side, random.uniform(2, 4)
    )
    return png(scene.image)


@kind("paint-program")
def paint_program(digit: np.ndarray, random: Random) -> bytes:
    """Drawing of a paint program: a large canvas, hard pixels without antialiasing."""
    side = random.choice([(640, 480), (800, 600), (1152, 648), (512, 512)])
    scene = Scene((int(side[0]), int(side[1])), (255, 255, 255), random)
    length = random.uniform(0.4, 0.7) * scene.short
    colour = [(0, 0, 0), (237, 28, 36), (0, 162, 232), (63, 72, 204)][random.integers(4)]
    scene.write(hand(digit, random), (0, 0, 0), length, random.uniform(5, 18))
    hard = np.asarray(scene.image.convert("L")) < 128
    pixels = np.full((*hard.shape, 3), 255, np.uint8)
    pixels[hard] = colour
    return png(Image.fromarray(pixels))


@kind("black-on-clear", holds=True)
def black_on_clear(digit: np.ndarray, random: Random) -> bytes:
    """Black strokes on a transparent canvas."""
    return clear(digit, random, (0, 0, 0))


@kind("white-on-clear", holds=True)
def white_on_clear(digit: np.ndarray, random: Random) -> bytes:
    """White strokes on a transparent canvas."""
    return clear(digit, random, (255, 255, 255))


@kind("colour-on-clear")
def colour_on_clear(digit: np.ndarray, random: Random) -> bytes:
    """Strokes of a colour on a transparent canvas."""
    colours = [(220, 40, 40), (40, 90, 220), (250, 200, 40), (40, 170, 90), (128, 128, 128)]
    return clear(digit, random, colours[random.integers(5)])


@kind("half-alpha")
def half_alpha(digit: np.ndarray, random: Random) -> bytes:
    """Strokes of about half alpha on a transparent canvas."""
    ink = [(0, 0, 0), (255, 255, 255), (60, 60, 180)][random.integers(3)]
    return clear(digit, random, ink, random.uniform(0.42, 0.6))


@kind("faint-alpha")
def faint_alpha(digit: np.ndarray, random: Random) -> bytes:
    """Strokes of 10 to 45 % alpha on a transparent canvas."""
    ink = [(0, 0, 0), (255, 255, 255), (200, 50, 50), (60, 60, 180)][random.integers(4)]
    return clear(digit, random, ink, random.uniform(0.1, 0.45))


@kind("soft-brush-on-clear")
def soft_brush(digit: np.ndarray, random: Random) -> bytes:
    """Strokes of a soft brush, whose alpha falls off to its edge, on a transparent canvas."""
    side = int(random.choice([280, 400]))
    length = random.uniform(0.5, 0.7) * side
    wide = Scene((side, side), (0, 0, 0), random)
    line = hand(digit, random)
    for share, level in zip(np.linspace(1, 0.25, 8), np.linspace(30, 255, 8), strict=True):
        wide.write(line, (int(level),) * 3, length, length * 0.12 * share, (side / 2, side / 2))
    alpha = np.asarray(wide.image.convert("L"), np.float32) * random.uniform(0.35, 1)
    ink = [(0, 0, 0), (255, 255, 255), (180, 40, 120)][random.integers(3)]
    pixels = np.zeros((side, side, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = ink, alpha
    return png(Image.fromarray(pixels))


@kind("yellow-on-white")
def yellow_on_white(digit: np.ndarray, random: Random) -> bytes:
    """Yellow strokes on white."""
    ink = (
        int(random.integers(240, 256)),
        int(random.integers(215, 252)),
        int(random.integers(0, 90)),
    )
    return encoded(drawing(digit, random, (255, 255, 255), ink))


@kind("red-on-green")
def red_on_green(digit: np.ndarray, random: Random) -> bytes:
    """Red strokes on green, or green ones on red, nearly of one luma."""
    red = (int(random.integers(200, 245)), int(random.integers(30, 70)), 50)
    green = (
        int(random.integers(40, 80)),
        int(random.integers(120, 150)),
        int(random.integers(50, 90)),
    )
    pair = (red, green) if random.random() < 0.5 else (green, red)
    return encoded(drawing(digit, random, *pair))


@kind("blue-on-black")
def blue_on_black(digit: np.ndarray, random: Random) -> bytes:
    """Blue strokes on black, or black ones on blue."""
    blue = (
        int(random.integers(0, 30)),
        int(random.integers(0, 40)),
        int(random.integers(170, 256)),
    )
    pair = ((0, 0, 0), blue) if random.random() < 0.6 else (blue, (0, 0, 0))
    return encoded(drawing(digit, random, *pair))


def of_luma(random: Random, luma: float) -> Colour:
    """Return a vivid random colour of a luma (ITU-R 601)."""
    weights = np.array([0.299, 0.587, 0.114])
    while True:
        colour = random.random(3)
        colour = (colour - colour.min()) / np.ptp(colour) * 255
        colour = colour * (luma / (colour @ weights))
        if colour.max() <= 255:
            return tuple(int(v) for v in colour)


@kind("same-luma")
def same_luma(digit: np.ndarray, random: Random) -> bytes:
    """Strokes and ground of different colours and one luma."""
    luma = random.uniform(70, 130)
    while True:
        pair = of_luma(random, luma), of_luma(random, luma)
        if max(abs(a - b) for a, b in zip(*pair, strict=True)) > 110:
            return encoded(drawing(digit, random, *pair))


@kind("two-colours")
def two_colours(digit: np.ndarray, random: Random) -> bytes:
    """Strokes and ground of two colours that differ visibly."""
    while True:
        pair = random.integers(0, 256, (2, 3))
        if np.abs(pair[0] - pair[1]).max() > 90:
            first, second = (tuple(int(v) for v in colour) for colour in pair)
            return encoded(drawing(digit, random, first, second))


@kind("pale-stroke")
def pale_stroke(digit: np.ndarray, random: Random) -> bytes:
    """Light grey or pastel strokes on white."""
    level = int(random.integers(195, 232))
    ink = [(level,) * 3, (255, level, level), (level, level, 255), (level, 255, level)]
    return encoded(drawing(digit, random, (255, 255, 255), ink[random.integers(4)]))


@kind("grey-on-grey")
def grey_on_grey(digit: np.ndarray, random: Random) -> bytes:
    """Grey strokes on a grey that is 24 to 60 levels away."""
    ground = int(random.integers(70, 190))
    level = ground + int(random.choice([-1, 1]) * random.integers(24, 60))
    return encoded(drawing(digit, random, (ground,) * 3, (level,) * 3))


@kind("on-a-gradient")
def on_a_gradient(digit: np.ndarray, random: Random) -> bytes:
    """White or black strokes on a ground that runs from one colour to another."""
    scene = drawing(digit, random, (0, 0, 0), (255, 255, 255))
    mask = scene.image.convert("L")
    light = random.random() < 0.5
    span = (20, 120) if light else (140, 240)
    corners = random.integers(*span, (2, 2, 3))
    planes = [smooth(corners[..., c], scene.size).clip(0, 255) for c in range(3)]
    ground = Image.fromarray(np.stack(planes, -1).astype(np.uint8))
    ground.paste((255, 255, 255) if light else (0, 0, 0), (0, 0), mask)
    return png(ground)


@kind("outlined-canvas")
def outlined_canvas(digit: np.ndarray, random: Random) -> bytes:
    """Drawing on a canvas with a border of one to three pixels."""
    scene = drawing(digit, random, (255, 255, 255), (0, 0, 0))
    width, height = scene.size
    level = (int(random.integers(0, 190)),) * 3
    inset = int(random.integers(0, 12))
    box = (inset, inset, width - 1 - inset, height - 1 - inset)
    scene.draw.rectangle(box, outline=level, width=int(random.integers(1, 4)))
    return png(scene.image)


@kind("canvas-with-grid")
def canvas_with_grid(digit: np.ndarray, random: Random) -> bytes:
    """Drawing on a canvas with grid lines, as those of drawing applications."""
    scene = drawing(digit, random, (255, 255, 255), (0, 0, 0))
    mask = scene.image.convert("L").point(lambda level: 255 - level)
    pitch = scene.short / int(random.choice([4, 7, 10, 14, 28]))
    level = (int(random.integers(190, 232)),) * 3
    for at in np.arange(0, scene.short + 1, pitch):
        scene.draw.line((at, 0, at, scene.short), level)
        scene.draw.line((0, at, scene.short, at), level)
    scene.image.paste((0, 0, 0), (0, 0), mask)
    return png(scene.image)


@kind("neon")
def neon(digit: np.ndarray, random: Random) -> bytes:
    """Bright strokes with a glow on a dark ground."""
    ink = [(255, 60, 200), (60, 255, 220), (120, 255, 60), (255, 180, 40)][random.integers(4)]
    scene = Scene((400, 400), (12, 10, 22), random)
    line, length = hand(digit, random), random.uniform(200, 290)
    for share, opacity in ((3, 0.12), (2.2, 0.16), (1.5, 0.25), (1, 1)):
        scene.write(line, ink, length, 16 * share, (200, 200), opacity)
    scene.write(line, (255, 255, 255), length, 6, (200, 200))
    return png(scene.image)


@kind("two-strokes-of-colour")
def two_strokes(digit: np.ndarray, random: Random) -> bytes:
    """Drawing whose strokes have different colours."""
    scene = Scene((300, 300), (255, 255, 255), random)
    line, length = hand(digit, random), random.uniform(160, 220)
    colours = [(220, 40, 40), (40, 80, 210), (30, 150, 70), (20, 20, 20)]
    shift = random.integers(4)
    for number, path in enumerate(line):
        points = [tuple(p) for p in path * length + 150]
        scene.stroke(points, colours[(number + shift) % 4], length * 0.09)
    return png(scene.image)


@kind("smoothed-line")
def smoothed_line(digit: np.ndarray, random: Random) -> bytes:
    """Drawing by a finger on a tablet: a wide, smooth line whose width varies."""
    scene = Scene((500, 500), (255, 255, 255), random)
    length = random.uniform(250, 360)
    for path in pen.turned(pen.trace(digit), random.uniform(-5, 5)):
        wave = 1 + 0.35 * np.sin(np.linspace(0, random.uniform(3, 9), len(path)))
        for (x, y), share in zip(path * length + 250, wave, strict=True):
            radius = length * 0.035 * share
            scene.draw.ellipse((x - radius, y - radius, x + radius, y + radius), (15, 15, 20))
    return png(scene.image)
