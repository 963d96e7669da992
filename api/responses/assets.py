"""Assets: content that is equal for all requests, in memory, plain and compressed, with ETags."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from api.responses.negotiation import fresh


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


def asset(content: bytes, media: str, more: Mapping[str, str] | None = None) -> Asset:
    """Build an asset, compressed once.

    Args:
        content: Body of the response.
        media: Media type.
        more: Further response headers.
    """
    digest = hashlib.sha256(content).hexdigest()[:32]
    headers = {
        "Content-Type": media,
        "Cache-Control": "no-cache",  # asked again every time, and answered by 304
        "Vary": "Accept-Encoding",
        **(more or {}),
    }
    # Without the time of compression, equal files have equal bytes under their ETag.
    smaller = gzip.compress(content, mtime=0)
    plain = Variant(content, {**headers, "ETag": f'"{digest}"'})
    if len(smaller) >= len(content):
        return Asset(plain, None)
    # An ETag names one encoding of a file (RFC 9110, section 8.8.3).
    headers |= {"Content-Encoding": "gzip", "ETag": f'"{digest}-gzip"'}
    return Asset(plain, Variant(smaller, headers))


def asset_response(request: Request, sent: Asset) -> Response:
    """Respond with an asset, or with 304 where the browser has it cached."""
    variant = sent.plain
    if sent.gzipped and takes_gzip(request.headers.get("accept-encoding", "")):
        variant = sent.gzipped
    if fresh(variant.headers["ETag"], request.headers.get("if-none-match")):
        kept = {name: variant.headers[name] for name in ("Cache-Control", "Vary", "ETag")}
        return Response(status_code=304, headers=kept)
    return Response(variant.content, headers=variant.headers)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client takes an asset in gzip: `gzip`, `gzip;q=0.5` do, `gzip;q=0` does not."""
    for part in accept_encoding.lower().split(","):
        coding, _, quality = (piece.strip() for piece in part.partition(";"))
        if coding == "gzip":
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
