"""Screens: kinds of screenshots, and photos of a screen."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.pictures.canvases import drawing
from tests.pictures.kind import kind
from tests.pictures.photo import gradient, keystone, shoot
from tests.pictures.scene import Scene, jpeg, png
from tests.pictures.sheets import Random, hand


def application(digit: np.ndarray, random: Random, dark: bool, pad_dark: bool) -> Scene:
    """Return a phone's screen with a drawing application: status bar, heading, pad and button."""
    width, height = [(360, 640), (720, 1280), (540, 960), (1080, 1920)][
        random.choice(4, p=[0.3, 0.4, 0.2, 0.1])
    ]
    ground, text = ((24, 24, 26), (205, 205, 205)) if dark else ((246, 246, 248), (50, 50, 54))
    scene = Scene((width, height), ground, random)
    unit = width / 100
    scene.text((12 * unit, 3 * unit), "12:47", 3 * unit, text)
    scene.text((width / 2, 16 * unit), "Draw a digit", 4.5 * unit, text)
    side = random.uniform(60, 88) * unit
    left, top = (width - side) / 2, random.uniform(26, 40) * unit
    box = (left, top, left + side, top + side)
    pad, ink = ((10, 10, 10), (255, 255, 255)) if pad_dark else ((255, 255, 255), (0, 0, 0))
    edge = (90, 90, 95) if dark else (190, 190, 195)
    scene.draw.rectangle(box, fill=pad, outline=edge, width=max(round(unit / 3), 1))
    length = side * random.uniform(0.5, 0.7)
    line = hand(digit, random)
    centre = (left + side / 2, top + side / 2)
    scene.write(line, ink, length, length * random.uniform(0.06, 0.1), centre)
    y = top + side + 14 * unit
    button = (70, 70, 74) if dark else (215, 222, 240)
    scene.draw.rounded_rectangle((30 * unit, y, 70 * unit, y + 9 * unit), 2 * unit, button)
    scene.text((width / 2, y + 4.5 * unit), "Clear", 4 * unit, text)
    return scene


@kind("screenshot-light-mode")
def light_mode(digit: np.ndarray, random: Random) -> bytes:
    """Screenshot of a phone's drawing application, light."""
    return png(application(digit, random, dark=False, pad_dark=random.random() < 0.3).image)


@kind("screenshot-dark-mode")
def dark_mode(digit: np.ndarray, random: Random) -> bytes:
    """Screenshot of a phone's drawing application, dark, with a white or a black pad."""
    image = application(digit, random, dark=True, pad_dark=random.random() < 0.4).image
    return png(image) if random.random() < 0.7 else jpeg(image, 85)


@kind("screenshot-with-frame")
def with_frame(digit: np.ndarray, random: Random) -> bytes:
    """Crop of a screen: a drawing with the frame round it and some of the page."""
    pad = drawing(digit, random, (255, 255, 255), (0, 0, 0)).image
    edge = int(random.integers(1, 6))
    space = [int(v) for v in random.integers(6, 60, 4)]
    grounds = [(240, 240, 240), (255, 255, 255), (225, 232, 240), (45, 48, 52)]
    size = (pad.width + space[0] + space[2], pad.height + space[1] + space[3])
    image = Image.new("RGB", size, grounds[random.integers(4)])
    box = (
        space[0] - edge,
        space[1] - edge,
        space[0] + pad.width + edge,
        space[1] + pad.height + edge,
    )
    colour = [(30, 30, 30), (120, 120, 125), (70, 130, 220), (190, 190, 190)][random.integers(4)]
    ImageDraw.Draw(image).rectangle(box, colour)
    image.paste(pad, (space[0], space[1]))
    return png(image)


@kind("screenshot-of-window")
def of_window(digit: np.ndarray, random: Random) -> bytes:
    """Screenshot of a window: title bar, tool bar, and a drawing below."""
    width, height = int(random.integers(500, 1000)), int(random.integers(450, 720))
    scene = Scene((width, height), (255, 255, 255), random)
    bar = [(0, 120, 215), (225, 225, 228), (50, 50, 54)][random.integers(3)]
    scene.draw.rectangle((0, 0, width, 32), bar)
    scene.text((80, 16), "Untitled - Paint", 13, (128, 128, 128))
    for number in range(3):
        x = width - 20 - 34 * number
        scene.draw.line((x - 5, 16, x + 5, 16), (150, 150, 150), 2)
    scene.draw.rectangle((0, 32, width, 76), (244, 245, 247))
    for number in range(int(width / 44)):
        x = 12 + number * 44
        colour = tuple(int(v) for v in random.integers(60, 220, 3))
        scene.draw.rectangle((x, 44, x + 20, 64), colour)
    scene.draw.line((0, 76, width, 76), (190, 190, 195))
    length = random.uniform(0.4, 0.6) * (height - 76)
    centre = (width * random.uniform(0.4, 0.6), 76 + (height - 76) * 0.5)
    scene.write(hand(digit, random), (0, 0, 0), length, length * random.uniform(0.04, 0.09), centre)
    return png(scene.image)


@kind("plot-with-axes")
def plot_with_axes(digit: np.ndarray, random: Random) -> bytes:
    """Plot of an MNIST image with a frame, ticks and their numbers."""
    side = int(random.choice([370, 420, 560, 740]))
    width = round(side * 1.2)
    image = Image.new("RGB", (width, round(side * 1.12)), (255, 255, 255))
    left, top = (width - side) // 2 + side // 30, side // 16
    mode = random.integers(3)
    levels = digit if mode != 1 else 255 - digit
    shown = Image.fromarray(levels).resize((side, side), Image.Resampling.NEAREST)
    if mode == 2:
        scale = np.linspace(0, 1, 256)[:, None]
        low, high = np.array([68, 1, 84]), np.array([253, 231, 37])
        table = (low + (high - low) * scale).astype(np.uint8)
        shown = Image.fromarray(table[np.asarray(shown)])
    image.paste(shown.convert("RGB"), (left, top))
    draw = ImageDraw.Draw(image)
    draw.rectangle((left, top, left + side, top + side), outline=(0, 0, 0))
    scene = Scene((1, 1), (0, 0, 0), random)
    scene.image = image
    for value in range(0, 28, 5):
        at = (value + 0.5) * side / 28
        draw.line((left + at, top + side, left + at, top + side + side // 90), (0, 0, 0))
        draw.line((left - side // 90, top + at, left, top + at), (0, 0, 0))
        scene.text((left + at, top + side * 1.03), str(value), side / 30, (0, 0, 0))
        scene.text((left - side * 0.035, top + at), str(value), side / 30, (0, 0, 0))
    return png(image)


@kind("plot-of-strokes")
def plot_of_strokes(digit: np.ndarray, random: Random) -> bytes:
    """Plot of a digit's pen strokes as a line in a frame with ticks."""
    scene = Scene((640, 480), (255, 255, 255), random)
    box = (80, 58, 576, 427)
    scene.draw.rectangle(box, outline=(0, 0, 0))
    length = random.uniform(240, 320)
    colour = [(31, 119, 180), (0, 0, 0), (214, 39, 40)][random.integers(3)]
    scene.write(hand(digit, random), colour, length, random.uniform(4, 12), (328, 242))
    for number in range(6):
        x, y = 103 + number * 90, 411 - number * 67
        scene.draw.line((x, 427, x, 432), (0, 0, 0))
        scene.draw.line((75, y, 80, y), (0, 0, 0))
        scene.text((x, 442), f"{number / 5:.1f}", 12, (0, 0, 0))
        scene.text((58, y), f"{number / 5:.1f}", 12, (0, 0, 0))
    return png(scene.image)


@kind("rounded-card")
def rounded_card(digit: np.ndarray, random: Random) -> bytes:
    """White card with rounded corners and a shadow on a transparent ground."""
    side = int(random.choice([300, 400, 600]))
    inset, radius = side * random.uniform(0.03, 0.1), side * random.uniform(0.05, 0.15)
    card = Image.new("L", (side, side))
    ImageDraw.Draw(card).rounded_rectangle((inset, inset, side - inset, side - inset), radius, 255)
    cast = card.filter(ImageFilter.GaussianBlur(side / 80)).point(lambda level: level * 0.4)
    image = Image.new("RGBA", (side, side), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, side // 100), cast)
    scene = Scene((side, side), (255, 255, 255), random)
    length = side * random.uniform(0.42, 0.6)
    scene.write(
        hand(digit, random),
        (0, 0, 0),
        length,
        length * random.uniform(0.05, 0.1),
        (side / 2, side / 2),
    )
    image.paste(scene.image, (0, 0), card)
    return png(image)


@kind("spreadsheet")
def spreadsheet(digit: np.ndarray, random: Random) -> bytes:
    """Screenshot of a spreadsheet's grid on which a digit was drawn across several cells."""
    width, height = int(random.integers(480, 900)), int(random.integers(400, 640))
    scene = Scene((width, height), (255, 255, 255), random)
    for x in range(40, width, int(random.integers(64, 100))):
        scene.draw.line((x, 0, x, height), (214, 214, 216))
    for y in range(20, height, 20):
        scene.draw.line((0, y, width, y), (214, 214, 216))
    scene.draw.rectangle((0, 0, width, 20), (240, 240, 242))
    scene.draw.rectangle((0, 0, 40, height), (240, 240, 242))
    length = random.uniform(0.45, 0.65) * scene.short
    centre = (width * 0.54, height * 0.53)
    scene.write(
        hand(digit, random), (20, 20, 24), length, length * random.uniform(0.05, 0.09), centre
    )
    return png(scene.image)


@kind("notes-application")
def notes_application(digit: np.ndarray, random: Random) -> bytes:
    """Screenshot of a tablet's notes: a ruled or dotted page with a digit by a stylus."""
    dark = random.random() < 0.4
    ground, rule = ((28, 28, 30), (58, 58, 62)) if dark else ((252, 252, 250), (205, 220, 235))
    scene = Scene((768, 1024) if random.random() < 0.5 else (1024, 768), ground, random)
    for y in range(80, scene.size[1], int(random.integers(36, 60))):
        scene.draw.line((0, y, scene.size[0], y), rule, 1)
    length = random.uniform(0.3, 0.5) * scene.short
    colour = (240, 240, 240) if dark else (15, 30, 90)
    scene.write(hand(digit, random), colour, length, length * random.uniform(0.025, 0.06))
    return png(scene.image)


@kind("photo-of-screen")
def photo_of_screen(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a screen: moiré, a backlight that is uneven, and an angle."""
    scene = Scene((900, 700), (236, 240, 246), random)
    length = random.uniform(0.4, 0.6) * scene.short
    scene.write(hand(digit, random), (24, 26, 32), length, length * random.uniform(0.05, 0.09))
    y, x = np.mgrid[:700, :900].astype(np.float32)
    moire = np.ones((700, 900), np.float32)
    for _ in range(2):
        fx, fy = random.uniform(-0.5, 0.5, 2)
        bent = 0.0006 * (x - 450) * (y - 350) * random.uniform(-1, 1) / 10
        moire += random.uniform(0.02, 0.05) * np.sin(fx * x + fy * y + bent)
    scene.image = keystone(scene.image, random, 0.03, (236, 240, 246))
    return shoot(scene, moire * gradient(scene.size, random, 0.2))


@kind("photo-of-screen-with-bezel")
def photo_with_bezel(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a phone or tablet on a desk, its screen showing a digit on white."""
    scene = Scene((1000, 750), (110, 95, 80), random)
    w, h = random.uniform(560, 760), random.uniform(480, 620)
    left, top = (1000 - w) / 2, (750 - h) / 2
    scene.draw.rounded_rectangle((left, top, left + w, top + h), 30, (18, 18, 20))
    scene.draw.rectangle((left + 24, top + 24, left + w - 24, top + h - 24), (232, 238, 250))
    length = random.uniform(0.45, 0.6) * h
    scene.write(
        hand(digit, random), (20, 20, 30), length, length * random.uniform(0.05, 0.09), (500, 375)
    )
    scene.image = keystone(scene.image, random, 0.02, (110, 95, 80))
    return shoot(scene, grain=3)
