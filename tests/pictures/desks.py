"""Desks: kinds of photos that show more than the sheet, or less than all of it."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.pictures.kind import kind
from tests.pictures.photo import gradient, keystone, noise, shadow, shoot, warp
from tests.pictures.scene import Colour, Scene, ink, jpeg, size, white
from tests.pictures.sheets import Random, blank, hand, note, pen_width, written

DESKS = [(92, 62, 40), (70, 72, 76), (140, 105, 70), (40, 42, 46), (170, 140, 105)]


def desk(random: Random) -> Colour:
    """Return the colour of a desk: wood, grey or black."""
    return DESKS[random.integers(len(DESKS))]


def laid(sheet: Scene, ground: Image.Image, corners: np.ndarray) -> Scene:
    """Lay a sheet on a ground, its corners at `corners`, with a thin shadow at its edge."""
    cover = warp(Image.new("RGB", sheet.size, (255, 255, 255)), corners, (0, 0, 0)).convert("L")
    light = np.asarray(cover.filter(ImageFilter.GaussianBlur(sheet.short / 100)), np.float32) / 255
    dark = np.asarray(ground, np.float32) * (1 - 0.3 * light[..., None])
    under = Image.fromarray(dark.astype(np.uint8))
    under.paste(warp(sheet.image, corners, (255, 255, 255)), (0, 0), cover)
    sheet.image = under
    return sheet


def around(sheet: Scene, inset: tuple[float, float], tilt: float = 6) -> np.ndarray:
    """Return four corners inside a picture by `inset` of its sides, turned up to `tilt` degrees."""
    width, height = sheet.size
    left, top, right, bottom = sheet.random.uniform(*inset, 4)
    corners = np.array([(left, top), (1 - right, top), (1 - right, 1 - bottom), (left, 1 - bottom)])
    corners = corners * (width, height) - (width / 2, height / 2)
    turn = np.deg2rad(sheet.random.uniform(-tilt, tilt))
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return corners @ spin + (width / 2, height / 2)


@kind("strip-of-desk")
def strip_of_desk(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet with a strip of the desk along one side."""
    scene = note(digit, random, (0.3, 0.5))
    width, height = scene.size
    edge = random.uniform(0.05, 0.16)
    lean = random.uniform(-0.04, 0.04)
    far = edge + lean
    strips = [
        [(0, 0), (edge * width, 0), (far * width, height), (0, height)],
        [(width, 0), (width - edge * width, 0), (width - far * width, height), (width, height)],
        [(0, 0), (0, edge * height), (width, far * height), (width, 0)],
        [(0, height), (0, height - edge * height), (width, height - far * height), (width, height)],
    ]
    scene.draw.polygon(strips[random.integers(4)], desk(random))
    return shoot(scene)


@kind("corner-of-sheet")
def corner_of_sheet(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet with the desk along two sides."""
    scene = note(digit, random, (0.3, 0.45))
    width, height = scene.size
    a, b = random.uniform(0.05, 0.15, 2)
    left = random.random() < 0.5
    edge = (
        [(0, b), (a, b + 0.02), (a - 0.02, 1)]
        if left
        else [(1, b), (1 - a, b + 0.02), (1.02 - a, 1)]
    )
    far = (
        [(0, 1), (0, 0), (1, 0), (1, b - 0.01)] if left else [(1, 1), (1, 0), (0, 0), (0, b - 0.01)]
    )
    outline = [*far, *edge[1:]]
    scene.draw.polygon([(x * width, y * height) for x, y in outline], desk(random))
    return shoot(scene)


@kind("sheet-on-white-table")
def sheet_on_white_table(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet on a white table: faint edges."""
    level = int(random.integers(195, 222))
    sheet = note(digit, random, (0.25, 0.42))
    ground = Image.new("RGB", sheet.size, (level, level - 1, level - 5))
    return shoot(laid(sheet, ground, around(sheet, (0.06, 0.18))))


@kind("sheet-on-dark-desk")
def sheet_on_dark_desk(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a whole sheet on a dark desk."""
    sheet = note(digit, random, (0.3, 0.5))
    ground = Image.new("RGB", sheet.size, desk(random))
    return shoot(laid(sheet, ground, around(sheet, (0.05, 0.15))))


@kind("sheet-on-wood")
def sheet_on_wood(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a whole sheet on a wooden desk with its grain."""
    sheet = note(digit, random, (0.3, 0.5))
    width, height = sheet.size
    rings = np.sin(np.linspace(0, random.uniform(60, 160), height) + random.uniform(0, 6))
    waves = rings[:, None] * 0.5 + noise((width, height), random)[:, :1] * 0.6
    wood = np.array([150, 108, 68]) * (
        1 + 0.12 * np.broadcast_to(waves, (height, width))[..., None]
    )
    ground = Image.fromarray(wood.clip(0, 255).astype(np.uint8))
    return shoot(laid(sheet, ground, around(sheet, (0.05, 0.15))))


@kind("checked-tablecloth")
def checked_tablecloth(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet on a checked tablecloth."""
    sheet = note(digit, random, (0.3, 0.5))
    y, x = np.mgrid[: sheet.size[1], : sheet.size[0]]
    pitch = random.uniform(0.05, 0.1) * sheet.short
    checks = ((x // pitch) % 2 + (y // pitch) % 2)[..., None] / 2
    dye = np.array([(190, 40, 45), (50, 80, 160), (60, 130, 80)][random.integers(3)])
    cloth = 235 * (1 - checks) + dye * checks
    ground = Image.fromarray(cloth.astype(np.uint8))
    return shoot(laid(sheet, ground, around(sheet, (0.05, 0.14))))


@kind("keystone", holds=True)
def keystoned(digit: np.ndarray, random: Random) -> bytes:
    """Photo from an angle, of a sheet that fills it."""
    scene = note(digit, random, (0.3, 0.48))
    paper = scene.image.getpixel((0, 0))
    scene.image = keystone(scene.image, random, 0.12, paper)
    return shoot(scene, gradient(scene.size, random, 0.2))


@kind("tilt-25", holds=True)
def tilted(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet turned by 25 degrees, to one side or the other."""
    scene = note(digit, random, (0.3, 0.5))
    paper = scene.image.getpixel((0, 0))
    degrees = random.choice([-1, 1]) * random.uniform(20, 25)
    scene.image = scene.image.rotate(degrees, Image.Resampling.BILINEAR, fillcolor=paper)
    return shoot(scene)


@kind("thumb", holds=True)
def thumb(digit: np.ndarray, random: Random) -> bytes:
    """Photo with a thumb that holds the sheet at its border."""
    scene = note(digit, random, (0.28, 0.42))
    width, height = scene.size
    w, h = random.uniform(0.08, 0.13) * scene.short, random.uniform(0.1, 0.2) * scene.short
    at = random.uniform(0.15, 0.85)
    skin = [(224, 172, 140), (190, 130, 95), (120, 78, 55), (240, 195, 165)][random.integers(4)]
    side = random.integers(4)
    centre = [(at * width, height), (at * width, 0), (0, at * height), (width, at * height)][side]
    reach = (w, h) if side < 2 else (h, w)
    layer = Image.new("L", scene.size)
    box = (centre[0] - reach[0], centre[1] - reach[1], centre[0] + reach[0], centre[1] + reach[1])
    ImageDraw.Draw(layer).ellipse(box, 255)
    shade = np.asarray(layer.filter(ImageFilter.GaussianBlur(scene.short / 60)), np.float32) / 255
    scene.image.paste(skin, (0, 0), layer)
    return shoot(scene, 1 - 0.15 * shade * gradient(scene.size, random, 0.1))


@kind("binder-holes")
def binder_holes(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet with the holes of a binder at one side."""
    scene = note(digit, random, (0.3, 0.5))
    width, height = scene.size
    dark = tuple(int(v) for v in random.integers(25, 70, 3))
    radius, count = random.uniform(0.016, 0.026) * scene.short, random.integers(2, 5)
    left = random.random() < 0.7
    for share in (np.arange(count) + 0.5) / count:
        x, y = 0.05 * scene.short, share * height
        x = x if left else width - x
        scene.draw.ellipse((x - radius, y - radius, x + radius, y + radius), dark)
    return shoot(scene)


@kind("spiral-notebook")
def spiral_notebook(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a notebook's page with its wire spiral along one side."""
    scene = note(digit, random, (0.3, 0.45))
    width, height = scene.size
    pitch, depth = random.uniform(0.03, 0.05) * scene.short, random.uniform(0.05, 0.08) * width
    scene.draw.rectangle((0, 0, depth * 0.35, height), desk(random))
    for y in np.arange(pitch, height, pitch):
        radius = pitch * 0.22
        scene.draw.ellipse((depth - radius, y - radius, depth + radius, y + radius), (60, 58, 56))
        scene.stroke([(depth * 0.1, y - pitch * 0.2), (depth, y)], (120, 120, 125), pitch * 0.14)
    return shoot(scene)


@kind("torn-edge")
def torn_edge(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a torn piece of paper on a desk."""
    scene = Scene(size(random), desk(random), random)
    width, height = scene.size
    turns = np.linspace(0, 2 * np.pi, 160, endpoint=False)
    # A superellipse, nearly a rectangle, with a rough edge.
    radius = 0.42 / (np.abs(np.cos(turns)) ** 6 + np.abs(np.sin(turns)) ** 6) ** (1 / 6)
    rough = np.convolve(random.normal(0, 0.02, 162), np.ones(3) / 3, "valid")
    x = width / 2 + (radius + rough) * np.cos(turns) * width
    y = height / 2 + (radius + rough) * np.sin(turns) * height
    scene.draw.polygon(list(zip(x.tolist(), y.tolist(), strict=True)), white(random))
    return shoot(written(scene, digit, (0.32, 0.48)))


@kind("index-card")
def index_card(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a small card on a desk: the digit is small in the picture."""
    scene = Scene(size(random), desk(random), random)
    side = random.uniform(0.4, 0.55) * scene.short
    cx, cy = np.array(scene.size) * random.uniform(0.42, 0.58, 2)
    turn = np.deg2rad(random.uniform(-8, 8) + np.array([37, 143, 217, 323]))
    corners = [(cx + side * 0.7 * np.cos(t), cy + side * 0.7 * np.sin(t)) for t in turn]
    scene.draw.polygon(corners, white(random))
    length = side * random.uniform(0.4, 0.55)
    scene.write(hand(digit, random), ink(random), length, pen_width(length, random), (cx, cy))
    return shoot(scene)


@kind("small", holds=True)
def small(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a large sheet with a small digit."""
    scene = blank(random)
    length = random.uniform(0.06, 0.12) * scene.short
    centre = tuple(np.array(scene.size) * random.uniform(0.2, 0.8, 2))
    width = max(length * random.uniform(0.07, 0.1), 3)
    return shoot(scene.write(hand(digit, random), ink(random), length, width, centre))


@kind("in-a-corner", holds=True)
def in_a_corner(digit: np.ndarray, random: Random) -> bytes:
    """Photo with the digit in a corner."""
    scene = blank(random)
    length = random.uniform(0.15, 0.28) * scene.short
    near = 0.62 * length + 0.03 * scene.short
    x = near if random.random() < 0.5 else scene.size[0] - near
    y = near if random.random() < 0.5 else scene.size[1] - near
    width = pen_width(length, random)
    return shoot(scene.write(hand(digit, random), ink(random), length, width, (x, y)))


@kind("touching-the-border", holds=True)
def touching_the_border(digit: np.ndarray, random: Random) -> bytes:
    """Photo cropped so tightly that the digit touches one border."""
    scene = note(digit, random, (0.45, 0.65))
    left, top, right, bottom = scene.box
    width, height = scene.size
    crops = [(left + 3, 0, width, height), (0, top + 3, width, height)]
    crops += [(0, 0, right - 3, height), (0, 0, width, bottom - 3)]
    scene.image = scene.image.crop(crops[random.integers(4)])
    return shoot(scene)


@kind("exif-rotated", holds=True)
def exif_rotated(digit: np.ndarray, random: Random) -> bytes:
    """Photo stored on its side, with the EXIF orientation that turns it upright."""
    orientation = int(random.choice([3, 6, 8]))
    turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
    turn |= {8: Image.Transpose.ROTATE_270}
    scene = note(digit, random)
    upright = scene.image.filter(ImageFilter.GaussianBlur(0.7))
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(upright.transpose(turn[orientation]), 88, exif=exif)


@kind("beside-the-page-edge")
def page_edge(digit: np.ndarray, random: Random) -> bytes:
    """Photo of an open book or exercise book: the fold's shadow beside the page."""
    scene = note(digit, random, (0.28, 0.42))
    width, height = scene.size
    at = random.uniform(0.03, 0.14) * width
    at = at if random.random() < 0.5 else width - at
    x = np.abs(np.arange(width) - at) / scene.short
    fold = 1 - 0.35 * np.exp(-x / 0.05) - 0.25 * np.exp(-((x / 0.004) ** 2))
    field = np.broadcast_to(fold.astype(np.float32), (height, width))
    return shoot(scene, field * gradient(scene.size, random, 0.15))


@kind("dark-phone-beside")
def dark_phone(digit: np.ndarray, random: Random) -> bytes:
    """Photo in which a phone or a cup lies at the border, partly outside."""
    scene = note(digit, random, (0.28, 0.42))
    width, height = scene.size
    right = random.random() < 0.5
    w, h = random.uniform(0.1, 0.18) * width, random.uniform(0.3, 0.6) * height
    y = random.uniform(-0.1, 0.6) * height
    box = (width - w, y, width + w, y + h) if right else (-w, y, w, y + h)
    cast = shadow(
        scene.size,
        [[(box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])]],
        0.25,
        scene.short / 50,
    )
    scene.draw.rounded_rectangle(box, scene.short / 40, (22, 22, 26))
    return shoot(scene, cast)
