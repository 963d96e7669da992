"""Workloads: inputs sent to every benchmarked system, and comparison of responses with outputs."""

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
"""Tolerance of workload responses; float32 sums in another order differ by much less."""

LAYER, CHANNEL = "conv2", 5
"""Layer and channel that the `channel` workload requests."""

SEED = 3


class WrongAnswerError(Exception):
    """Wrong response to a workload: it differs from the expected outputs."""


@dataclass(frozen=True)
class Workload:
    """Workload: one kind of benchmark request, sent with several inputs in rotation.

    Attributes:
        name: Name in the table.
        kind: Operation that is requested; several workloads may differ only in the response format.
        inputs: PNG files, or sequences of the characters 0 and 1.
    """

    name: str
    kind: Kind
    inputs: tuple[bytes, ...]

    @property
    def is_image(self) -> bool:
        """Whether a workload's inputs are images."""
        return self.kind != "gates"


@cache
def pictures() -> tuple[bytes, ...]:
    """Return the image workloads' inputs: one MNIST test image of each digit, as PNG."""
    held = samples.load()
    found = []
    for digit in range(10):
        image = held.images[int(np.flatnonzero(held.labels == digit)[0])]
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        found.append(file.getvalue())
    return tuple(found)


def sequences(lengths: Sequence[int]) -> tuple[bytes, ...]:
    """Draw the LSTM workloads' bit sequences of given lengths; the same bits in every run."""
    generator = random.Random(SEED)  # noqa: S311 - the same sequences for every system
    return tuple("".join(generator.choices("01", k=length)).encode() for length in lengths)


def mixed_lengths(count: int = 16, longest: int = 1000, shortest: int = 4) -> list[int]:
    """Draw log-uniform lengths for workload `gates-mixed`: as many of 4 to 16 as over 250."""
    generator = random.Random(SEED)  # noqa: S311 - see above
    low, high = math.log(shortest), math.log(longest)
    return [round(math.exp(generator.uniform(low, high))) for _ in range(count)]


def workloads() -> dict[str, Workload]:
    """Return every workload of the benchmark, by name, in the order of the table."""
    forms, lengths = ("json", "base64", "safetensors", "png"), (20, 100, 1000)
    listed = [
        Workload("predict", "predict", pictures()),
        *(Workload(f"activations-{form}", "activations", pictures()) for form in forms),
        Workload("channel", "channel", pictures()),
        *(Workload(f"gates-{steps}", "gates", sequences([steps] * 4)) for steps in lengths),
        Workload("gates-mixed", "gates", sequences(mixed_lengths())),
    ]
    return {workload.name: workload for workload in listed}


def post(path: str, media_type: str, body: bytes) -> bytes:
    """Build a workload's request: a complete HTTP/1.1 POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {media_type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def check(found: Arrays, expected: Arrays) -> None:
    """Check a response to a workload: compare its arrays with the expected ones.

    Args:
        found: Logits may be missing, as some systems do not return them.

    Raises:
        WrongAnswerError: An array is missing, or differs by more than rounding.
    """
    missing = {name for name in expected if name != "logits"} - found.keys()
    if missing:
        msg = f"missing: {', '.join(sorted(missing))}"
        raise WrongAnswerError(msg)
    for name in expected.keys() & found.keys():
        if found[name].shape != expected[name].shape:
            msg = f"{name} has shape {found[name].shape}, not {expected[name].shape}"
            raise WrongAnswerError(msg)
        error = float(np.abs(found[name] - expected[name]).max())
        # A picture is compared at an eighth of its size, where a single colour step hardly counts.
        limit = 0.01 if name == "picture" else TOLERANCE
        if not error <= limit * max(1.0, float(np.abs(expected[name]).max())):
            msg = f"{name} is off by {error:.2g}"
            raise WrongAnswerError(msg)
