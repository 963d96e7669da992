"""Routes of static files: the explorer page, and the SDK modules for other pages."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.errors.problem import Problem
from api.responses.assets import IMMUTABLE, Asset, asset, asset_response
from api.responses.documentation_comments import without_documentation
from api.responses.page_document import fingerprint, page_document

STATIC = Path(__file__).parents[1] / "static"
PAGE = "index.html"
EMBED = "embed/index.html"
ICON = "explorer/icon.svg"
FOLDERS = ("embed", "explorer", "sdk")
EMBEDDED_PARTS = ("attribution", "digit", "gates", "layer")
"""Parts of the explorer at `/embed/{part}`, which other pages may frame."""

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


def router(folder: Path = STATIC, frame_ancestors: Sequence[str] = ()) -> APIRouter:
    """Build the routes of the page and the SDK: the files of a folder, which are read once, now.

    Args:
        folder: Folder of the files.
        frame_ancestors: Origins whose pages may frame the embedded parts.
    """
    files = read_files(folder)
    loaded = {name: _loaded(name, content) for name, content in files.items()}
    prints = {name: fingerprint(content) for name, content in loaded.items()}
    assets = {
        name: _page(name, loaded, frame_ancestors if name == EMBED else ())
        if name.endswith(".html")
        else asset(content, media_type(name))
        for name, content in files.items()
    }
    immutable = {
        name: asset(content, media_type(name), {"Cache-Control": IMMUTABLE})
        for name, content in loaded.items()
        if not name.endswith(".html")  # whose address stays, and which has a policy
    }
    # OpenAPI describes the API for programs, which request no pages.
    routes = APIRouter(include_in_schema=False)

    def send(request: Request, name: str) -> Response:
        if name not in assets:
            raise Problem("unknown-path", "There is no file of this name.")
        is_immutable = name in immutable and request.query_params.get("v") == prints[name]
        return asset_response(request, (immutable if is_immutable else assets)[name])

    @routes.get("/")
    async def page(request: Request) -> Response:
        return send(request, PAGE)

    @routes.get("/favicon.ico")
    async def icon(request: Request) -> Response:
        return send(request, ICON)

    @routes.get("/embed/{name:path}")
    async def embed(request: Request, name: str) -> Response:
        if name in EMBEDDED_PARTS:
            return send(request, EMBED)
        if "." not in name:
            raise Problem("unknown-path", f"The embedded parts are {', '.join(EMBEDDED_PARTS)}.")
        return send(request, f"embed/{name}")

    @routes.get("/explorer/{name:path}")
    async def explorer(request: Request, name: str) -> Response:
        return send(request, f"explorer/{name}")

    @routes.get("/sdk/{name:path}")
    async def sdk(request: Request, name: str) -> Response:
        return send(request, f"sdk/{name}")

    return routes


def read_files(folder: Path) -> dict[str, bytes]:
    """Read the files of the page and the SDK: relative path with slashes → content."""
    paths = [
        folder / PAGE,
        *(path for one in FOLDERS for path in sorted((folder / one).rglob("*"))),
    ]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in paths
        if path.suffix in MEDIA_TYPES and path.is_file()
    }


def media_type(name: str) -> str:
    """Return the media type of a file of the page."""
    return MEDIA_TYPES[PurePosixPath(name).suffix]


def _loaded(name: str, content: bytes) -> bytes:
    """Return a file as the page loads it: modules without their documentation."""
    return without_documentation(content) if name.endswith(".js") else content


def _page(name: str, files: Mapping[str, bytes], frame_ancestors: Sequence[str]) -> Asset:
    """Build the asset of a page document, whose policy allows its import map and its frames."""
    document = page_document(files[name].decode(), files, PurePosixPath(name).parent.as_posix())
    ancestors = " ".join(("'self'", *frame_ancestors))
    policy = (
        PAGE_HEADERS["Content-Security-Policy"]
        .replace("script-src 'self'", f"script-src 'self' {document.script_hash}")
        .replace("frame-ancestors 'self'", f"frame-ancestors {ancestors}")
    )
    headers = {**PAGE_HEADERS, "Content-Security-Policy": policy}
    return asset(document.html.encode(), MEDIA_TYPES[".html"], headers)
