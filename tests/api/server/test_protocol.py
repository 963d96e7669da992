"""What reaches the transport, and when."""

import asyncio
from collections.abc import Iterable

import pytest

from api.server.protocol import WriteCoalescingTransport


class Wire:
    """A transport that keeps what it is told to send, piece by piece."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.closed = False

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Take one piece."""
        assert not self.closed
        self.pieces.append(b"".join(parts))

    def is_closing(self) -> bool:
        """Tell whether it was closed."""
        return self.closed

    def close(self) -> None:
        """Take nothing more."""
        self.closed = True

    def get_extra_info(self, name: str) -> str:
        """Answer what is not about writing."""
        return f"its {name}"


@pytest.fixture
def wire() -> Wire:
    """Return a transport that has sent nothing yet."""
    return Wire()


def corked(wire: Wire) -> WriteCoalescingTransport:
    """Put a cork on a transport, on the running event loop."""
    return WriteCoalescingTransport(wire, asyncio.get_running_loop())  # type: ignore[arg-type]


def test_an_answer_leaves_in_one_piece(wire: Wire) -> None:
    """Head and body of one go of the event loop go together; the next answer goes by itself."""

    async def answer_twice() -> None:
        transport = corked(wire)
        transport.write(b"head ")
        transport.writelines([b"body ", b"end"])
        assert wire.pieces == []
        await asyncio.sleep(0)
        transport.write(b"next")
        await asyncio.sleep(0)

    asyncio.run(answer_twice())

    assert wire.pieces == [b"head body end", b"next"]


def test_closing_sends_what_is_held_first(wire: Wire) -> None:
    """And nothing is sent a second time, or after it."""

    async def answer_and_close() -> None:
        transport = corked(wire)
        transport.write(b"last")
        transport.close()
        transport.write(b"too late")
        await asyncio.sleep(0)

    asyncio.run(answer_and_close())

    assert wire.pieces == [b"last"]
    assert wire.closed


def test_the_rest_is_the_transports_own(wire: Wire) -> None:
    """Whoever asks for an address gets it from the transport."""

    async def ask() -> str:
        found: str = corked(wire).get_extra_info("peername")
        return found

    assert asyncio.run(ask()) == "its peername"
