"""Assets: content that is equal for all requests, in memory, plain and compressed, with ETags."""

import gzip
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from api.content_coding import fresh_tag, gzip_tag, takes_gzip
from api.headers import request_header

IMMUTABLE = "public, max-age=31536000, immutable"
"""`Cache-Control` of an asset at an address that only this content has: for a year."""


@dataclass(frozen=True)
class Variant:
    """Asset in one content encoding, plain or gzip, with its response headers."""

    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Asset:
    """Asset in memory: a static file of the page or the SDK, or a response that never changes.

    Attributes:
        gzipped: None where compressing makes it no smaller.
    """

    plain: Variant
    gzipped: Variant | None


def _smallest(content: Iterable[bytes]) -> bytes | None:
    """Compress an asset that is kept by zlib, in ten times the time of ISA-L, 10 % smaller."""
    whole = b"".join(content)
    # Without the time of compression, equal files have equal bytes under their ETag.
    coded = gzip.compress(whole, mtime=0)
    return coded if len(coded) < len(whole) else None


def asset(
    content: bytes,
    media: str,
    more: Mapping[str, str] | None = None,
    compress: Callable[[Iterable[bytes]], bytes | None] = _smallest,
) -> Asset:
    """Build an asset, compressed once.

    Args:
        content: Body of the response.
        media: Media type.
        more: Further response headers.
        compress: Returns it in gzip; None where that is no smaller.
    """
    digest = hashlib.sha256(content).hexdigest()[:32]
    headers = {
        "Content-Type": media,
        "Cache-Control": "no-cache",  # asked again every time, and answered by 304
        "Vary": "Accept-Encoding",
        **(more or {}),
    }
    plain = Variant(content, {**headers, "ETag": f'"{digest}"'})
    if (smaller := compress([content])) is None:
        return Asset(plain, None)
    headers |= {"Content-Encoding": "gzip", "ETag": gzip_tag(plain.headers["ETag"])}
    return Asset(plain, Variant(smaller, headers))


def asset_response(request: Request, sent: Asset) -> Response:
    """Respond with an asset, or with 304 where the browser has it cached."""
    is_gzip = takes_gzip(request_header(request.scope, b"accept-encoding"))
    tag, held_tags = sent.plain.headers["ETag"], request.headers.get("if-none-match")
    held = fresh_tag(tag, held_tags, gzip=is_gzip)
    if held is not None:
        kept = {name: sent.plain.headers[name] for name in ("Cache-Control", "Vary")}
        return Response(status_code=304, headers={**kept, "ETag": held})
    variant = sent.gzipped if is_gzip and sent.gzipped else sent.plain
    return Response(variant.content, headers=variant.headers)
