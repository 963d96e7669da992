"""Pacing of refusals: who repeats a refused request at once, and who waits."""

import asyncio
import time
from collections.abc import Iterator

import pytest

from api.server import refusal_pacing
from api.server.refusal_pacing import AT_ONCE_S, PAUSE_S, RefusalPacing
from tests.api.server.hostile import Served, get, served, until

SECONDS = 1.0


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    """Server with limits in tenths."""
    with served() as server:
        yield server


@pytest.mark.parametrize(("waited_s", "is_paused"), [(0.0, True), (0.9, True), (1.1, False)])
def test_only_a_request_at_once_after_a_refusal_is_paused(
    waited_s: float, is_paused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first refusal is sent at once, as is one whose client has waited for a moment."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def scene() -> None:
        pacing, now = RefusalPacing(), asyncio.get_running_loop().time
        await pacing.pause(now())
        assert slept == []
        await pacing.pause(now() + waited_s * AT_ONCE_S)

    monkeypatch.setattr(refusal_pacing.asyncio, "sleep", sleep)
    asyncio.run(scene())

    assert len(slept) == is_paused
    assert all(PAUSE_S / 2 <= one <= 1.5 * PAUSE_S for one in slept)


def test_a_client_in_a_loop_has_few_refusals(server: Served) -> None:
    """A connection that ignores `Retry-After` has at most a tenth of what it could have."""
    refused, ended = 0, time.monotonic() + SECONDS
    with server.connect() as client:
        while time.monotonic() < ended:
            client.sendall(get("/busy"))
            assert until(client, b"busy").startswith(b"HTTP/1.1 503 ")
            refused += 1

    assert 2 <= refused <= 2 * SECONDS / PAUSE_S + 2


def test_answers_of_such_a_client_are_not_paused(server: Served) -> None:
    """Between two refusals a connection has its other answers, which cost no pause."""
    with server.connect() as client:
        client.sendall(get("/busy"))
        until(client, b"busy")
        began = time.monotonic()
        for _ in range(100):
            client.sendall(get("/echo"))
            until(client, b"/echo")

    assert time.monotonic() - began < 100 * PAUSE_S / 2


def test_a_client_that_leaves_during_the_pause_gets_nothing(server: Served) -> None:
    """Its request ends, and the next client is served."""
    with server.connect() as client:
        client.sendall(get("/busy"))
        until(client, b"busy")
        client.sendall(get("/busy"))
    assert server.is_served()
