"""Listener of several workers on one socket."""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from api.workers.connection_counts import ABSENT, ConnectionCounts
from api.workers.shared_listener import SharedListener

BACKLOG = 64


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    """A socket of loopback that does not listen yet."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        yield one


class Member(asyncio.Protocol):
    """Connection of a worker, whose slot is the answer."""

    def __init__(self, slot: int, opened: Counter[int]) -> None:
        self._slot, self._opened = slot, opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Answer with the slot."""
        assert isinstance(transport, asyncio.Transport)
        self._opened[self._slot] += 1
        transport.write(b"%d" % self._slot)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection no longer."""
        self._opened[self._slot] -= 1


def members(
    bound: socket.socket, counts: ConnectionCounts, opened: Counter[int], slots: int
) -> list[SharedListener]:
    """Listeners of some workers, all on the running event loop."""
    found = []
    for slot in range(slots):
        listener = SharedListener(
            lambda slot=slot: Member(slot, opened),  # type: ignore[misc]
            bound.dup(),
            counts,
            slot,
            lambda slot=slot: opened[slot],  # type: ignore[misc]
        )
        listener.listen(BACKLOG)
        found.append(listener)
    return found


async def asked(address: tuple[str, int], number: int, running: ExitStack) -> list[int]:
    """Open connections that stay open; return the slots that have them."""
    found = []
    for _ in range(number):
        reader, writer = await asyncio.open_connection(*address)
        running.callback(writer.close)
        found.append(int(await reader.readexactly(1)))
    return found


def test_each_worker_has_as_many_connections(bound: socket.socket, tmp_path: Path) -> None:
    """Thirty connections that stay open are ten for each of three workers."""
    counts = ConnectionCounts.create(tmp_path, 3)

    async def scenario() -> list[int]:
        opened: Counter[int] = Counter()
        listeners = members(bound, counts, opened, 3)
        with ExitStack() as running:
            found = await asked(bound.getsockname(), 30, running)
        for one in listeners:
            one.close()
            await one.wait_closed()
        await asyncio.sleep(0.01)
        return found

    assert Counter(asyncio.run(scenario())) == {0: 10, 1: 10, 2: 10}
    assert counts.least() == ABSENT


def test_a_worker_that_does_not_accept_keeps_no_connection_waiting(
    bound: socket.socket, tmp_path: Path
) -> None:
    """One that hangs with no connection, or has closed its listener, has none; others have all."""
    counts = ConnectionCounts.create(tmp_path, 3)
    counts.set(2, 0)

    async def scenario() -> list[int]:
        opened: Counter[int] = Counter()
        first, second = members(bound, counts, opened, 2)
        first.close()
        with ExitStack() as running:
            found = await asked(bound.getsockname(), 5, running)
        second.close()
        await asyncio.sleep(0.01)
        return found

    assert asyncio.run(scenario()) == [1] * 5


def test_a_closed_listener_refuses(bound: socket.socket, tmp_path: Path) -> None:
    """It is closed for good, a pause or not, when the last worker has closed it."""
    counts = ConnectionCounts.create(tmp_path, 1)
    address = bound.getsockname()

    async def scenario() -> None:
        (listener,) = members(bound, counts, Counter(), 1)
        bound.close()
        listener._pause(0.0)
        listener.close()
        listener.close()
        await asyncio.sleep(0.01)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)

    asyncio.run(scenario())
