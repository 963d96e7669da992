"""Warm-up: 503 until the programs are compiled, and no compilation during a request."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import jax
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.inference.engine import Engine
from api.settings import Settings
from models.data.samples import Samples

COMPILE = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def compiles() -> Iterator[list[str]]:
    """Names of the XLA compilations since the fixture was set up."""
    seen: list[str] = []

    def note(event: str, *_: Any, **__: Any) -> None:
        if event == COMPILE:
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    yield seen
    jax.monitoring.unregister_event_duration_listener(note)


def test_the_count_of_compilations_counts(compiles: list[str]) -> None:
    """A new shape is counted, so that an empty list means no compilation."""
    jax.jit(lambda value: value * 3)(jax.numpy.zeros(7))

    assert compiles


def test_no_request_compiles(client: TestClient, digits: Samples, compiles: list[str]) -> None:
    """A thousand random requests, of every length and kind, compile nothing."""
    rng = random.Random(3)  # noqa: S311 - not for secrets
    pixels = [{"pixels": image.tolist()} for image in digits.images[:20]]
    for _ in range(1000):
        if rng.random() < 0.3:
            path = rng.choice(
                ["predict", "activations?layers=relu3", "channel?layer=pool1&channel=3"]
            )
            response = client.post(f"/cnn/{path}", json=rng.choice(pixels))
        else:
            path = rng.choice(["predict", "gates", "cell", "hidden", "trace"])
            bits = "".join(rng.choice("01") for _ in range(int(2 ** rng.uniform(0, 8.5))))
            response = client.post(f"/lstm/{path}", json={"sequence": bits})
        assert response.status_code == 200, response.text

    assert compiles == []


def test_before_it_is_warm_it_is_alive_and_says_when_to_come_back() -> None:
    """While programs compile, what needs a network or a thread is a 503 with `Retry-After`."""
    app = create_app(Settings())
    engine: Engine = app.state.engine

    async def never() -> None:
        await asyncio.Event().wait()

    engine.warm_up = never  # type: ignore[method-assign]
    with TestClient(app) as client:
        for path in ("/livez", "/samples", "/samples/0.png"):
            assert client.get(path).status_code == 200
        for path in ("/readyz", "/lstm/gates?sequence=1", "/cnn/filters", "/samples.png"):
            response = client.get(path)
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            assert response.json()["type"] == "urn:lightwell:problem:warming"


def test_an_analysis_that_is_not_compiled_yet_is_waited_for(client: TestClient) -> None:
    """Its request compiles it before all that is left, and has the answer of later requests."""
    app = create_app(Settings())
    engine: Engine = app.state.engine

    async def rest() -> None:
        """Compile nothing in the background."""

    engine._compile_rest = rest  # type: ignore[method-assign]
    image = {"pixels": [[9 * (x + y) % 256 for x in range(28)] for y in range(28)]}
    with TestClient(app) as cold:
        assert cold.portal is not None
        cold.portal.call(engine.warmed)
        assert "cnn.gradient" not in engine.queues
        path = "/cnn/attribution?method=gradient&preprocess=none"
        found, expected = cold.post(path, json=image), client.post(path, json=image)

    assert found.status_code == 200
    assert found.json()["tensors"][0]["shape"] == expected.json()["tensors"][0]["shape"]
    assert "cnn.gradient" in engine.queues
    assert "cnn.push" not in engine.queues
