"""Fuzzer of pictures: mutated, cut and reassembled PNG and JPEG files through decoding."""

import io
import struct
import zlib
from collections.abc import Iterator
from functools import cache
from random import Random

from PIL import Image

from tests.fuzz.exchange import Request, request
from tests.fuzz.mutation import MARK, mutated

TARGETS = ("/cnn/predict", "/cnn/predict.png", "/cnn/activations?layers=relu1")
CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"tRNS", b"PLTE", b"eXIf", b"acTL", b"iCCP", b"gAMA", b"qzQz")
MARKERS = (0xC0, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD, 0xE1, 0xE2, 0xEE, 0xFE, 0xD0, 0xD9)


def requests(random: Random) -> Iterator[Request]:
    """Yield requests with hostile pictures, without end."""
    while True:
        media_type, picture = random.choice(KINDS)(random)
        yield request("POST", random.choice(TARGETS), picture, media_type)


@cache
def _seeds() -> dict[str, list[bytes]]:
    """Valid pictures of several modes and sizes, by format."""
    found: dict[str, list[bytes]] = {"PNG": [], "JPEG": []}
    modes = {"PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "JPEG": ("L", "RGB", "CMYK")}
    drawn = Image.radial_gradient("L").resize((40, 33))
    for kind, names in modes.items():
        for mode in names:
            for options in ({}, {"progressive": True}) if kind == "JPEG" else ({},):
                file = io.BytesIO()
                picture = (
                    Image.new("I;16", (40, 33), 900) if mode == "I;16" else drawn.convert(mode)
                )
                picture.save(file, kind, **options)
                found[kind].append(file.getvalue())
    return found


def _bytes(random: Random) -> tuple[str, bytes]:
    kind = random.choice(("PNG", "JPEG"))
    return f"image/{kind.lower()}", mutated(random, random.choice(_seeds()[kind]), 6)


def _png(random: Random) -> tuple[str, bytes]:
    """Return a PNG of valid chunks in a random order, with random fields and right checksums."""
    picture = random.choice(_seeds()["PNG"])
    chunks = [_header(random) if random.random() < 0.5 else (b"IHDR", picture[16:29])]
    raw = random.randbytes(random.choice((0, 10, 1_400, 6_000)))
    chunks += [(b"IDAT", zlib.compress(raw + bytes(random.choice((0, 0, 0, 1_000, 1_000_000)))))]
    for _ in range(random.randint(0, 6)):
        content = mutated(
            random, random.choice((MARK.encode(), b"II*\0\x08\0\0\0\x01\0", bytes(30)))
        )
        chunks.append((random.choice(CHUNKS), content))
    if random.random() < 0.3:
        random.shuffle(chunks)
    chunks += [(b"IEND", b"")] * random.choice((0, 1, 1, 1, 2))
    return "image/png", b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _header(random: Random) -> tuple[bytes, bytes]:
    sides = (0, 1, 28, 40, 101, 4_096, 8_192, 8_193, 1 << 20, 0x7FFFFFFF, 0xFFFFFFFF)
    width, height = random.choice(sides), random.choice(sides)
    kinds = [random.choice((0, 1, 2, 4, 8, 16)), random.choice((0, 2, 3, 4, 6, 1)), 0, 0]
    return b"IHDR", struct.pack(">II4BB", width, height, *kinds, random.choice((0, 0, 1, 2)))


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)


def _jpeg(random: Random) -> tuple[str, bytes]:
    """Return a JPEG whose segments are repeated, removed, exchanged and mutated."""
    head, *segments = random.choice(_seeds()["JPEG"]).split(b"\xff")
    for _ in range(random.randint(1, 5)):
        place = random.randrange(len(segments))
        action = random.randrange(5)
        if action == 0:
            segments[place:place] = [segments[place]] * random.choice((1, 2, 80))
        elif action == 1 and len(segments) > 1:
            del segments[place]
        elif action == 2:
            segments.insert(0, segments.pop(place))
        elif action == 3:
            segments[place] = mutated(random, segments[place])
        else:
            marker = bytes([random.choice(MARKERS)])
            content = random.randbytes(random.choice((0, 2, 14, 200)))
            segments.insert(place, marker + struct.pack(">H", len(content) + 2) + content)
    return "image/jpeg", b"\xff".join([head, *segments])


KINDS = (_bytes, _bytes, _png, _png, _jpeg)
