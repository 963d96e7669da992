"""Health routes: liveness, readiness, and metrics for Prometheus."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.inference.engine import Engine
from api.middleware.access_log import AccessLog
from api.middleware.metrics import CONTENT_TYPE
from api.openapi import schemas, spec


def router() -> APIRouter:
    """Build the health routes: `/livez`, `/readyz` and `/metrics`."""
    routes = APIRouter(tags=["health"])
    for endpoint, summary in (
        (livez, "Whether the process answers."),
        (readyz, "Whether requests are answered."),
    ):
        name = endpoint.__name__
        routes.add_api_route(
            f"/{name}", endpoint, operation_id=name, summary=summary, responses=spec.answers(name)
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


async def livez(request: Request) -> schemas.Status:
    """Health check of liveness: whether the process answers at all.

    503 while a call of the device hangs, so that the process is restarted.
    """
    engine: Engine = request.app.state.engine
    engine.check_alive()
    return schemas.Status(status="alive")


async def readyz(request: Request) -> schemas.Status:
    """Health check of readiness: every program is compiled and warm, and no stop has begun.

    503 with `Retry-After` while it is not.
    """
    engine: Engine = request.app.state.engine
    engine.check_ready()
    return schemas.Status(status="ready")


async def metrics(request: Request) -> Response:
    """Health metrics of the server: counters and histograms in Prometheus' text format.

    With several worker processes they are the sum over all of them.
    """
    state = request.app.state
    access_log: AccessLog = state.access_log
    folder = state.metrics_folder
    text = access_log.exposition() if folder is None else await folder.joined()
    return Response(text, media_type=CONTENT_TYPE)
