"""Content codings of the Open Inference Protocol: bodies inflated within a limit."""

import zlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from isal import isal_zlib

from api.content_coding import LEVEL, gzipped, takes_gzip
from api.errors.problem import Problem, body_problem
from api.requests.body import too_large
from api.requests.body_arrival import BodyArrival
from probes.output.buffers import Buffer

Coding = Literal["gzip", "deflate"]

WINDOW_BITS = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""Window bits by which zlib reads a content coding (RFC 9110, section 8.4.1)."""

MAX_LIGHT_BYTES = 65_536
"""Most bytes of a body before and after its coding that are inflated on the event loop."""

PIECE_BYTES = 1_048_576
"""Most bytes that a CPU thread inflates at once, before the limits are checked again."""

FED_BYTES = 65_536
"""Compressed bytes that zlib is given at once."""

NOT_WHOLE = "The body is not whole {}: it is damaged, ends early, or goes on behind its end."


class Inflater:
    """Inflater of a body with a content coding, piece by piece.

    Args:
        content: The compressed bytes; a single member of `gzip` (RFC 1952, section 2.2).
    """

    def __init__(self, content: bytes, coding: Coding) -> None:
        self._content, self._coding = memoryview(content), coding
        self._stream = zlib.decompressobj(WINDOW_BITS[coding])

    def piece(self, most: int) -> bytes:
        """Inflate the next bytes of the content.

        Args:
            most: Most bytes to return.

        Returns:
            Nothing at the end.

        Raises:
            Problem: The content is damaged, ends early, or goes on behind its end.
        """
        found, stream = b"", self._stream
        while not (found or stream.eof):
            given = stream.unconsumed_tail or self._next()
            try:
                found = stream.decompress(given, most)
            except zlib.error as error:
                raise _damaged(self._coding) from error
            if not (found or given or stream.eof):
                raise _damaged(self._coding)
        if stream.eof and (stream.unused_data or self._content):
            raise _damaged(self._coding)
        return found

    def _next(self) -> bytes:
        """Take some of the compressed bytes: zlib copies those that it has not read each time."""
        taken, self._content = self._content[:FED_BYTES], self._content[FED_BYTES:]
        return bytes(taken)


def _damaged(coding: Coding) -> Problem:
    return body_problem("invalid-body", NOT_WHOLE.format(coding))


async def inflated(arrival: BodyArrival, content: bytes, coding: Coding, limit: int) -> bytes:
    """Inflate a request body; its bytes are counted as they are inflated, as those that arrive.

    Args:
        limit: Most bytes of the inflated body; at most a piece beyond it is inflated.

    Raises:
        Problem: The body is damaged, or would be larger than the limit.
        EngineBusyError, RequestTooLargeError: The bytes do not fit into the server's limits.
    """
    inflater, pieces, size = Inflater(content, coding), [], 0
    is_light = len(content) <= MAX_LIGHT_BYTES
    piece = inflater.piece(MAX_LIGHT_BYTES) if is_light else await _piece(arrival, inflater)
    while piece:
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        arrival.add(len(piece))
        pieces.append(piece)
        is_light = is_light and size < MAX_LIGHT_BYTES
        piece = inflater.piece(MAX_LIGHT_BYTES) if is_light else await _piece(arrival, inflater)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _piece(arrival: BodyArrival, inflater: Inflater) -> bytes:
    return await arrival.engine.compute(inflater.piece, PIECE_BYTES, job=arrival.job)


def inflated_light(content: bytes, coding: Coding, limit: int) -> bytes:
    """Inflate a small request body on the event loop.

    Args:
        limit: Most bytes of the inflated body.

    Raises:
        Problem: The body is damaged, or would be larger than the limit.
    """
    inflater, found = Inflater(content, coding), b""
    while piece := inflater.piece(limit + 1 - len(found)):
        found += piece
        if len(found) > limit:
            raise too_large(limit)
    return found


def coding_of(header: str) -> Coding | None:
    """Return the content coding of a request body; None for a body as it is.

    Raises:
        Problem: `unsupported-encoding`.
    """
    match header.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return "gzip"
        case "deflate":
            return "deflate"
    detail = "The body has a Content-Encoding that is not read here: send gzip, deflate or none."
    raise Problem("unsupported-encoding", detail, headers={"Accept-Encoding": "gzip, deflate"})


@lru_cache(256)
def accepted_coding(header: bytes) -> Coding | None:
    """Return the content coding of an answer by the `Accept-Encoding` of its request, or None."""
    if takes_gzip(header):
        return "gzip"
    names = {part.strip() for part in header.lower().split(b",")}
    return "deflate" if b"deflate" in names else None


def compressed(buffers: Sequence[Buffer], coding: Coding) -> bytes | None:
    """Compress an answer; None where it gains nothing. CPU work, without the interpreter's lock."""
    if coding == "gzip":
        return gzipped(buffers)
    content = b"".join(buffers)
    found: bytes = isal_zlib.compress(content, LEVEL)
    return found if len(found) < len(content) else None
