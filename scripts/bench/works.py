"""What is asked of every contestant: the inputs, to the byte, and the right answers."""

import io
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image

from models.data import samples

Kind = Literal["predict", "activations", "channel", "gates"]
Arrays = Mapping[str, np.ndarray]

TOLERANCE = 1e-4
"""Float32 in another order of sums, through three convolutions, stays well within this."""

LAYER, CHANNEL = "conv2", 5
"""What `channel` asks for."""

SEED = 3


class WrongAnswerError(Exception):
    """A contestant's answer is not what the networks compute."""


@dataclass(frozen=True)
class Work:
    """One kind of question, asked with several inputs in rotation.

    Attributes:
        name: As in the table.
        kind: What is asked; several works may differ only in how the answer is written.
        inputs: PNG files, or sequences of the characters 0 and 1.
    """

    name: str
    kind: Kind
    inputs: tuple[bytes, ...]

    @property
    def is_image(self) -> bool:
        """Whether the inputs are pictures."""
        return self.kind != "gates"


@cache
def pictures() -> tuple[bytes, ...]:
    """Return one MNIST test image of each digit, as PNG."""
    held = samples.load()
    found = []
    for digit in range(10):
        image = held.images[int(np.flatnonzero(held.labels == digit)[0])]
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        found.append(file.getvalue())
    return tuple(found)


def sequences(lengths: Sequence[int]) -> tuple[bytes, ...]:
    """Toss a coin for every bit; the same bits in every run."""
    chance = random.Random(SEED)  # noqa: S311 - the same sequences for every contestant
    return tuple("".join(chance.choices("01", k=length)).encode() for length in lengths)


def mixed_lengths(count: int = 16, longest: int = 1000, shortest: int = 4) -> list[int]:
    """Draw lengths whose logarithm is uniform: as many of 4 to 16 as of 250 to 1,000."""
    chance = random.Random(SEED)  # noqa: S311 - see above
    low, high = math.log(shortest), math.log(longest)
    return [round(math.exp(chance.uniform(low, high))) for _ in range(count)]


def works() -> dict[str, Work]:
    """Return every work, by name, in the order of the table."""
    forms, lengths = ("json", "base64", "safetensors", "png"), (20, 100, 1000)
    listed = [
        Work("predict", "predict", pictures()),
        *(Work(f"activations-{form}", "activations", pictures()) for form in forms),
        Work("channel", "channel", pictures()),
        *(Work(f"gates-{steps}", "gates", sequences([steps] * 4)) for steps in lengths),
        Work("gates-mixed", "gates", sequences(mixed_lengths())),
    ]
    return {work.name: work for work in listed}


def post(path: str, media_type: str, body: bytes) -> bytes:
    """Write a whole request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def check(found: Arrays, right: Arrays) -> None:
    """Compare an answer with our own program's.

    Args:
        found: May leave out what its server does not give, but not all.

    Raises:
        WrongAnswerError: Something is missing, or differs by more than rounding does.
    """
    missing = {name for name in right if name != "logits"} - found.keys()
    if missing:
        msg = f"without {', '.join(sorted(missing))}"
        raise WrongAnswerError(msg)
    for name in right.keys() & found.keys():
        if found[name].shape != right[name].shape:
            msg = f"{name} has shape {found[name].shape}, not {right[name].shape}"
            raise WrongAnswerError(msg)
        furthest = float(np.abs(found[name] - right[name]).max())
        limit = 0.01 if name == "picture" else TOLERANCE
        if not furthest <= limit * max(1.0, float(np.abs(right[name]).max())):
            msg = f"{name} is off by {furthest:.2g}"
            raise WrongAnswerError(msg)
