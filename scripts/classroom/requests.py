"""Requests of the classroom, with the bytes that the explorer page makes its browser send.

They follow modules of the page below `api/static/explorer`: `images/current-image.js` for a stroke,
`server-pictures.js` and `downloads.js` for pictures, `sequences/` for the steps.
"""

import io
import json
import math
import random
import struct
import zlib
from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlencode

from PIL import Image, ImageDraw

Kind = Literal[
    "stroke", "values", "layers", "descriptors", "saved", "trace", "decomposition", "step"
]

STROKES: tuple[Kind, ...] = ("stroke", "values")
PICTURES: tuple[Kind, ...] = ("layers", "descriptors", "saved")
SEQUENCES: tuple[Kind, ...] = ("trace", "decomposition", "step")

TITLES: Mapping[Kind, str] = {
    "stroke": "view while a stroke is drawn",
    "values": "values after the stroke",
    "layers": "picture of the layers",
    "descriptors": "picture of the filters",
    "saved": "drawing saved as PNG",
    "trace": "trace of a new sequence",
    "decomposition": "decomposition of a new sequence",
    "step": "step with a gate that is closed",
}
"""Kind of classroom request → its name in the table."""

SHOWN = "relu1,pool1,relu2,pool2,relu3,relu4"
"""Layers that the explorer shows when it opens, which the classroom requests."""

VIEW: Mapping[str, str] = {
    "preprocess": "mnist",
    "cmap": "viridis",
    "range": "layer",
    "layers": SHOWN,
}
STROKE_PARAMETERS: Mapping[str, str] = {
    **VIEW,
    "encoding": "uint8",
    "include": "prediction,input,tensors,warnings",
    "format": "safetensors",
}
"""Query of the classroom's request while a stroke grows."""

VALUES_PARAMETERS: Mapping[str, str] = {
    **VIEW,
    "layers": "relu1",
    "channels": "0",
    "include": "tensors",
    "format": "safetensors",
}
"""Query of the classroom's request when the stroke has ended: exact values of the selected channel.

Those of all layers are requested when a student goes on to read them.
"""

SIDE = 280
PEN = 0.09 * SIDE
"""Side of the drawing pad's picture, and width of its pen, in pixels of a classroom drawing."""

POINTS = 100
SHAPES = 64
DRAWINGS = 4096
"""Different files of drawings of the class, as no two students draw alike."""

STEPS = 16
CLOSED_GATE = {"value": "forget_gate", "operation": "set", "amount": 0, "units": None}

AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
BROWSER = (
    "Connection: keep-alive",
    f"User-Agent: {AGENT}",
    "Referer: http://127.0.0.1/",
    # A page without TLS: browsers offer br and zstd on secure origins alone.
    "Accept-Encoding: gzip, deflate",
    "Accept-Language: en-GB,en;q=0.9",
)
"""Header lines that a browser adds to a classroom request of the page."""

FETCHED = "Accept: */*"
PICTURE = "Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def request(method: str, target: str, *lines: str, body: bytes = b"") -> bytes:
    """Build a classroom request as the browser sends it."""
    head = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1", *BROWSER, *lines]
    if body:
        head += [f"Content-Length: {len(body)}", "Origin: http://127.0.0.1"]
    return "\r\n".join([*head, "\r\n"]).encode() + body


def drawing_request(parameters: Mapping[str, str], png: bytes) -> bytes:
    """Build the page's request for the activations of a drawing."""
    target = f"/cnn/activations?{_query(parameters)}"
    return request("POST", target, FETCHED, "Content-Type: image/png", body=png)


def _sequence_request(target: str, value: object) -> bytes:
    body = json.dumps(value, separators=(",", ":")).encode()
    return request("POST", target, FETCHED, "Content-Type: application/json", body=body)


def _query(parameters: Mapping[str, str]) -> str:
    return urlencode(parameters, safe=",")  # the page's lists keep their commas


def drawing(seed: int) -> bytes:
    """Draw two curved strokes as the drawing pad does, white on black, and encode them as PNG."""
    generator = random.Random(seed)  # noqa: S311 - the same drawings in every run
    # Twice the size, then halved: edges are grey, as those of a canvas.
    picture = Image.new("RGBA", (2 * SIDE, 2 * SIDE), "black")
    pen = ImageDraw.Draw(picture)
    for _ in range(2):
        x, y, radius = (generator.uniform(0.6, 1.4) * SIDE for _ in range(3))
        start, turn = generator.uniform(0, math.tau), generator.uniform(1, 5)
        for at in range(POINTS):
            angle = start + turn * at / POINTS
            across, down = x + radius / 2 * math.cos(angle), y + radius / 2 * math.sin(angle)
            pen.ellipse((across - PEN, down - PEN, across + PEN, down + PEN), fill="white")
    file = io.BytesIO()
    picture.resize((SIDE, SIDE), Image.Resampling.BOX).save(file, "PNG")
    return file.getvalue()


def drawings(seed: int) -> list[bytes]:
    """Return different PNG files of a class's drawings, with some equal pictures among them.

    A comment makes a file different, as the server keeps pictures by the digests of their files.
    """
    shapes = [drawing(seed + at) for at in range(SHAPES)]
    return [with_comment(shapes[at % SHAPES], str(at)) for at in range(DRAWINGS)]


def with_comment(png: bytes, comment: str) -> bytes:
    """Return a classroom drawing's file with a comment, a chunk `tEXt` behind its header."""
    chunk = b"tEXtComment\0" + comment.encode()
    length, check = len(chunk) - 4, zlib.crc32(chunk)
    return b"".join(
        (png[:33], struct.pack(">I", length), chunk, struct.pack(">I", check), png[33:])
    )


def step_request(bits: str, step: int) -> bytes:
    """Build the page's request when a step is followed while a gate is set to a value at it."""
    edits = [{**CLOSED_GATE, "steps": [step, step]}]
    target = "/lstm/intervene?values=hidden&format=safetensors"
    return _sequence_request(target, {"sequence": bits, "edits": edits})


def classroom_requests(seed: int = 0) -> dict[Kind, list[bytes]]:
    """Return the requests of a class by kind; a kind's requests are sent in rotation."""
    files = drawings(seed)
    generator = random.Random(seed)  # noqa: S311 - the same sequences in every run
    sequences = ["".join(generator.choices("01", k=STEPS)) for _ in range(SHAPES)]
    saved = {**VIEW, "format": "png"}
    return {
        "stroke": [drawing_request(STROKE_PARAMETERS, png) for png in files],
        "values": [drawing_request(VALUES_PARAMETERS, png) for png in files],
        "layers": [request("GET", "/cnn/layers.png", PICTURE)],
        "descriptors": [
            request("GET", "/cnn/descriptors.png?layer=conv1&order=edge", PICTURE),
        ],
        "saved": [drawing_request(saved, png) for png in files],
        "trace": [
            _sequence_request("/lstm/trace?cmap=viridis&format=safetensors", {"sequence": one})
            for one in sequences
        ],
        "decomposition": [
            _sequence_request("/lstm/decomposition?format=safetensors", {"sequence": one})
            for one in sequences
        ],
        "step": [step_request(one, 1 + at % STEPS) for at, one in enumerate(sequences)],
    }
