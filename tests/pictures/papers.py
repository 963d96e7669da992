"""Papers: kinds of photos that differ in the paper that the digit is written on."""

import numpy as np
from PIL import Image, ImageFilter

from tests.pictures.kind import kind
from tests.pictures.photo import gradient, keystone, noise, shadow, shoot, smooth
from tests.pictures.scene import Colour, Scene, ink, white
from tests.pictures.sheets import Random, blank, hand, note, pen_width, written

BLUE, GREY, RED = (150, 180, 215), (170, 170, 175), (225, 130, 135)


def ruled(scene: Scene, pitch: float, colour: Colour, width: float) -> Scene:
    """Print horizontal rules on a sheet, `pitch` pixels apart, nearly level."""
    lean = scene.random.uniform(-0.015, 0.015) * scene.size[0]
    for y in np.arange(scene.random.uniform(0, pitch) - pitch, scene.size[1] + pitch, pitch):
        scene.stroke([(-5, y - lean), (scene.size[0] + 5, y + lean)], colour, width)
    return scene


def squared(scene: Scene, pitch: float, colour: Colour, width: float) -> Scene:
    """Print squares on a sheet, `pitch` pixels wide, nearly level."""
    ruled(scene, pitch, colour, width)
    lean = scene.random.uniform(-0.01, 0.01) * scene.size[1]
    for x in np.arange(scene.random.uniform(0, pitch), scene.size[0], pitch):
        scene.stroke([(x + lean, -5), (x - lean, scene.size[1] + 5)], colour, width)
    return scene


def margin(scene: Scene) -> Scene:
    """Print a red margin line at the left or the right of a sheet."""
    x = scene.random.choice([0.1, 0.12, 0.15, 0.88]) * scene.size[0]
    return scene.stroke([(x, -5), (x + 4, scene.size[1] + 5)], RED, scene.short / 320)


@kind("ruled-wide")
def ruled_wide(digit: np.ndarray, random: Random) -> bytes:
    """Photo of exercise paper with widely spaced blue rules and a red margin line."""
    scene = blank(random)
    ruled(scene, random.uniform(0.17, 0.26) * scene.short, BLUE, scene.short / 300)
    return shoot(written(margin(scene), digit, (0.25, 0.42)))


@kind("ruled-narrow")
def ruled_narrow(digit: np.ndarray, random: Random) -> bytes:
    """Photo of exercise paper with narrow rules."""
    scene = blank(random)
    colour = [BLUE, GREY, (190, 205, 225)][random.integers(3)]
    ruled(scene, random.uniform(0.07, 0.13) * scene.short, colour, scene.short / 330)
    return shoot(written(scene, digit, (0.3, 0.55)))


@kind("ruled-in-colour")
def ruled_in_colour(digit: np.ndarray, random: Random) -> bytes:
    """Photo of paper with rules in a strong colour, and a margin line."""
    scene = blank(random)
    colour = [(90, 130, 220), (220, 110, 120), (100, 180, 120), (150, 110, 200)][random.integers(4)]
    ruled(scene, random.uniform(0.1, 0.2) * scene.short, colour, scene.short / 280)
    return shoot(written(margin(scene), digit, (0.3, 0.5)))


@kind("legal-pad")
def legal_pad(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a yellow pad with blue rules and a double red margin line."""
    scene = blank(random, (248, 236, 150))
    ruled(scene, random.uniform(0.1, 0.16) * scene.short, (140, 170, 200), scene.short / 300)
    return shoot(written(margin(margin(scene)), digit, (0.3, 0.5)))


@kind("ruled-photo")
def ruled_photo(digit: np.ndarray, random: Random) -> bytes:
    """Photo of ruled paper from an angle in the light of a lamp."""
    scene = blank(random)
    ruled(scene, random.uniform(0.09, 0.2) * scene.short, BLUE, scene.short / 300)
    written(margin(scene), digit, (0.28, 0.45))
    scene.image = keystone(scene.image, random, 0.05, (120, 110, 100))
    return shoot(scene, gradient(scene.size, random, random.uniform(0.2, 0.4)), grain=3)


@kind("squared-light")
def squared_light(digit: np.ndarray, random: Random) -> bytes:
    """Photo of squared paper with pale lines."""
    scene = blank(random)
    colour = [(195, 210, 228), (205, 205, 210), (200, 215, 205)][random.integers(3)]
    squared(scene, random.uniform(0.05, 0.1) * scene.short, colour, scene.short / 380)
    return shoot(written(scene, digit, (0.3, 0.55)))


@kind("squared-dark")
def squared_dark(digit: np.ndarray, random: Random) -> bytes:
    """Photo of squared paper with dark lines."""
    scene = blank(random)
    colour = [(95, 125, 175), (120, 120, 130), (100, 140, 160)][random.integers(3)]
    squared(scene, random.uniform(0.07, 0.12) * scene.short, colour, scene.short / 300)
    return shoot(written(scene, digit, (0.32, 0.55)))


@kind("squared-photo")
def squared_photo(digit: np.ndarray, random: Random) -> bytes:
    """Photo of squared paper from an angle with a soft shadow."""
    scene = blank(random)
    squared(scene, random.uniform(0.05, 0.1) * scene.short, (160, 180, 205), scene.short / 320)
    written(scene, digit, (0.3, 0.5))
    scene.image = keystone(scene.image, random, 0.06, (90, 80, 70))
    return shoot(scene, gradient(scene.size, random, random.uniform(0.2, 0.4)), grain=3)


@kind("millimetre-paper")
def millimetre_paper(digit: np.ndarray, random: Random) -> bytes:
    """Photo of millimetre paper: fine orange squares, each tenth line thicker."""
    scene = blank(random)
    pitch = random.uniform(0.014, 0.02) * scene.short
    colour = [(245, 205, 170), (190, 215, 240), (190, 225, 195)][random.integers(3)]
    for number, at in enumerate(np.arange(0, max(scene.size), pitch)):
        wide = 2 if number % 10 == 0 else 1
        scene.draw.line((at, 0, at, scene.size[1]), colour, wide)
        scene.draw.line((0, at, scene.size[0], at), colour, wide)
    return shoot(written(scene, digit))


@kind("dotted-paper")
def dotted_paper(digit: np.ndarray, random: Random) -> bytes:
    """Photo of dotted paper."""
    scene = blank(random)
    pitch, radius = random.uniform(0.04, 0.08) * scene.short, scene.short / 400
    level = int(random.integers(140, 190))
    for y in np.arange(pitch / 2, scene.size[1], pitch):
        for x in np.arange(pitch / 2, scene.size[0], pitch):
            scene.draw.ellipse((x - radius, y - radius, x + radius, y + radius), (level,) * 3)
    return shoot(written(scene, digit))


@kind("coloured-paper")
def coloured_paper(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a coloured sheet: pink, blue, green, yellow or brown."""
    colours = [(240, 180, 195), (170, 205, 235), (175, 220, 170), (245, 225, 120), (185, 150, 110)]
    return shoot(written(blank(random, colours[random.integers(5)]), digit))


@kind("creases", holds=True)
def creases(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet that was folded: each field has its own light."""
    scene = note(digit, random)
    field = gradient(scene.size, random, 0.1)
    for share, axis in zip(random.uniform(0.25, 0.75, 2), (0, 1), strict=True):
        length = scene.size[1 - axis]
        ramp = np.arange(length) / length - share
        fold = 1 - 0.05 * (ramp > 0) - 0.06 * np.exp(-((ramp * 120) ** 2))
        field = field * (fold[:, None] if axis == 0 else fold[None, :]).astype(np.float32)
    return shoot(scene, field)


@kind("crumpled")
def crumpled(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet that was crumpled: facets of slightly different light."""
    scene = note(digit, random)
    facets = 1 - 0.12 * random.random((9, 9))
    return shoot(scene, smooth(facets, scene.size) * gradient(scene.size, random, 0.1))


@kind("show-through", holds=True)
def show_through(digit: np.ndarray, random: Random) -> bytes:
    """Photo of thin paper: the writing on its back shows faintly, mirrored."""
    scene = blank(random)
    other = Scene(scene.size, (255, 255, 255), random)
    for _ in range(random.integers(3, 7)):
        at = random.uniform(0.1, 0.9, 2) * scene.size
        other.text(tuple(at), "reverse side", scene.short / 14, (0, 0, 0))
    back = other.image.transpose(0).filter(ImageFilter.GaussianBlur(2))
    faint = back.convert("L").point(lambda level: (255 - level) * 0.07)
    scene.image.paste((90, 90, 90), (0, 0), faint)
    return shoot(written(scene, digit))


@kind("coffee-ring", holds=True)
def coffee_ring(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet with the ring of a coffee cup."""
    scene = blank(random)
    centre = random.uniform(0.15, 0.85, 2) * scene.size
    radius = random.uniform(0.18, 0.3) * scene.short
    turns = np.linspace(0, 2 * np.pi, 60)
    ring = [(centre[0] + radius * np.cos(t), centre[1] + radius * np.sin(t)) for t in turns]
    scene.stroke(ring, (175, 140, 100), random.uniform(0.006, 0.018) * scene.short, 0.4)
    return shoot(written(scene, digit))


@kind("pencil", holds=True)
def pencil(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a digit in pencil: grey and grainy."""
    scene = blank(random)
    level = int(random.integers(85, 135))
    length = random.uniform(0.35, 0.6) * scene.short
    bare = np.asarray(scene.image, np.float32)
    scene.write(
        hand(digit, random), (level, level, level + 4), length, length * random.uniform(0.025, 0.05)
    )
    lead = np.clip(0.85 + 0.2 * noise(scene.size, random), 0.3, 1)[..., None]
    mixed = bare + (np.asarray(scene.image, np.float32) - bare) * lead
    scene.image = Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
    return shoot(scene)


@kind("faint-pencil")
def faint_pencil(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a digit in hard pencil: a thin, pale grey line."""
    scene = blank(random)
    level = int(random.integers(150, 180))
    length = random.uniform(0.4, 0.65) * scene.short
    width = max(length * random.uniform(0.02, 0.035), 3)
    return shoot(scene.write(hand(digit, random), (level,) * 3, length, width), grain=1.5)


@kind("coloured-ink", holds=True)
def coloured_ink(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a digit in blue, red, green or violet ink."""
    scene = blank(random)
    colours = [(30, 60, 180), (200, 35, 45), (25, 130, 70), (110, 40, 140), (20, 20, 25)]
    length = random.uniform(0.35, 0.6) * scene.short
    colour = colours[random.integers(5)]
    return shoot(scene.write(hand(digit, random), colour, length, pen_width(length, random)))


@kind("pale-ink")
def pale_ink(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a digit by a highlighter or a light felt tip: yellow, orange, pink, light blue."""
    scene = blank(random)
    colours = [(250, 235, 60), (255, 190, 70), (250, 150, 190), (140, 210, 245), (170, 235, 110)]
    length = random.uniform(0.4, 0.65) * scene.short
    width = length * random.uniform(0.07, 0.12)
    return shoot(scene.write(hand(digit, random), colours[random.integers(5)], length, width))


@kind("blackboard", holds=True)
def blackboard(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a blackboard with chalk."""
    boards = [(38, 42, 40), (35, 62, 50), (50, 54, 56)]
    scene = blank(random, boards[random.integers(3)])
    length = random.uniform(0.35, 0.6) * scene.short
    board = np.asarray(scene.image, np.float32)
    scene.write(hand(digit, random), (232, 232, 226), length, length * random.uniform(0.04, 0.08))
    chalk = np.clip(0.85 + 0.25 * noise(scene.size, random), 0.35, 1)[..., None]
    mixed = board + (np.asarray(scene.image, np.float32) - board) * chalk
    scene.image = Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
    return shoot(scene, gradient(scene.size, random, 0.25), grain=3)


@kind("dusty-blackboard")
def dusty_blackboard(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a blackboard with swirls of chalk dust."""
    scene = blank(random, (45, 60, 54))
    dust = smooth(random.random((12, 12)), scene.size)[..., None] * 28
    dusty = np.asarray(scene.image, np.float32) + dust
    scene.image = Image.fromarray(dusty.clip(0, 255).astype(np.uint8))
    length = random.uniform(0.35, 0.6) * scene.short
    scene.write(hand(digit, random), (228, 228, 220), length, length * random.uniform(0.05, 0.08))
    return shoot(scene, grain=3)


@kind("sticky-note")
def sticky_note(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sticky note on a desk or a wall."""
    desks = [(120, 85, 55), (205, 205, 200), (60, 62, 66), (235, 232, 225)]
    scene = blank(random, desks[random.integers(4)])
    colours = [(250, 232, 110), (250, 170, 190), (160, 220, 240), (190, 230, 130)]
    side = random.uniform(0.6, 0.8) * scene.short
    cx, cy = scene.size[0] / 2, scene.size[1] / 2
    turn = np.deg2rad(random.uniform(-7, 7) + np.array([45, 135, 225, 315]))
    corners = [
        (cx + side / np.sqrt(2) * np.cos(t), cy + side / np.sqrt(2) * np.sin(t)) for t in turn
    ]
    scene.draw.polygon(corners, colours[random.integers(4)])
    length = side * random.uniform(0.45, 0.65)
    scene.write(hand(digit, random), ink(random), length, pen_width(length, random), (cx, cy))
    shade = [(x + side / 60, y + side / 40) for x, y in corners]
    cast = shadow(scene.size, [shade], 0.2, side / 60)
    inside = shadow(scene.size, [corners], 1, 1)
    return shoot(scene, cast + (1 - inside) * (1 - cast))


@kind("kraft-paper")
def kraft_paper(digit: np.ndarray, random: Random) -> bytes:
    """Photo of brown wrapping paper with dark fibres."""
    scene = blank(random, (188, 150, 108))
    for _ in range(120):
        x, y = random.uniform(0, 1, 2) * scene.size
        dx, dy = random.normal(0, scene.short / 60, 2)
        scene.draw.line((x, y, x + dx, y + dy), (165, 128, 88), 1)
    return shoot(written(scene, digit))


@kind("envelope")
def envelope(digit: np.ndarray, random: Random) -> bytes:
    """Photo of an envelope's back: the edges of its flap meet above the digit."""
    scene = blank(random, white(random))
    width, height = scene.size
    tip = (width * random.uniform(0.45, 0.55), height * random.uniform(0.12, 0.2))
    shade = tuple(int(0.82 * level) for level in scene.image.getpixel((0, 0)))
    scene.stroke([(0, 0), tip, (width, 0)], shade, scene.short / 200)
    centre = (width * random.uniform(0.42, 0.58), height * random.uniform(0.56, 0.62))
    length = random.uniform(0.3, 0.42) * scene.short
    scene.write(hand(digit, random), ink(random), length, pen_width(length, random), centre)
    field = shadow(scene.size, [[(0, 0), tip, (width, 0)]], 0.06, 2)
    return shoot(scene, field * gradient(scene.size, random, 0.12))
