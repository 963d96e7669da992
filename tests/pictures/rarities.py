"""Rarities: kinds of pictures by which preparation was not tuned, only measured at the end."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.pictures.canvases import drawing
from tests.pictures.kind import kind
from tests.pictures.lights import whiteboard_scene
from tests.pictures.photo import gradient, noise, shadow, shoot, smooth, uneven
from tests.pictures.scene import Scene, ink, png, size
from tests.pictures.sheets import Random, blank, hand, note, pen_width, written


@kind("scanner-edges")
def scanner_edges(digit: np.ndarray, random: Random) -> bytes:
    """Scan of a sheet that is smaller than the glass: black or grey margins, slightly turned."""
    scene = note(digit, random, (0.32, 0.5))
    dark = (int(random.integers(10, 110)),) * 3
    inset = Image.new("RGB", scene.size, dark)
    turned = scene.image.rotate(random.uniform(-2, 2), Image.Resampling.BILINEAR, fillcolor=dark)
    left, top = (int(random.uniform(0, 0.1) * side) for side in scene.size)
    inset.paste(turned, (left, top))
    scene.image = inset
    return shoot(scene, np.ones(scene.size[::-1], np.float32), grain=1)


@kind("fax")
def fax(digit: np.ndarray, random: Random) -> bytes:
    """Fax of a note: black and white, with specks."""
    scene = note(digit, random, (0.35, 0.6))
    grey = np.asarray(scene.image.convert("L").filter(ImageFilter.GaussianBlur(1)), np.float32)
    black = grey + 25 * noise(scene.size, random) < 140
    specks = random.random(black.shape) < 0.0008
    return png(Image.fromarray(np.where(black | specks, 0, 255).astype(np.uint8)).convert("1"))


@kind("dithered")
def dithered(digit: np.ndarray, random: Random) -> bytes:
    """Photo reduced to black and white by dithering."""
    scene = note(digit, random, (0.4, 0.6))
    lit = np.asarray(scene.image.convert("L"), np.float32) * gradient(scene.size, random, 0.2)
    image = Image.fromarray(lit.clip(0, 255).astype(np.uint8))
    image.thumbnail((480, 480))
    return png(image.convert("1"))


@kind("chalk-on-asphalt")
def chalk_on_asphalt(digit: np.ndarray, random: Random) -> bytes:
    """Photo of chalk on asphalt: rough dark ground and broken strokes."""
    scene = Scene(size(random), (84, 84, 88), random)
    rough = np.asarray(scene.image, np.float32) + 14 * noise(scene.size, random)[..., None]
    length = random.uniform(0.4, 0.65) * scene.short
    scene.write(hand(digit, random), (226, 224, 216), length, length * random.uniform(0.06, 0.1))
    chalk = (noise(scene.size, random) > -0.9)[..., None]
    mixed = np.where(chalk, np.asarray(scene.image, np.float32) * 0.9, rough)
    bare = np.all(np.asarray(scene.image) == (84, 84, 88), axis=-1)[..., None]
    mixed = np.where(bare, rough, mixed)
    scene.image = Image.fromarray(mixed.clip(0, 255).astype(np.uint8))
    return shoot(scene, grain=2, blur=1)


@kind("newspaper-margin")
def newspaper_margin(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a digit in the margin of a newspaper, with columns of print at one side."""
    scene = Scene((960, 720), (216, 211, 200), random)
    length = random.uniform(0.35, 0.48) * scene.short
    right = random.random() < 0.5
    centre = (960 * (0.3 if right else 0.7), 720 * random.uniform(0.4, 0.6))
    scene.write(hand(digit, random), ink(random), length, pen_width(length, random), centre)
    x = 960 * (0.83 if right else 0.17)
    for y in range(10, 720, 19):
        scene.text((x, y), "columns of small print about the day", 14, (75, 74, 72))
    return shoot(scene)


@kind("postcard")
def postcard(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a postcard: a stamp and address lines at the right, the digit at the left."""
    scene = Scene((1024, 680), (244, 240, 228), random)
    scene.draw.line((560, 60, 560, 620), (150, 150, 150), 2)
    for y in (380, 450, 520, 590):
        scene.draw.line((610, y, 960, y), (160, 160, 160), 2)
    colour = tuple(int(v) for v in random.integers(70, 190, 3))
    scene.draw.rectangle((850, 40, 970, 190), colour, (235, 235, 235), 6)
    length = random.uniform(260, 380)
    scene.write(hand(digit, random), ink(random), length, pen_width(length, random), (280, 340))
    return shoot(scene)


@kind("window-reflection")
def window_reflection(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a glossy sheet in which a window with its bars is reflected faintly."""
    scene = note(digit, random, (0.35, 0.55))
    width, height = scene.size
    panes = []
    x0, y0 = random.uniform(0.1, 0.5) * width, random.uniform(0.1, 0.4) * height
    w, h = random.uniform(0.12, 0.2) * scene.short, random.uniform(0.15, 0.25) * scene.short
    for column in range(2):
        for row in range(2):
            x, y = x0 + column * w * 1.12, y0 + row * h * 1.12
            panes.append([(x, y), (x + w, y + h * 0.1), (x + w, y + h * 1.1), (x, y + h)])
    shine = 1 - shadow(scene.size, panes, 1, random.uniform(3, 9))
    return shoot(scene, 0.82 + 0.16 * shine)


@kind("cardboard")
def cardboard(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a cardboard box: fine ribs, and a strip of brown tape along one border."""
    scene = Scene(size(random), (186, 146, 100), random)
    ribs = 1 + 0.03 * np.sin(np.arange(scene.size[1]) * random.uniform(0.5, 1.2))[:, None]
    scene.draw.rectangle((0, 0, scene.size[0], 0.1 * scene.size[1]), (158, 116, 70))
    length = random.uniform(0.4, 0.6) * scene.short
    scene.write(hand(digit, random), (25, 22, 22), length, length * random.uniform(0.06, 0.1))
    field = np.broadcast_to(ribs.astype(np.float32), scene.size[::-1])
    return shoot(scene, field * gradient(scene.size, random, 0.2))


@kind("toolbar-at-side")
def toolbar_at_side(digit: np.ndarray, random: Random) -> bytes:
    """Screenshot of a drawing program with a column of tools and a palette at one side."""
    width, height = int(random.integers(640, 1100)), int(random.integers(480, 760))
    scene = Scene((width, height), (255, 255, 255), random)
    bar = [(235, 236, 238), (48, 48, 52)][random.integers(2)]
    scene.draw.rectangle((0, 0, 60, height), bar)
    for y in range(12, height - 40, 44):
        colour = tuple(int(v) for v in random.integers(40, 230, 3))
        scene.draw.ellipse((16, y, 44, y + 28), colour)
    length = random.uniform(0.45, 0.65) * scene.short
    centre = (60 + (width - 60) / 2, height / 2)
    scene.write(hand(digit, random), (0, 0, 0), length, length * random.uniform(0.04, 0.09), centre)
    return png(scene.image)


@kind("magnets-on-whiteboard")
def magnets(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a whiteboard with round magnets near its border and its metal frame."""
    scene = whiteboard_scene(digit, random)
    width, height = scene.size
    radius = random.uniform(0.025, 0.04) * scene.short
    for _ in range(random.integers(1, 4)):
        x, y = random.uniform(0.05, 0.95) * width, random.choice([0.07, 0.93]) * height
        colour = tuple(int(v) for v in random.integers(0, 220, 3))
        scene.draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)
    scene.draw.rectangle((0, height * 0.985, width, height), (150, 152, 156))
    return shoot(scene, uneven(scene.size, random))


@kind("watermark")
def watermark(digit: np.ndarray, random: Random) -> bytes:
    """Scan of paper with a pale printed word across it."""
    scene = blank(random)
    paper = scene.image.getpixel((0, 0))
    pale = tuple(level - int(random.integers(12, 24)) for level in paper)
    word = ["SAMPLE", "COPY", "DRAFT"][random.integers(3)]
    scene.text((scene.size[0] / 2, scene.size[1] / 2), word, scene.short * 0.2, pale)
    scene.image = scene.image.rotate(25, Image.Resampling.BILINEAR, fillcolor=paper)
    return shoot(written(scene, digit, (0.35, 0.55)))


@kind("two-lamps")
def two_lamps(digit: np.ndarray, random: Random) -> bytes:
    """Photo with the shadows of one pole by two lamps: two crossing bands."""
    scene = note(digit, random, (0.35, 0.55))
    reach, wide = 2 * max(scene.size), random.uniform(0.05, 0.12) * scene.short
    middle = np.array(scene.size) / 2 + random.uniform(-0.3, 0.3, 2) * scene.short
    field = gradient(scene.size, random, 0.1)
    for angle in random.uniform(0, np.pi) + np.array([0, random.uniform(0.4, 1.2)]):
        along = np.array([np.cos(angle), np.sin(angle)]) * reach
        across = np.array([-along[1], along[0]]) / reach * wide
        corners = [middle - along, middle + along, middle + along + across, middle - along + across]
        points = [(float(x), float(y)) for x, y in corners]
        field = field * shadow(
            scene.size, [points], random.uniform(0.15, 0.3), random.uniform(3, 12)
        )
    return shoot(scene, field)


@kind("game-button")
def game_button(digit: np.ndarray, random: Random) -> bytes:
    """Screenshot of a round or square button of one colour with a digit on it."""
    dark, light = random.integers(20, 110, 3), random.integers(150, 250, 3)
    ground, plate = (tuple(int(v) for v in colour) for colour in (dark, light))
    scene = Scene((360, 360), ground, random)
    shape = scene.draw.ellipse if random.random() < 0.5 else scene.draw.rectangle
    shape((40, 40, 320, 320), plate)
    length = random.uniform(120, 160)
    scene.write(hand(digit, random), (20, 20, 24), length, length * 0.1, (180, 180))
    return png(scene.image)


@kind("transparent-margin")
def transparent_margin(digit: np.ndarray, random: Random) -> bytes:
    """White square with a digit in the middle of a larger transparent picture."""
    card = drawing(digit, random, (255, 255, 255), (0, 0, 0)).image
    margin = int(random.uniform(0.05, 0.3) * card.width)
    image = Image.new("RGBA", (card.width + 2 * margin,) * 2, (0, 0, 0, 0))
    image.paste(card, (margin, margin))
    return png(image)


@kind("spotlight")
def spotlight(digit: np.ndarray, random: Random) -> bytes:
    """Photo in the cone of a torch: a bright circle with an edge, dark outside."""
    scene = note(digit, random, (0.3, 0.42))
    mask = Image.new("L", scene.size, 70)
    cx, cy = (side / 2 + random.uniform(-0.05, 0.05) * scene.short for side in scene.size)
    radius = random.uniform(0.38, 0.5) * scene.short
    ImageDraw.Draw(mask).ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=255)
    soft = mask.filter(ImageFilter.GaussianBlur(random.uniform(0.01, 0.05) * scene.short))
    return shoot(scene, np.asarray(soft, np.float32) / 255)


@kind("textile")
def textile(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a digit by felt tip on woven cloth."""
    colours = [(205, 200, 188), (150, 165, 185), (190, 150, 150)]
    scene = blank(random, colours[random.integers(3)])
    length = random.uniform(0.4, 0.6) * scene.short
    scene.write(hand(digit, random), (22, 22, 30), length, length * random.uniform(0.06, 0.1))
    y, x = np.mgrid[: scene.size[1], : scene.size[0]].astype(np.float32)
    pitch = random.uniform(0.8, 1.6)
    weave = 1 + 0.05 * np.sin(x * pitch) * np.sin(y * pitch)
    folds = smooth(1 - 0.15 * random.random((4, 4)), scene.size)
    return shoot(scene, (weave * folds).astype(np.float32), blur=0.9)
