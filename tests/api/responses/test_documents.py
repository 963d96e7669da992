"""Documents about the server: rendered once for each state; recent text at a limited rate."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.responses.documents import Documents
from api.responses.recent_text import BURST, PER_S, RecentText
from api.routes import models

DOCUMENTS = ("/models", "/models/cnn", "/models/cnn/tour", "/openapi.json", "/docs/openapi.json")


def test_a_document_is_rendered_once_for_each_state() -> None:
    """The name and the state choose the document."""
    kept, rendered = Documents(), list[str]()

    async def contents() -> list[bytes]:
        asked = (("a", 1), ("a", 1), ("b", 1), ("a", 1), ("a", 2), ("a", 2))
        return [
            (await kept.asset(name, state, renderer(f"{name} {state}", rendered))).plain.content
            for name, state in asked
        ]

    assert asyncio.run(contents()) == [b"a 1", b"a 1", b"b 1", b"a 1", b"a 2", b"a 2"]
    assert rendered == ["a 1", "b 1", "a 2"]


def renderer(text: str, rendered: list[str]) -> Callable[[], Awaitable[bytes]]:
    """Return a renderer of a text that counts its calls in a list."""

    async def render() -> bytes:
        await asyncio.sleep(0)
        rendered.append(text)
        return text.encode()

    return render


def test_requests_wait_for_one_rendering_together() -> None:
    """The first of four disconnects; a rendering that failed is tried again."""
    kept, rendered = Documents(), list[str]()

    async def fail() -> bytes:
        raise LookupError

    async def contents() -> list[bytes]:
        with pytest.raises(LookupError):
            await kept.asset("a", 1, fail)
        first, *others = [
            asyncio.create_task(kept.asset("a", 1, renderer("a 1", rendered))) for _ in range(4)
        ]
        await asyncio.sleep(0)
        first.cancel()
        return [one.plain.content for one in await asyncio.gather(*others)]

    assert asyncio.run(contents()) == [b"a 1"] * 3
    assert rendered == ["a 1"]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_documents_of_the_server_are_kept(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """The second request renders nothing, has the same bytes, and 304 where the client has them."""
    first = client.get(path)

    def fail(*_: object, **__: object) -> None:
        raise AssertionError(path)

    monkeypatch.setattr(models, "describe", fail)
    monkeypatch.setattr(models, "_described_tour", fail)
    monkeypatch.setattr(app, "openapi", fail)
    second = client.get(path)
    held = client.get(path, headers={"If-None-Match": first.headers["etag"]})

    assert first.status_code == second.status_code == 200
    assert first.content == second.content
    assert (held.status_code, held.content) == (304, b"")


def test_the_openapi_document_is_the_application_s(app: FastAPI, client: TestClient) -> None:
    """Without a prefix it names no server; below one, it names that."""
    assert client.get("/openapi.json").json() == orjson.loads(orjson.dumps(app.openapi()))
    below = TestClient(app, root_path="/net/")
    assert below.get("/openapi.json").json()["servers"] == [{"url": "/net"}]


def test_recent_text_is_rendered_at_a_limited_rate() -> None:
    """A burst renders, then the last text is repeated; after a second there are two more."""
    now, rendered = [0.0], 0

    async def render() -> str:
        nonlocal rendered
        rendered += 1
        return str(rendered)

    async def ask(times: int) -> str:
        return [await text.get(render) for _ in range(times)][-1]

    text = RecentText(lambda: now[0])

    assert asyncio.run(ask(5 * BURST)) == str(BURST)
    now[0] += 1
    assert asyncio.run(ask(BURST)) == str(BURST + PER_S).removesuffix(".0")
    now[0] += 1000
    assert asyncio.run(ask(5 * BURST)) == str(2 * BURST + PER_S).removesuffix(".0")
