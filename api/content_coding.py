"""Content coding: bodies of responses in gzip, by ISA-L, for clients that accept it.

zstd is not offered: at its fastest level of like size it is a tenth to a sixth smaller, for half
as much CPU again.
"""

from collections.abc import Iterable
from functools import lru_cache

from isal import isal_zlib

from models.runtime.cancellation import raise_if_cancelled

LEAST_BYTES = 1024
"""Bytes from which on a body is compressed: a smaller one is one packet with its headers anyway."""

INLINE_BYTES = 262_144
"""Most bytes of a body that are compressed on the event loop, in some 0.3 ms."""

GZIP = (b"content-encoding", b"gzip")
VARIES = b"Accept-Encoding"

LEVEL = 1
"""Level of ISA-L, 0 to 3: the next ones gain less than a percent."""

_GZIP_FRAME = 31  # of zlib's `wbits`: the largest window, in a frame of gzip


@lru_cache(256)
def takes_gzip(accept_encoding: bytes) -> bool:
    """Tell whether a client accepts gzip, and prefers nothing else (RFC 9110, section 12.5.3).

    Args:
        accept_encoding: Value of its `Accept-Encoding`; empty where it sends none.
    """
    qualities: dict[str, float] = {}
    for part in accept_encoding.decode("latin-1").lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next(
            (text[2:] for one in parameters if (text := one.replace(" ", ""))[:2] == "q="), "1"
        )
        try:
            qualities[coding.removeprefix("x-")] = float(quality)
        except ValueError:
            continue
    rest = qualities.get("*", 0.0)
    gzip = qualities.get("gzip", rest)
    # Without a quality of its own, no coding is the last choice.
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)


def gzipped(content: Iterable[bytes | memoryview]) -> bytes | None:
    """Compress the body of a response. CPU work, without the interpreter's lock.

    Args:
        content: Its bytes, in order.

    Returns:
        None where the body gains nothing.
    """
    compressor = isal_zlib.compressobj(LEVEL, wbits=_GZIP_FRAME)
    found, size = [], 0
    for part in content:
        raise_if_cancelled()
        found.append(compressor.compress(part))
        size += len(part)
    found.append(compressor.flush())
    coded = b"".join(found)
    return coded if len(coded) < size else None


def gzip_tag(tag: str) -> str:
    """Return the ETag of a response in gzip: each coding has one (RFC 9110, section 8.8.3)."""
    return f'{tag[:-1]}-gzip"'


def fresh_tag(tag: str, if_none_match: str | None, *, gzip: bool) -> str | None:
    """Return the ETag of the response that a client holds and may use; None where it holds none.

    Args:
        tag: ETag of the response without a content coding.
        if_none_match: Header of the request.
        gzip: Whether the client accepts gzip.
    """
    if if_none_match is None:
        return None
    # Weak comparison (RFC 9110, section 13.1.2): a proxy that compresses marks the tag with `W/`.
    held = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    if gzip and (coded := gzip_tag(tag)) in held:
        return coded
    return tag if not held.isdisjoint((tag, "*")) else None
