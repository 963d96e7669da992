"""Control of goodput: a server that refuses at once, to measure the cost of the load generator."""

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from typing import cast

from httptools import HttpRequestParser

from scripts.overload.loads import LOCAL

REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"


class _Refusing(asyncio.Protocol):
    """Connection of the control server: each complete request is refused."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(REFUSAL)


class RefusingServer:
    """Server in a process of its own within the context, which answers every request with 503.

    Attributes:
        port: Port of loopback that it listens on.
    """

    def __enter__(self) -> "RefusingServer":
        context = multiprocessing.get_context("spawn")
        receiving, sending = context.Pipe(duplex=False)
        self._process = context.Process(target=_serve, args=(sending,), daemon=True)
        self._process.start()
        self.port: int = receiving.recv()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _serve(sending: Connection) -> None:
    asyncio.run(_listen(sending))


async def _listen(sending: Connection) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Refusing, LOCAL, 0, backlog=1024)
    sending.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()
