"""Fixtures of the Open Inference Protocol's tests: a server of networks of every kind."""

from collections.abc import Iterator

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Settings
from tests.applications import running
from tests.networks import (
    COLOURS_TOML,
    FEATURES_TOML,
    GREY_TOML,
    LETTERS_TOML,
    WORDS_TOML,
    write_network,
)
from tests.servers import in_turn

NETWORKS = {
    "colours": COLOURS_TOML,
    "grey": GREY_TOML,
    "letters": LETTERS_TOML,
    "words": WORDS_TOML,
    "walk": FEATURES_TOML,
    "every": FEATURES_TOML.replace("layers", 'answer = "every"\nlayers'),
    "one-unit": LETTERS_TOML.replace("dense 2", "dense 1"),
}
"""Networks of the user's: pictures, symbols and rows of numbers; answers at each step, one unit."""

STEPS = 5


@pytest.fixture(scope="package")
def every_app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Application with the shipped networks, and one of the user's of each kind."""
    folder = tmp_path_factory.mktemp("networks")
    for name, text in NETWORKS.items():
        write_network(folder / name, text)
    return create_app(Settings(models=folder, memory=16 * 2**30))


@pytest.fixture(scope="package")
def every(every_app: FastAPI) -> Iterator[TestClient]:
    """Client of a ready server with networks of every kind."""
    with in_turn(running(every_app, analyses=False, raise_server_exceptions=False)) as client:
        yield client


def drawn(client: TestClient, model: str, rows: int) -> dict[str, np.ndarray]:
    """Draw values for the input of a network that every request has, by its metadata."""
    first = client.get(f"/v2/models/{model}").json()["inputs"][0]
    shape = [rows, *(STEPS if size == -1 else size for size in first["shape"][1:])]
    random = np.random.default_rng(rows)
    if first["datatype"] == "FP32":
        return {first["name"]: random.normal(size=shape).astype(np.float32)}
    highest = 256 if first["name"] == "image" else 2
    return {first["name"]: random.integers(0, highest, shape, np.uint8)}
