"""Marks: kinds of photos with printed or drawn marks near the digit."""

from itertools import pairwise

import numpy as np

from tests.pictures.kind import kind
from tests.pictures.photo import gradient, shadow, shoot
from tests.pictures.scene import Scene, ink, white
from tests.pictures.sheets import Random, blank, hand, note, pen_width, written


def grown(scene: Scene, gap: float) -> tuple[float, float, float, float]:
    """Return the digit's box, larger by a gap in pixels on every side."""
    left, top, right, bottom = scene.box
    return left - gap, top - gap, right + gap, bottom + gap


def wobbly(start: tuple[float, float], end: tuple[float, float], random: Random) -> list:
    """Return points of a line by hand, nearly straight."""
    steps = np.linspace(0, 1, 8)[:, None]
    bend = np.cumsum(random.normal(0, 0.004, (8, 2)), axis=0) * np.hypot(*np.subtract(end, start))
    points = np.array(start) * (1 - steps) + np.array(end) * steps + bend
    return [(float(x), float(y)) for x, y in points]


@kind("underlined")
def underlined(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a digit that is underlined, once or twice, with the same pen."""
    scene = blank(random)
    length = random.uniform(0.3, 0.5) * scene.short
    width, colour = pen_width(length, random), ink(random)
    scene.write(hand(digit, random), colour, length, width)
    left, _, right, bottom = grown(scene, random.uniform(0.12, 0.22) * length)
    out = random.uniform(0, 0.35) * length
    for number in range(1 + (random.random() < 0.25)):
        y = bottom + number * 0.1 * length
        lean = random.uniform(-0.04, 0.04) * length
        scene.stroke(wobbly((left - out, y + lean), (right + out, y - lean), random), colour, width)
    return shoot(scene)


@kind("printed-box")
def printed_box(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a form: a printed box round the digit."""
    scene = note(digit, random, (0.25, 0.45))
    box = grown(scene, random.uniform(0.05, 0.14) * scene.short)
    level = int(random.integers(20, 110))
    thick = max(round(scene.short * random.uniform(0.003, 0.008)), 2)
    scene.draw.rectangle(box, outline=(level,) * 3, width=thick)
    return shoot(scene)


@kind("box-by-hand")
def box_by_hand(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a digit with a box drawn round it by hand, with the same pen."""
    scene = blank(random)
    length = random.uniform(0.25, 0.42) * scene.short
    width, colour = pen_width(length, random), ink(random)
    scene.write(hand(digit, random), colour, length, width)
    left, top, right, bottom = grown(scene, random.uniform(0.07, 0.14) * scene.short)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    for start, end in pairwise(corners):
        scene.stroke(wobbly(start, end, random), colour, width)
    return shoot(scene)


@kind("sudoku-cell")
def sudoku_cell(digit: np.ndarray, random: Random) -> bytes:
    """Crop of one cell of a sudoku, with the lines of its border."""
    side = int(random.integers(120, 420))
    scene = Scene((side, side), white(random), random)
    length = random.uniform(0.45, 0.62) * side
    scene.write(
        hand(digit, random), ink(random), length, max(length * random.uniform(0.06, 0.1), 2)
    )
    for edge in range(4):
        thick = side * (0.035 if random.random() < 0.3 else 0.012)
        at = random.uniform(0, 0.05) * side
        x0, y0 = [(-9, at), (-9, side - at), (at, -9), (side - at, -9)][edge]
        x1, y1 = [(side + 9, at), (side + 9, side - at), (at, side + 9), (side - at, side + 9)][
            edge
        ]
        scene.stroke([(x0, y0), (x1, y1)], (30, 30, 32), max(thick, 1.5))
    return shoot(scene, blur=0.6)


@kind("pen-beside")
def pen_beside(digit: np.ndarray, random: Random) -> bytes:
    """Photo in which the pen lies next to the digit."""
    scene = blank(random)
    width, height = scene.size
    length = random.uniform(0.28, 0.42) * scene.short
    right = random.random() < 0.6
    centre = (width * (0.36 if right else 0.64), height * random.uniform(0.45, 0.55))
    scene.write(hand(digit, random), ink(random), length, pen_width(length, random), centre)
    x = width * random.uniform(0.8, 0.88)
    x = x if right else width - x
    lean, thick = random.uniform(-0.08, 0.08) * height, random.uniform(0.025, 0.045) * scene.short
    top, bottom = random.uniform(0.04, 0.25) * height, random.uniform(0.72, 0.95) * height
    body = [(25, 60, 150), (30, 30, 34), (190, 40, 40), (230, 180, 40)][random.integers(4)]
    ends = np.array([(x + lean, top), (x - lean, bottom)])
    side = np.array([thick * 2.5, thick * 1.2])
    tip = ends[0] + (ends[0] - ends[1]) * 0.07
    scene.stroke([tuple(ends[0]), tuple(tip)], (170, 170, 172), thick * 0.5)
    scene.stroke([tuple(end) for end in ends], body, thick)
    shade = np.concatenate([ends, ends[::-1] + side])
    return shoot(scene, shadow(scene.size, [[tuple(p) for p in shade]], 0.15, thick / 2))


@kind("ruler-at-the-border")
def ruler(digit: np.ndarray, random: Random) -> bytes:
    """Photo with a ruler along one border."""
    scene = note(digit, random, (0.28, 0.42))
    width, height = scene.size
    deep = random.uniform(0.08, 0.14) * height
    scene.draw.rectangle((0, height - deep, width, height), (225, 205, 130))
    scene.draw.line((0, height - deep, width, height - deep), (150, 135, 80), 2)
    pitch = width / random.uniform(60, 110)
    for number, x in enumerate(np.arange(0, width, pitch)):
        tick = deep * (0.45 if number % 10 == 0 else 0.25)
        scene.draw.line((x, height - deep, x, height - deep + tick), (30, 30, 30), 2)
    return shoot(scene)


@kind("caption")
def caption(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a form: small printed words above or below the digit."""
    scene = note(digit, random, (0.3, 0.48))
    words = ["Write one digit", "No.", "Your answer:", "Sample 14", "Digit (0-9)"]
    left, top, right, bottom = grown(scene, 0.07 * scene.short)
    y = top if random.random() < 0.6 else bottom
    height = random.uniform(0.028, 0.04) * scene.short
    scene.text(((left + right) / 2, y), words[random.integers(5)], height, (60, 60, 64))
    return shoot(scene)


@kind("printed-text-around")
def printed_text(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a printed page: a large digit between lines of small print."""
    scene = note(digit, random, (0.36, 0.48))
    _, top, _, bottom = grown(scene, 0.05 * scene.short)
    height = 0.024 * scene.short
    words = "the answer is written in the field between these lines of small print "
    for y in np.arange(height, scene.size[1] - height / 2, height * 1.7):
        if y < top - height or y > bottom + height:
            scene.text((scene.size[0] / 2, y), words, height, (70, 70, 74))
    return shoot(scene)


@kind("comb-field")
def comb_field(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a form with a row of boxes, one of which is filled in."""
    scene = blank(random)
    cell = random.uniform(0.22, 0.3) * scene.short
    count = int(scene.size[0] / cell) - 1
    left, top = (scene.size[0] - count * cell) / 2, scene.size[1] / 2 - cell * 0.65
    level = (int(random.integers(90, 170)),) * 3
    thick = max(round(scene.short / 300), 2)
    for number in range(count):
        x = left + number * cell
        scene.draw.rectangle((x, top, x + cell, top + 1.3 * cell), outline=level, width=thick)
    at = (left + (random.integers(count) + 0.5) * cell, top + 0.65 * cell)
    length = cell * random.uniform(0.7, 0.85)
    width, box = length * random.uniform(0.06, 0.1), hand(digit, random)
    return shoot(scene.write(box, ink(random), length, width, at))


@kind("table-cell")
def table_cell(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a printed table's grid with one digit in a cell."""
    scene = blank(random)
    wide, high = random.uniform(0.3, 0.4) * scene.short, random.uniform(0.24, 0.34) * scene.short
    level = (int(random.integers(60, 150)),) * 3
    x0, y0 = random.uniform(0.05, 0.2) * wide, random.uniform(0.05, 0.2) * high
    for x in np.arange(x0, scene.size[0], wide):
        scene.draw.line((x, 0, x, scene.size[1]), level, 2)
    for y in np.arange(y0, scene.size[1], high):
        scene.draw.line((0, y, scene.size[0], y), level, 2)
    column, row = 1 + random.integers(0, 2), 1 + random.integers(0, 2)
    at = (x0 + (column - 0.5) * wide, y0 + (row - 0.5) * high)
    length = high * random.uniform(0.6, 0.75)
    scene.write(hand(digit, random), ink(random), length, length * random.uniform(0.06, 0.1), at)
    return shoot(scene)


@kind("crop-marks")
def crop_marks(digit: np.ndarray, random: Random) -> bytes:
    """Scan with printed marks in the four corners of the sheet."""
    scene = note(digit, random, (0.35, 0.55))
    width, height = scene.size
    reach, inset = 0.05 * scene.short, 0.05 * scene.short
    for x in (inset, width - inset):
        for y in (inset, height - inset):
            scene.draw.line((x - reach / 2, y, x + reach / 2, y), (30, 30, 30), 2)
            scene.draw.line((x, y - reach / 2, x, y + reach / 2), (30, 30, 30), 2)
    return shoot(scene, np.ones((height, width), np.float32), grain=1)


@kind("crumbs")
def crumbs(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet with crumbs, dots of ink and specks of dust."""
    scene = note(digit, random)
    for _ in range(random.integers(8, 30)):
        x, y = random.uniform(0, 1, 2) * scene.size
        radius = random.uniform(0.0015, 0.005) * scene.short
        level = tuple(int(v) for v in random.integers(40, 150, 3))
        scene.draw.ellipse((x - radius, y - radius, x + radius, y + radius * 1.3), level)
    return shoot(scene)


@kind("erased-writing")
def erased_writing(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet on which other pencil writing was rubbed out and is faintly visible."""
    scene = blank(random)
    paper = np.array(scene.image.getpixel((0, 0)))
    for _ in range(random.integers(1, 4)):
        at = tuple(random.uniform(0.2, 0.8, 2) * scene.size)
        words = ["47", "x + 3", "82", "page 6"][random.integers(4)]
        scene.text(at, words, scene.short * 0.12, tuple(int(v) for v in paper - 14))
    return shoot(written(scene, digit, (0.35, 0.55)))


@kind("strip-of-tape")
def strip_of_tape(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet that is held by pieces of adhesive tape at its border."""
    scene = note(digit, random, (0.3, 0.48))
    width = scene.size[0]
    shapes = []
    for x in (random.uniform(0.05, 0.25) * width, random.uniform(0.7, 0.9) * width):
        w, h = random.uniform(0.08, 0.12) * scene.short, random.uniform(0.1, 0.16) * scene.short
        lean = random.uniform(-0.4, 0.4) * w
        shapes.append([(x, 0), (x + w, 0), (x + w + lean, h), (x + lean, h)])
    field = shadow(scene.size, shapes, random.uniform(0.08, 0.2), 1.5)
    return shoot(scene, field * gradient(scene.size, random, 0.1))


@kind("paper-clip")
def paper_clip(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a sheet with a paper clip at its upper border."""
    scene = note(digit, random, (0.3, 0.45))
    x, long = random.uniform(0.1, 0.9) * scene.size[0], random.uniform(0.12, 0.18) * scene.short
    wide, wire = long * 0.28, scene.short / 180
    points = [
        (0, 0),
        (0, long),
        (wide, long),
        (wide, -5),
        (wide * 0.3, -5),
        (wide * 0.3, long * 0.8),
    ]
    points += [(wide * 0.75, long * 0.8), (wide * 0.75, long * 0.2)]
    scene.stroke([(x + a, b) for a, b in points], (125, 128, 132), wire)
    return shoot(scene)
