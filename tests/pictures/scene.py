"""Scene: the flat picture that is drawn before it is photographed or saved."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.pictures import pen

Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]


class Scene:
    """Picture that is being drawn, in RGB.

    Attributes:
        image: The picture.
        random: Random numbers of this picture alone.
        box: Left, top, right and bottom of the digit, once it is written.
    """

    def __init__(self, size: tuple[int, int], colour: Colour, random: np.random.Generator) -> None:
        self.image = Image.new("RGB", size, colour)
        self.random = random
        self.box: Box = (0, 0, *size)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.size

    @property
    def short(self) -> int:
        """Shorter side in pixels."""
        return min(self.size)

    @property
    def draw(self) -> ImageDraw.ImageDraw:
        """Drawing tools for lines, boxes and text, without antialiasing."""
        return ImageDraw.Draw(self.image)

    def write(
        self,
        line: pen.Line,
        colour: Colour,
        length: float,
        width: float,
        centre: tuple[float, float] | None = None,
        opacity: float = 1,
    ) -> "Scene":
        """Write the digit with a pen; by default near the centre.

        Args:
            length: Of the longer side of the digit, in pixels.
            width: Of the pen, in pixels.
        """
        if centre is None:
            offset = self.random.uniform(-0.08, 0.08, 2) * self.short
            centre = (self.size[0] / 2 + offset[0], self.size[1] / 2 + offset[1])
        mask, place = pen.stroke(self.size, line, centre, length, width)
        if opacity < 1:
            mask = mask.point(lambda value: value * opacity)
        self.image.paste(colour, place, mask)
        self.box = place
        return self

    def stroke(
        self, points: list[tuple[float, float]], colour: Colour, width: float, opacity: float = 1
    ) -> "Scene":
        """Draw an antialiased line through points, in pixels."""
        line = (np.array(points, float),)
        mask, place = pen.stroke(self.size, line, (0, 0), 1, width)
        if opacity < 1:
            mask = mask.point(lambda value: value * opacity)
        self.image.paste(colour, place, mask)
        return self

    def text(self, at: tuple[float, float], words: str, height: float, colour: Colour) -> "Scene":
        """Print words whose letters are some `height` pixels high."""
        font = ImageFont.load_default(size=max(round(height), 6))
        self.draw.text(at, words, fill=colour, font=font, anchor="mm")
        return self


def size(random: np.random.Generator) -> tuple[int, int]:
    """Return the size of a photo: mostly some 700 pixels, a few of 1,600; upright or not."""
    long = int(random.choice([560, 640, 640, 720, 800, 1024] + [1600] * (random.random() < 0.1)))
    ratio = random.choice([1, 0.75, 0.75, 0.5625])
    sides = (long, round(long * ratio))
    return sides if random.random() < 0.5 else sides[::-1]


def ink(random: np.random.Generator) -> Colour:
    """Return the colour of a pen's ink: black, dark grey or blue."""
    base = [(20, 20, 24), (35, 35, 40), (25, 35, 95), (15, 25, 70), (10, 10, 10)]
    return tuple(int(v) for v in base[random.integers(len(base))])


def white(random: np.random.Generator) -> Colour:
    """Return the colour of white paper."""
    level = random.integers(222, 250)
    return (int(level), int(level - random.integers(0, 4)), int(level - random.integers(0, 12)))


def png(image: Image.Image) -> bytes:
    """Encode a picture as PNG."""
    target = BytesIO()
    image.save(target, "PNG", compress_level=1)
    return target.getvalue()


def jpeg(image: Image.Image, quality: int = 85, **options: object) -> bytes:
    """Encode a picture as JPEG."""
    target = BytesIO()
    image.save(target, "JPEG", quality=quality, **options)
    return target.getvalue()
