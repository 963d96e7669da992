"""Files: kinds of pictures that differ in the format, the depth and the colour mode of the file."""

import struct
import zlib

import numpy as np
from PIL import Image

from tests.pictures.canvases import drawing
from tests.pictures.kind import kind
from tests.pictures.scene import jpeg, png
from tests.pictures.sheets import Random, note


def grey(digit: np.ndarray, random: Random) -> Image.Image:
    """Return a drawing in grey, light on dark or dark on light."""
    pair = ((255, 255, 255), (0, 0, 0)) if random.random() < 0.6 else ((0, 0, 0), (255, 255, 255))
    return drawing(digit, random, *pair).image.convert("L")


def packed(image: Image.Image, depth: int) -> bytes:
    """Encode a grey picture as a PNG of 1, 2 or 4 bits."""
    levels = np.asarray(image).astype(np.uint16) * ((1 << depth) - 1) // 255
    bits = (levels[..., None] >> np.arange(depth)[::-1]) & 1
    rows = np.packbits(bits.reshape(image.height, -1).astype(np.uint8), axis=1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows), 1)
    head = struct.pack(">IIBBBBB", *image.size, depth, 0, 0, 0, 0)
    made = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", head), (b"IDAT", data), (b"IEND", b"")):
        made += struct.pack(">I", len(body)) + name + body
        made += struct.pack(">I", zlib.crc32(name + body))
    return made


@kind("png-1-bit", holds=True)
def png_1_bit(digit: np.ndarray, random: Random) -> bytes:
    """PNG of 1 bit."""
    return packed(grey(digit, random), 1)


@kind("png-2-bit", holds=True)
def png_2_bit(digit: np.ndarray, random: Random) -> bytes:
    """PNG of 2 bits."""
    return packed(grey(digit, random), 2)


@kind("png-4-bit", holds=True)
def png_4_bit(digit: np.ndarray, random: Random) -> bytes:
    """PNG of 4 bits."""
    return packed(grey(digit, random), 4)


@kind("png-16-bit", holds=True)
def png_16_bit(digit: np.ndarray, random: Random) -> bytes:
    """PNG of 16 bits."""
    levels = np.asarray(grey(digit, random)).astype(np.uint16) * 257
    return png(Image.fromarray(levels))


@kind("png-palette", holds=True)
def png_palette(digit: np.ndarray, random: Random) -> bytes:
    """PNG with a palette of 4 to 64 colours."""
    image = grey(digit, random).convert("RGB")
    return png(image.quantize(int(random.choice([4, 16, 64])), dither=Image.Dither.NONE))


@kind("png-grey-alpha", holds=True)
def png_grey_alpha(digit: np.ndarray, random: Random) -> bytes:
    """PNG of grey and alpha, with strokes on a clear ground or an opaque sheet."""
    image = grey(digit, random)
    mask = image if image.getpixel((0, 0)) == 0 else image.point(lambda level: 255 - level)
    if random.random() < 0.5:
        return png(Image.merge("LA", (image, Image.new("L", image.size, 255))))
    ink = Image.new("L", image.size, int(random.choice([0, 255])))
    return png(Image.merge("LA", (ink, mask)))


@kind("png-rgba", holds=True)
def png_rgba(digit: np.ndarray, random: Random) -> bytes:
    """PNG in RGBA, opaque."""
    return png(grey(digit, random).convert("RGBA"))


@kind("cmyk-jpeg", holds=True)
def cmyk_jpeg(digit: np.ndarray, random: Random) -> bytes:
    """JPEG in CMYK."""
    return jpeg(note(digit, random).image.convert("CMYK"), 88)


@kind("grey-jpeg")
def grey_jpeg(digit: np.ndarray, random: Random) -> bytes:
    """JPEG in grey, progressive."""
    return jpeg(
        note(digit, random).image.convert("L"), int(random.integers(50, 95)), progressive=True
    )


@kind("tiny-drawing")
def tiny_drawing(digit: np.ndarray, random: Random) -> bytes:
    """Drawing reduced to 32 to 64 pixels."""
    image = grey(digit, random)
    side = int(random.integers(32, 65))
    return png(image.resize((side, side), Image.Resampling.BOX))
