"""Echo server: reads the request body and sends a fixed response, the least a server can do."""

import argparse
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn


def answering(size: int) -> Callable[..., Awaitable[None]]:
    """Build the echo server's ASGI application, which answers with a fixed number of bytes."""
    body = bytes(size)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(size).encode())]

    async def application(
        scope: dict[str, Any],
        receive: Callable[[], Awaitable[dict[str, Any]]],
        send: Callable[[dict[str, Any]], Awaitable[None]],
    ) -> None:
        assert scope["type"] == "http"  # noqa: S101 - there is no lifespan and no WebSocket
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return application


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("size", type=int)
    flags = parser.parse_args()
    uvicorn.run(
        answering(flags.size),
        port=flags.port,
        loop="uvloop",
        http="httptools",
        lifespan="off",
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
    )
