"""Routes of static files: the explorer page, and the SDK modules for other pages."""

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.errors.problem import Problem
from api.responses.negotiation import fresh

STATIC = Path(__file__).parents[1] / "static"
PAGE = "index.html"
ICON = "explorer/icon.svg"
FOLDERS = ("explorer", "sdk")

MEDIA_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
"""Suffix of the page's files → media type; a file with another suffix is not served."""

PAGE_HEADERS: Mapping[str, str] = {
    # The page shows images and links of strangers: it may run its own scripts only, and call this
    # server only.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; form-action 'none'; frame-ancestors 'self'; "
    "base-uri 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
}


@dataclass(frozen=True)
class Variant:
    """Static file of the page in one content encoding, plain or gzip, with its response headers."""

    content: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Asset:
    """Static file of the page or the SDK in memory, plain and compressed.

    Attributes:
        gzipped: None where compressing makes it no smaller.
    """

    plain: Variant
    gzipped: Variant | None


def router(folder: Path = STATIC) -> APIRouter:
    """Build the routes of the page and the SDK: the files of a folder, which are read once, now."""
    assets = read_assets(folder)
    # OpenAPI describes the API for programs, which request no pages.
    routes = APIRouter(include_in_schema=False)

    def send(request: Request, name: str) -> Response:
        if name not in assets:
            raise Problem("unknown-path", "There is no file of this name.")
        return _respond(request, assets[name])

    @routes.get("/")
    async def page(request: Request) -> Response:
        return send(request, PAGE)

    @routes.get("/favicon.ico")
    async def icon(request: Request) -> Response:
        return send(request, ICON)

    @routes.get("/explorer/{name:path}")
    async def explorer(request: Request, name: str) -> Response:
        return send(request, f"explorer/{name}")

    @routes.get("/sdk/{name:path}")
    async def sdk(request: Request, name: str) -> Response:
        return send(request, f"sdk/{name}")

    return routes


def read_assets(folder: Path) -> dict[str, Asset]:
    """Read the page and the SDK into memory: relative path with slashes → static file."""
    paths = [
        folder / PAGE,
        *(path for one in FOLDERS for path in sorted((folder / one).rglob("*"))),
    ]
    return {
        path.relative_to(folder).as_posix(): _asset(path)
        for path in paths
        if path.suffix in MEDIA_TYPES and path.is_file()
    }


def _asset(path: Path) -> Asset:
    content, media = path.read_bytes(), MEDIA_TYPES[path.suffix]
    digest = hashlib.sha256(content).hexdigest()[:32]
    headers = {
        "Content-Type": media,
        "Cache-Control": "no-cache",  # asked again every time, and answered by 304
        "Vary": "Accept-Encoding",
        **(PAGE_HEADERS if path.suffix == ".html" else {}),
    }
    # Without the time of compression, equal files have equal bytes under their ETag.
    smaller = gzip.compress(content, mtime=0)
    plain = Variant(content, {**headers, "ETag": f'"{digest}"'})
    if len(smaller) >= len(content):
        return Asset(plain, None)
    # An ETag names one encoding of a file (RFC 9110, section 8.8.3).
    headers |= {"Content-Encoding": "gzip", "ETag": f'"{digest}-gzip"'}
    return Asset(plain, Variant(smaller, headers))


def _respond(request: Request, asset: Asset) -> Response:
    """Respond with a static file of the page, or with 304 where the browser has it cached."""
    variant = asset.plain
    if asset.gzipped and takes_gzip(request.headers.get("accept-encoding", "")):
        variant = asset.gzipped
    if fresh(variant.headers["ETag"], request.headers.get("if-none-match")):
        kept = {name: variant.headers[name] for name in ("Cache-Control", "Vary", "ETag")}
        return Response(status_code=304, headers=kept)
    return Response(variant.content, headers=variant.headers)


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a browser takes the page in gzip: `gzip`, `gzip;q=0.5` do, `gzip;q=0` does not."""
    for part in accept_encoding.lower().split(","):
        coding, _, quality = (piece.strip() for piece in part.partition(";"))
        if coding == "gzip":
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
