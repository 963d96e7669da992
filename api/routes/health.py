"""Is it alive, is it ready, and how is it doing."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.inference.engine import Engine
from api.middleware.metrics import CONTENT_TYPE
from api.openapi import schemas, spec


def router() -> APIRouter:
    """Make the routes that a load balancer, a container and Prometheus ask."""
    routes = APIRouter(tags=["health"])

    @routes.get(
        "/livez",
        operation_id="livez",
        summary="Whether the process answers.",
        responses=spec.answers("livez"),
    )
    async def livez() -> schemas.Status:
        """Whether the process answers at all."""
        return schemas.Status(status="alive")

    @routes.get(
        "/readyz",
        operation_id="readyz",
        summary="Whether requests are answered.",
        responses=spec.answers("readyz"),
    )
    async def readyz(request: Request) -> schemas.Status:
        """Whether every program is compiled and warm, and the server is not stopping.

        503 with `Retry-After` while it is not.
        """
        engine: Engine = request.app.state.engine
        engine.check_ready()
        return schemas.Status(status="ready")

    @routes.get(
        "/metrics",
        operation_id="metrics",
        summary="Counts and times, for Prometheus.",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics(request: Request) -> Response:
        """What has been counted and timed, for Prometheus."""
        return Response(request.app.state.access_log.exposition(), media_type=CONTENT_TYPE)

    return routes
