"""Routes of the API's documentation pages, which load nothing from elsewhere and run one script."""

import base64
import hashlib
import re
from typing import cast

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import HTMLResponse, Response

from api.inference.engine import Engine
from api.responses.assets import asset_response
from api.responses.documents import Documents
from api.routes.route_cache import cache_route

STATIC = "static-offline-docs"
"""Path of the files of Swagger UI and ReDoc, which fastapi-offline serves.

It is relative, as all addresses of the pages: a proxy may serve them under any prefix.
"""

DOCUMENT = "docs/openapi.json"
"""Path of the OpenAPI document whose requests go to the server that the page comes from."""

INLINE = re.compile("<script>(.*?)</script>", re.DOTALL)


def router() -> APIRouter:
    """Build the routes of the documentation pages, `/docs` and `/redoc`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def docs(request: Request) -> HTMLResponse:
        return _secured(
            get_swagger_ui_html(
                openapi_url=DOCUMENT,
                title=f"{_app(request).title} API",
                swagger_js_url=f"{STATIC}/swagger-ui-bundle.js",
                swagger_css_url=f"{STATIC}/swagger-ui.css",
                swagger_favicon_url="favicon.ico",
            )
        )

    @routes.get("/redoc")
    async def redoc(request: Request) -> HTMLResponse:
        return _secured(
            get_redoc_html(
                openapi_url=DOCUMENT,
                title=f"{_app(request).title} API",
                redoc_js_url=f"{STATIC}/redoc.standalone.js",
                redoc_favicon_url="favicon.ico",
                with_google_fonts=False,
            )
        )

    @routes.get(f"/{DOCUMENT}")
    async def document(request: Request) -> Response:
        cache_route(request, _of_pages)
        return await _of_pages(request)

    @routes.get("/openapi.json")
    async def openapi(request: Request) -> Response:
        cache_route(request, _of_clients)
        return await _of_clients(request)

    return routes


async def _of_pages(request: Request) -> Response:
    """Respond with the OpenAPI document for the pages."""
    # A relative address of the server is one from the address of the document (OpenAPI 3.1).
    return await _document(request, DOCUMENT, "..")


async def _of_clients(request: Request) -> Response:
    """Respond with the OpenAPI document for client generators."""
    prefix = request.scope.get("root_path", "").rstrip("/")
    return await _document(request, "openapi.json", prefix)


async def _document(request: Request, name: str, server: str) -> Response:
    """Respond with the OpenAPI document, which is kept for the address of the server.

    Args:
        name: Name under which it is kept.
        server: Prefix of all paths; empty without one.
    """

    async def render() -> bytes:
        engine: Engine = request.app.state.engine
        described = await engine.compute(_app(request).openapi)
        if server:
            described = {**described, "servers": [{"url": server}]}
        return orjson.dumps(described)

    documents: Documents = request.app.state.documents
    return asset_response(request, await documents.asset(name, server, render))


def _app(request: Request) -> FastAPI:
    """Return the application whose routes a documentation page shows."""
    return cast("FastAPI", request.app)


def _secured(page: HTMLResponse) -> HTMLResponse:
    """Return a documentation page with a policy that allows its own scripts and no other."""
    found = INLINE.findall(bytes(page.body).decode())
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in found]
    scripts = " ".join(("'self'", *(f"'sha256-{one}'" for one in digests)))
    page.headers["Content-Security-Policy"] = (
        # Both libraries write styles into the page, and ReDoc searches in a worker.
        f"default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
        "form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
    )
    page.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    page.headers["Referrer-Policy"] = "no-referrer"
    return page
