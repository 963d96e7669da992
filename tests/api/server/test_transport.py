"""Write-coalescing transport: number and time of the writes."""

import asyncio
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import pytest

from api.server import exchange
from api.server.transport import WriteCoalescingTransport
from tests.api.server.hostile import get, served
from tests.servers import TIMEOUT_S


class Wire:
    """Transport that records each write."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False
        self.left = 0  # bytes that the system has not taken

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Record one write."""
        assert not self.closed
        self.pieces.append(b"".join(parts))

    def get_write_buffer_size(self) -> int:
        """Return the bytes that the system has not taken."""
        return self.left

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closed

    def close(self) -> None:
        """Refuse further writes."""
        self.closed = True

    def get_extra_info(self, name: str) -> str:
        """Value of an attribute that does not write."""
        return f"its {name}"


@pytest.fixture
def wire() -> Wire:
    """Transport without a write."""
    return Wire()


def coalescing(wire: Wire, note_unsent: Callable[[], object] = bool) -> WriteCoalescingTransport:
    """Wrap a transport, on the running event loop."""
    loop = asyncio.get_running_loop()
    return WriteCoalescingTransport(wire, loop, note_unsent)  # type: ignore[arg-type]


def test_bytes_that_the_system_has_not_taken_are_noted(wire: Wire) -> None:
    """A write that was taken whole is none of the memory that responses hold."""
    notes: list[int] = []

    async def scene() -> None:
        transport = coalescing(wire, lambda: notes.append(wire.left))
        for wire.left in (0, 7, 0):
            transport.write(b"piece")
            await asyncio.sleep(0)

    asyncio.run(scene())

    assert notes == [7]


def test_an_answer_leaves_in_one_piece(wire: Wire) -> None:
    """Head and body of one event-loop iteration are one write; the next response is another."""

    async def answer_twice() -> None:
        transport = coalescing(wire)
        transport.write(b"head ")
        transport.writelines([b"body ", b"end"])
        assert wire.pieces == []
        await asyncio.sleep(0)
        transport.write(b"next")
        await asyncio.sleep(0)

    asyncio.run(answer_twice())

    assert wire.pieces == [b"head body end", b"next"]


def test_closing_sends_what_is_held_first(wire: Wire) -> None:
    """Pending bytes are sent once, before the close, and none after it."""

    async def answer_and_close() -> None:
        transport = coalescing(wire)
        transport.write(b"last")
        transport.close()
        transport.write(b"too late")
        await asyncio.sleep(0)

    asyncio.run(answer_and_close())

    assert wire.pieces == [b"last"]
    assert wire.closed


def test_the_rest_is_the_transports_own(wire: Wire) -> None:
    """Other attributes are those of the wrapped transport."""

    async def ask() -> str:
        found: str = coalescing(wire).get_extra_info("peername")
        return found

    assert asyncio.run(ask()) == "its peername"


@pytest.mark.parametrize("path", ["large", "buffers"])
@pytest.mark.parametrize("size", [exchange.SLICE, exchange.SLICE + 1, 10 * exchange.SLICE + 7])
def test_a_large_body_is_handed_over_in_slices(
    size: int, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All bytes arrive in order, none of them in a larger write than a slice."""
    sizes: list[int] = []
    write = WriteCoalescingTransport.write

    def record(self: WriteCoalescingTransport, data: bytes | memoryview) -> None:
        sizes.append(len(data))
        write(self, data)

    monkeypatch.setattr(WriteCoalescingTransport, "write", record)
    with served() as server:
        answer = server.ask(get(f"/{path}?{size}", b"Connection: close\r\n"))

    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"content-length: {size}".encode() in head.lower()
    assert body == bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    assert max(sizes) <= exchange.SLICE


REFUSED = {
    "of a client that closes": b"Connection: close\r\nContent-Length: 30000000\r\n\r\n",
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n1c9c380\r\n",
    "without an end": b"Content-Length: 9999999999999\r\n\r\n",
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_response_reaches_a_client_that_sends_first(name: str, url: str) -> None:
    """A client that writes 30 MB before it reads gets the 413, then the end of the connection."""
    address = urlsplit(url)
    head = b"POST /cnn/predict HTTP/1.1\r\nHost: [::1]\r\nContent-Type: image/jpeg\r\n"
    with socket.create_connection((str(address.hostname), address.port or 0)) as client:
        client.settimeout(TIMEOUT_S)
        client.sendall(head + REFUSED[name])
        client.sendall(bytes(30_000_000))
        response = b"".join(iter(lambda: client.recv(65_536), b""))

    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"The body is larger than 25165824 bytes" in response
    assert response.count(b"HTTP/1.1") == 1
