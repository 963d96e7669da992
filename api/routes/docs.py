"""Routes of the API's documentation pages, which load nothing from elsewhere and run one script."""

import base64
import hashlib
import re
from typing import cast

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.responses import HTMLResponse

STATIC = "/static-offline-docs"
"""Path of the files of Swagger UI and ReDoc, which fastapi-offline serves."""

INLINE = re.compile("<script>(.*?)</script>", re.DOTALL)


def router() -> APIRouter:
    """Build the routes of the documentation pages, `/docs` and `/redoc`."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/docs")
    async def docs(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        title = f"{cast('FastAPI', request.app).title} API"
        return _secured(
            get_swagger_ui_html(
                openapi_url=f"{root}/openapi.json",
                title=title,
                swagger_js_url=f"{root}{STATIC}/swagger-ui-bundle.js",
                swagger_css_url=f"{root}{STATIC}/swagger-ui.css",
                swagger_favicon_url=f"{root}/favicon.ico",
            )
        )

    @routes.get("/redoc")
    async def redoc(request: Request) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        return _secured(
            get_redoc_html(
                openapi_url=f"{root}/openapi.json",
                title=f"{cast('FastAPI', request.app).title} API",
                redoc_js_url=f"{root}{STATIC}/redoc.standalone.js",
                redoc_favicon_url=f"{root}/favicon.ico",
                with_google_fonts=False,
            )
        )

    return routes


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
