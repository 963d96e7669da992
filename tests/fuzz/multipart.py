"""Fuzzer of multipart bodies: parts, boundaries, names and lengths that do not fit."""

from collections.abc import Iterator
from random import Random

from tests.fuzz.exchange import Request, request
from tests.fuzz.json_bodies import document
from tests.fuzz.mutation import MARK, mutated
from tests.fuzz.pictures import KINDS

TARGETS = ("/cnn/predict", "/cnn/predict.png", "/cnn/attribution", "/cnn/sweep?layer=relu3")
NAMES = ("image", "file", "pixels", "layers", "inputs", "colormap", "", "image\r\nX: y", MARK, "é")
FILES = ("", "digit.png", "../../etc/passwd", "a\0b", "x" * 1_000, 'a"b', "..\\x", MARK)
TYPES = ("image/png", "image/jpeg", "text/plain; charset=utf-7", "application/json", "", MARK)
MEDIA = (
    "multipart/form-data; boundary={}",
    'multipart/form-data; boundary="{}"',
    "multipart/form-data; charset=utf-16; boundary={}",
    "multipart/form-data",
    "multipart/mixed; boundary={}",
    "multipart/form-data; boundary={}; boundary=other",
)


def requests(random: Random) -> Iterator[Request]:
    """Yield requests with hostile forms, without end."""
    while True:
        boundary = random.choice(("b", "----lightwell", "a" * 70, "a" * 300, "x y"))
        media_type = random.choice((MEDIA[0], MEDIA[0], MEDIA[0], *MEDIA)).format(boundary)
        body = _form(random, boundary.encode())
        if random.random() < 0.4:
            body = mutated(random, body)
        yield request("POST", random.choice(TARGETS), body, media_type)


def _form(random: Random, boundary: bytes) -> bytes:
    if random.random() < 0.1:  # many parts, of few bytes
        parts = [_head(random) + b"\r\n\r\n1"] * random.choice((9, 65, 1_001, 5_000))
    else:
        parts = [
            _head(random) + b"\r\n\r\n" + _content(random) for _ in range(random.randint(0, 4))
        ]
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return body + random.choice(
        (b"--" + boundary + b"--\r\n", b"--" + boundary + b"--", b"", b"--")
    )


def _head(random: Random) -> bytes:
    name, file, kind = random.choice(NAMES), random.choice(FILES), random.choice(TYPES)
    head = f'Content-Disposition: form-data; name="{name}"'
    head += f'; filename="{file}"' if random.random() < 0.6 else ""
    head += f"\r\nContent-Type: {kind}" if kind else ""
    head += "\r\nX-More: " + "y" * 9_000 if random.random() < 0.02 else ""
    return head.encode()


def _content(random: Random) -> bytes:
    drawn = random.random()
    if drawn < 0.5:
        return random.choice(KINDS)(random)[1]
    return document(random) if drawn < 0.7 else MARK.encode() * random.choice((0, 1, 9, 500))
