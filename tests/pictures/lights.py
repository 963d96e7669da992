"""Lights: kinds of photos of a plain sheet that differ in light, lens and file."""

import numpy as np
from PIL import Image, ImageFilter

from tests.pictures.kind import kind
from tests.pictures.photo import (
    Field,
    gradient,
    half_plane,
    shadow,
    shoot,
    spot,
    uneven,
    vignette,
)
from tests.pictures.scene import Scene, jpeg
from tests.pictures.sheets import Random, blank, hand, note


@kind("clean-scan", holds=True)
def clean_scan(digit: np.ndarray, random: Random) -> bytes:
    """Scan of a sheet: even light, sharp, little noise."""
    scene = note(digit, random)
    return shoot(scene, np.ones(scene.size[::-1], np.float32), grain=0.7, blur=0.5, quality=90)


@kind("light-gradient", holds=True)
def light_gradient(digit: np.ndarray, random: Random) -> bytes:
    """Photo with a lamp on one side."""
    scene = note(digit, random)
    return shoot(scene, gradient(scene.size, random, random.uniform(0.25, 0.5)))


@kind("soft-shadow", holds=True)
def soft_shadow(digit: np.ndarray, random: Random) -> bytes:
    """Photo with the soft shadow of a head or an arm."""
    scene = note(digit, random)
    blur = random.uniform(0.12, 0.25) * scene.short
    field = shadow(scene.size, [half_plane(scene.size, random)], random.uniform(0.15, 0.35), blur)
    return shoot(scene, field * gradient(scene.size, random, 0.1))


@kind("hard-shadow")
def hard_shadow(digit: np.ndarray, random: Random) -> bytes:
    """Photo with the hard edge of a shadow, in the sun."""
    scene = note(digit, random)
    depth = random.uniform(0.25, 0.5)
    field = shadow(scene.size, [half_plane(scene.size, random)], depth, random.uniform(1, 8))
    return shoot(scene, field)


@kind("hand-shadow")
def hand_shadow(digit: np.ndarray, random: Random) -> bytes:
    """Photo with the shadow of the phone and of the hand that holds it."""
    scene = note(digit, random)
    width, height = scene.size
    left, top = random.uniform(0.1, 0.5) * width, random.uniform(0.2, 0.6) * height
    across, lean = random.uniform(0.35, 0.7) * width, random.uniform(-0.1, 0.1) * height
    phone = [
        (left, top),
        (left + across, top + lean),
        (left + across, 2 * height),
        (left, 2 * height),
    ]
    arm = half_plane(scene.size, random, 0.2)
    arm = [(x, y + 0.7 * height) for x, y in arm] if random.random() < 0.4 else phone
    field = shadow(scene.size, [phone, arm], random.uniform(0.2, 0.42), random.uniform(3, 14))
    return shoot(scene, field * gradient(scene.size, random, 0.1))


@kind("blinds")
def blinds(digit: np.ndarray, random: Random) -> bytes:
    """Photo with stripes of sunlight through blinds."""
    scene = note(digit, random)
    reach, pitch = 2 * max(scene.size), random.uniform(0.16, 0.3) * scene.short
    lean, start = random.uniform(-0.6, 0.6), random.uniform(0, pitch)
    corners = np.array([(-1, -lean), (1, lean), (1, lean), (-1, -lean)]) * reach
    corners[2:, 1] += pitch / 2
    starts = np.arange(start - reach / 2, reach, pitch)
    bars = [[(x, y + down) for x, y in corners.tolist()] for down in starts.tolist()]
    return shoot(scene, shadow(scene.size, bars, random.uniform(0.15, 0.3), random.uniform(4, 10)))


@kind("flash", holds=True)
def flash(digit: np.ndarray, random: Random) -> bytes:
    """Photo with flash: a bright middle."""
    scene = note(digit, random)
    field = spot(scene.size, random, random.uniform(0.2, 0.4), random.uniform(0.5, 0.9))
    return shoot(scene, field * 0.8)


@kind("close-flash")
def close_flash(digit: np.ndarray, random: Random) -> bytes:
    """Photo with flash from near: a small, very bright spot."""
    scene = note(digit, random)
    field = spot(scene.size, random, random.uniform(0.3, 0.7), random.uniform(0.3, 0.6))
    return shoot(scene, field * 0.8)


@kind("half-shadow")
def half_shadow(digit: np.ndarray, random: Random) -> bytes:
    """Photo with a shadow whose edge is neither soft nor hard."""
    scene = note(digit, random)
    blur = random.uniform(0.03, 0.12) * scene.short
    field = shadow(scene.size, [half_plane(scene.size, random)], random.uniform(0.2, 0.42), blur)
    return shoot(scene, field * gradient(scene.size, random, 0.1))


@kind("vignette", holds=True)
def vignetted(digit: np.ndarray, random: Random) -> bytes:
    """Photo with dark corners."""
    scene = note(digit, random)
    return shoot(scene, vignette(scene.size, random.uniform(0.25, 0.5)))


@kind("glare-on-whiteboard")
def glare(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a whiteboard in which a lamp or a window is reflected."""
    scene = whiteboard_scene(digit, random)
    width, height = scene.size
    field = uneven(scene.size, random)
    for _ in range(random.integers(1, 3)):
        x, y = random.uniform(0, width), random.uniform(0, height)
        w, h = random.uniform(0.08, 0.3, 2) * scene.short
        lean = random.uniform(-0.2, 0.2) * h
        corners = [(x, y), (x + w, y + lean), (x + w, y + h + lean), (x, y + h)]
        # A reflection adds light: it is the shadow's opposite.
        field = field + 0.4 * (1 - shadow(scene.size, [corners], 1, random.uniform(2, 12)))
    return shoot(scene, field * 0.85)


def whiteboard_scene(digit: np.ndarray, random: Random) -> Scene:
    """Return a whiteboard with a digit of a board marker."""
    scene = blank(random, tuple(int(v) for v in random.integers(215, 240, 3)))
    marker = [(25, 25, 30), (30, 60, 160), (180, 30, 35), (20, 110, 60)][random.integers(4)]
    length = random.uniform(0.35, 0.6) * scene.short
    return scene.write(
        hand(digit, random), marker, length, length * random.uniform(0.05, 0.09), opacity=0.92
    )


@kind("whiteboard")
def whiteboard(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a whiteboard with a board marker."""
    return shoot(whiteboard_scene(digit, random))


@kind("wiped-whiteboard")
def wiped_whiteboard(digit: np.ndarray, random: Random) -> bytes:
    """Photo of a whiteboard with grey smears of wiped-off writing."""
    scene = whiteboard_scene(digit, random)
    field = np.ones(scene.size[::-1], np.float32)
    for _ in range(random.integers(2, 5)):
        x, y = random.uniform(0, scene.size[0]), random.uniform(0, scene.size[1])
        w, h = random.uniform(0.2, 0.5) * scene.short, random.uniform(0.04, 0.1) * scene.short
        smear = [(x, y), (x + w, y - h), (x + w, y), (x, y + h)]
        field = field * shadow(scene.size, [smear], random.uniform(0.03, 0.08), 9)
    return shoot(scene, field)


@kind("dark-room")
def dark_room(digit: np.ndarray, random: Random) -> bytes:
    """Photo taken in a dark room: dim and noisy."""
    scene = note(digit, random)
    field = gradient(scene.size, random, 0.3) * random.uniform(0.3, 0.5)
    return shoot(scene, field, grain=random.uniform(8, 14), blur=1)


@kind("warm-light")
def warm_light(digit: np.ndarray, random: Random) -> bytes:
    """Photo by the light of a bulb: the paper is orange."""
    scene = note(digit, random)
    field = gradient(scene.size, random, 0.3) * 0.9
    return shoot(scene, field, tint=(1, random.uniform(0.75, 0.88), random.uniform(0.45, 0.65)))


@kind("overexposed")
def overexposed(digit: np.ndarray, random: Random) -> bytes:
    """Photo with too much light: the paper is pure white and strokes are pale."""
    scene = note(digit, random)
    image = np.asarray(scene.image, np.float32)
    scene.image = Image.fromarray(
        np.minimum(image * 0.6 + random.uniform(95, 125), 255).astype(np.uint8)
    )
    return shoot(scene, gradient(scene.size, random, 0.1) * 1.1)


@kind("underexposed")
def underexposed(digit: np.ndarray, random: Random) -> bytes:
    """Photo with too little light: the paper is dark grey."""
    scene = note(digit, random)
    return shoot(scene, gradient(scene.size, random, 0.3) * random.uniform(0.25, 0.45), grain=3)


@kind("blurred", holds=True)
def blurred(digit: np.ndarray, random: Random) -> bytes:
    """Photo out of focus."""
    scene = note(digit, random)
    return shoot(scene, blur=random.uniform(0.006, 0.012) * scene.short)


@kind("motion-blurred")
def motion_blurred(digit: np.ndarray, random: Random) -> bytes:
    """Photo with the camera moved while it was taken."""
    scene = note(digit, random)
    angle, reach = random.uniform(0, np.pi), random.uniform(0.012, 0.028) * scene.short
    steps = np.linspace(-0.5, 0.5, 7) * reach
    turned = [
        np.roll(
            np.asarray(scene.image), (round(s * np.sin(angle)), round(s * np.cos(angle))), (0, 1)
        )
        for s in steps
    ]
    scene.image = Image.fromarray(np.mean(turned, axis=0).astype(np.uint8))
    return shoot(scene)


@kind("jpeg-10", holds=True)
def jpeg_10(digit: np.ndarray, random: Random) -> bytes:
    """Photo as a JPEG of quality 10."""
    return shoot(note(digit, random), quality=10)


@kind("messenger-thumbnail")
def messenger_thumbnail(digit: np.ndarray, random: Random) -> bytes:
    """Photo as a messenger's thumbnail: 120 to 200 pixels, compressed twice."""
    scene = note(digit, random, (0.4, 0.65))
    image = scene.image.filter(ImageFilter.GaussianBlur(scene.short / 300))
    image.thumbnail((random.integers(120, 200),) * 2)
    field: Field = gradient(image.size, random, 0.2)
    lit = np.asarray(image, np.float32) * field[..., None]
    return jpeg(Image.fromarray(lit.astype(np.uint8)), int(random.integers(40, 70)))
