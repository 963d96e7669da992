"""Health routes: liveness, readiness, and metrics for Prometheus."""

from collections.abc import Callable
from functools import partial
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.inference.engine import Engine
from api.middleware.access_log import AccessLog
from api.middleware.metrics import CONTENT_TYPE
from api.openapi import schemas, spec
from api.responses.recent_text import RecentText
from api.routes.route_cache import cache_route

SUMMARIES: Final = {
    "livez": "Whether the process answers.",
    "readyz": "Whether requests are answered.",
}
ALIVE: Final = schemas.Status(status="alive").model_dump_json().encode()
READY: Final = schemas.Status(status="ready").model_dump_json().encode()


def router() -> APIRouter:
    """Build the health routes: `/livez`, `/readyz` and `/metrics`."""
    routes = APIRouter(tags=["health"])
    for name, endpoint in (("livez", livez), ("readyz", readyz)):
        routes.add_api_route(
            f"/{name}",
            endpoint,
            operation_id=name,
            summary=SUMMARIES[name],
            response_model=schemas.Status,
            responses=spec.answers(name),
        )
    routes.add_api_route(
        "/metrics",
        metrics,
        operation_id="metrics",
        summary="Counts and times, for Prometheus.",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    return routes


async def livez(request: Request) -> Response:
    """Health check of liveness: whether the process answers at all.

    503 while a call of the device hangs, so that the process is restarted.
    """
    return await _checked(request, Engine.check_alive, ALIVE)


async def readyz(request: Request) -> Response:
    """Health check of readiness: every program is compiled and warm, and no stop has begun.

    503 with `Retry-After` while it is not.
    """
    return await _checked(request, Engine.check_ready, READY)


async def _checked(request: Request, check: Callable[[Engine], None], found: bytes) -> Response:
    """Answer a health check, and let the route cache answer later ones.

    A busy server is asked often: the router takes five times as long as the check.
    """

    async def respond(request: Request) -> Response:
        check(request.app.state.engine)
        return Response(found, media_type="application/json")

    response = await respond(request)
    cache_route(request, respond)
    return response


async def metrics(request: Request) -> Response:
    """Health metrics of the server: counters and histograms in Prometheus' text format.

    With several worker processes they are the sum over all of them. Requests above eight at once,
    or two a second, get the last text again.
    """
    recent: RecentText = request.app.state.metrics_text
    return Response(await recent.get(partial(_exposition, request)), media_type=CONTENT_TYPE)


async def _exposition(request: Request) -> bytes | str:
    """Return the metrics of the server's process, or of all its processes."""
    state = request.app.state
    access_log: AccessLog = state.access_log
    folder = state.metrics_folder
    found: bytes | str = access_log.exposition() if folder is None else await folder.joined()
    return found
