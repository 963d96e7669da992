"""Response whose body is sent as buffers, one after the other."""

import asyncio
from collections.abc import Iterable, Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from probes.output.buffers import Buffer, nbytes_of


class BufferedResponse(Response):
    """Response whose body is sent as buffers; others run in between.

    Args:
        buffers: Bytes of the body in order, at least one.
        headers: Headers except Content-Length.
    """

    def __init__(self, buffers: Sequence[Buffer], headers: Iterable[tuple[bytes, bytes]]) -> None:
        # Not by `Response.__init__`, which would encode the same headers for each response.
        self.status_code = 200
        self.background = None
        self.body, *self._rest = buffers
        self.raw_headers = [(b"content-length", b"%d" % nbytes_of(buffers)), *headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response, one buffer after the other; others run in between."""
        if not self._rest:
            await super().__call__(scope, receive, send)
            return
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        last = len(self._rest)
        for number, part in enumerate(self._rest, 1):
            await asyncio.sleep(0)
            await send({"type": "http.response.body", "body": part, "more_body": number < last})
