"""Requests of the overload measurement: predictions, and analyses of each kind."""

import itertools
import json
import random
from collections.abc import Callable, Mapping

from scripts.bench.systems import base64_text
from scripts.bench.workloads import SEED, pictures, post

PATCHING_STEPS = 24
GATES_STEPS = 4096
INPUTS = 64
SEEDS = 4096
"""Different seeds of one load, none of whose results is in the cache."""

_seeds = itertools.count()


def get(target: str) -> bytes:
    """Build a GET request of the overload measurement."""
    return f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post_json(target: str, value: object) -> bytes:
    """Build a POST request of JSON for the overload measurement."""
    return post(target, "application/json", json.dumps(value).encode())


def predictions() -> list[bytes]:
    """Return predict requests, a picture of each digit."""
    return [post("/cnn/predict", "image/png", one) for one in pictures()]


def _of_pictures(target: str) -> Callable[[], list[bytes]]:
    return lambda: [post(target, "image/png", one) for one in pictures()]


def _patching() -> list[bytes]:
    pairs = [(bits(PATCHING_STEPS, at), bits(PATCHING_STEPS, at + 100)) for at in range(8)]
    return [
        post_json("/lstm/patching", {"sequence": one, "source": {"sequence": other}})
        for one, other in pairs
    ]


def _units() -> list[bytes]:
    """Return requests of pictures that maximise a channel; seeds differ, so none is cached."""
    target = "/cnn/unit?layer=conv2&channel={}&seed={}"
    return [get(target.format(at % 16, next(_seeds))) for at in range(SEEDS)]


def _gates() -> list[bytes]:
    return [post_json("/lstm/gates.png", {"sequence": bits(GATES_STEPS, at)}) for at in range(4)]


def _many_pictures() -> list[bytes]:
    inputs = [{"image": base64_text(one)} for one in (pictures() * INPUTS)[:INPUTS]]
    return [post_json("/cnn/activations?format=safetensors", {"inputs": inputs})]


def bits(steps: int, seed: int) -> str:
    """Draw a sequence of bits for a request of the overload measurement."""
    generator = random.Random(SEED + seed)  # noqa: S311 - the same sequences in every run
    return "".join(generator.choices("01", k=steps))


ANALYSES: Mapping[str, Callable[[], list[bytes]]] = {
    "integrated gradients": _of_pictures("/cnn/attribution?method=integrated_gradients"),
    "occlusion with sanity": _of_pictures("/cnn/attribution?method=occlusion&sanity=true"),
    "sweep": _of_pictures("/cnn/sweep?layer=relu3"),
    "patching grid": _patching,
    "unit": _units,
    "gates.png of 4,096 steps": _gates,
    "64 pictures": _many_pictures,
}
"""Kind of analysis → function that builds its requests."""
