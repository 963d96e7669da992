"""Routes of static files: the explorer page, and the SDK modules for other pages."""

from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.errors.problem import Problem
from api.responses.assets import Asset, asset, asset_response

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
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
}


def router(folder: Path = STATIC) -> APIRouter:
    """Build the routes of the page and the SDK: the files of a folder, which are read once, now."""
    assets = read_assets(folder)
    # OpenAPI describes the API for programs, which request no pages.
    routes = APIRouter(include_in_schema=False)

    def send(request: Request, name: str) -> Response:
        if name not in assets:
            raise Problem("unknown-path", "There is no file of this name.")
        return asset_response(request, assets[name])

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
    more = PAGE_HEADERS if path.suffix == ".html" else {}
    return asset(path.read_bytes(), MEDIA_TYPES[path.suffix], more)
