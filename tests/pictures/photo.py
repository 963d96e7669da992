"""Photo: light on a scene, and the lens, the sensor and the file that record it."""

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from tests.pictures.scene import Scene, jpeg

Field = np.ndarray
"""Light of every pixel; 1 leaves a colour as it is."""


@cache
def _grain() -> np.ndarray:
    """Return a tile of normal noise, for every photo to take a part of."""
    return np.random.default_rng(7).normal(size=(1031, 1031)).astype(np.float32)


def noise(size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Return normal noise for a picture, of standard deviation 1."""
    width, height = size
    tile = np.roll(_grain(), tuple(random.integers(0, 1031, 2)), (0, 1))
    return np.tile(tile, (-(-height // 1031), -(-width // 1031)))[:height, :width]


def smooth(values: np.ndarray, size: tuple[int, int]) -> Field:
    """Enlarge a small field of light to the size of a picture."""
    small = Image.fromarray(values.astype(np.float32))
    return np.asarray(small.resize(size, Image.Resampling.BICUBIC))


def _coarse(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return y and x of a small grid over a picture, from -1 to 1 along the longer side."""
    width, height = size
    shape = np.array([height, width]) / max(size)
    y, x = np.mgrid[-1:1:33j, -1:1:33j]
    return y * shape[0], x * shape[1]


def gradient(size: tuple[int, int], random: np.random.Generator, depth: float = 0.15) -> Field:
    """Return light that falls off to one side by `depth`."""
    y, x = _coarse(size)
    angle = random.uniform(0, 2 * np.pi)
    return smooth(1 - depth * (0.5 + 0.5 * (x * np.cos(angle) + y * np.sin(angle))), size)


def uneven(size: tuple[int, int], random: np.random.Generator, depth: float = 0.06) -> Field:
    """Return light with slow, random changes."""
    return smooth(1 - depth * random.random((5, 5)), size)


def spot(size: tuple[int, int], random: np.random.Generator, gain: float, reach: float) -> Field:
    """Return light of a lamp or flash: brightest at a point, or darkest with a negative gain."""
    y, x = _coarse(size)
    cy, cx = random.uniform(-0.4, 0.4, 2)
    return smooth(1 + gain * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / reach**2), size)


def vignette(size: tuple[int, int], depth: float) -> Field:
    """Return light of a lens that is darker towards the corners."""
    y, x = _coarse(size)
    return smooth(1 - depth * (x**2 + y**2), size)


def shadow(
    size: tuple[int, int], shapes: list[list[tuple[float, float]]], depth: float, blur: float
) -> Field:
    """Return light with shadows of polygons, whose edges are `blur` pixels soft."""
    mask = Image.new("L", size, 255)
    for points in shapes:
        ImageDraw.Draw(mask).polygon(points, fill=round(255 * (1 - depth)))
    if blur > 12:  # a soft edge needs no resolution
        small = mask.reduce(4).filter(ImageFilter.GaussianBlur(blur / 4))
        mask = small.resize(size, Image.Resampling.BILINEAR)
    else:
        mask = mask.filter(ImageFilter.GaussianBlur(blur))
    return np.asarray(mask, np.float32) / 255


def half_plane(
    size: tuple[int, int], random: np.random.Generator, near: float = 0.35
) -> list[tuple[float, float]]:
    """Return a polygon with one edge across a picture, within `near` of the centre."""
    width, height = size
    angle = random.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    start = np.array([width, height]) / 2 + across * random.uniform(-near, near) * min(size)
    reach = 2 * max(size)
    corners = [start - along * reach, start + along * reach]
    corners += [corner + across * reach for corner in corners[::-1]]
    return [(float(x), float(y)) for x, y in corners]


def warp(image: Image.Image, corners: np.ndarray, fill: tuple[int, int, int]) -> Image.Image:
    """Return a picture in perspective: its four corners moved to `corners`, clockwise."""
    width, height = image.size
    source = [(0, 0), (width, 0), (width, height), (0, height)]
    rows, values = [], []
    for (x, y), (u, v) in zip(corners, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    terms = np.linalg.solve(np.array(rows, float), np.array(values, float))
    return image.transform(
        image.size, Image.Transform.PERSPECTIVE, terms, Image.Resampling.BILINEAR, fillcolor=fill
    )


def keystone(
    image: Image.Image, random: np.random.Generator, amount: float, fill: tuple[int, int, int]
) -> Image.Image:
    """Return a picture as if photographed from an angle."""
    width, height = image.size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    corners += random.uniform(-amount, amount, (4, 2)) * min(image.size)
    return warp(image, corners, fill)


def shoot(
    scene: Scene,
    light: Field | None = None,
    *,
    grain: float = 2,
    blur: float = 0.7,
    quality: int | None = None,
    tint: tuple[float, float, float] = (1, 1, 1),
) -> bytes:
    """Photograph a scene and encode it as JPEG.

    Args:
        light: Light of every pixel; by default nearly even.
        grain: Standard deviation of the sensor's noise, in grey levels.
        blur: Radius of the lens' blur, in pixels.
        quality: Of the JPEG; by default 75 to 93.
    """
    random = scene.random
    image = scene.image.filter(ImageFilter.BoxBlur(blur)) if blur else scene.image
    field = gradient(scene.size, random, random.uniform(0, 0.12)) if light is None else light
    pixels = np.asarray(image, np.float32)
    pixels = pixels * (field[..., None] * np.array(tint, np.float32))
    if grain:
        pixels += (noise(scene.size, random) * np.float32(grain))[..., None]
    lit = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return jpeg(lit, int(random.integers(75, 94)) if quality is None else quality)
