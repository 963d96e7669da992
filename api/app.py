"""The application: create_app(settings) wires everything, and nothing happens at import."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

import api.routes.colours
import api.routes.findings
import api.routes.health
import api.routes.models
import api.routes.page
import api.routes.probes
import api.routes.samples
import api.routes.streams
from api import VERSION
from api.errors import handlers
from api.inference.engine import Engine
from api.middleware.access_log import AccessLog
from api.middleware.cors import LoggingCORSMiddleware
from api.middleware.metrics import Metrics
from api.middleware.request_context import RequestContextMiddleware
from api.middleware.timeouts import Patience
from api.openapi import spec
from api.routes import route_cache
from api.settings import Settings

SUMMARY = "See inside a small CNN and an LSTM: predictions, activations, filters, gates and states."
TAGS = [
    {"name": "models", "description": "What is resident."},
    {"name": "cnn", "description": "SimpleCNN: which digit does a picture show, and why."},
    {"name": "lstm", "description": "CountingLSTM: does a sequence have more 1s than 0s, and why."},
    {"name": "findings", "description": "What is said of the networks, measured."},
    {"name": "samples", "description": "MNIST test images to try."},
    {"name": "health", "description": "Alive, ready, counted."},
]


def create_app(settings: Settings) -> FastAPI:
    """Build an application of its own, with its own models.

    Raises:
        CheckpointError: The weights cannot be served.
    """
    engine = Engine(
        settings.weights,
        settings.queue_rows,
        settings.queue_bytes,
        settings.max_requests,
        settings.analysis_rows,
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine.start()
        yield
        await engine.stop()
        app.state.access_log.flush()

    app: FastAPI = FastAPIOffline(
        title="Lightwell",
        version=VERSION,
        summary=SUMMARY,
        openapi_tags=TAGS,
        lifespan=lifespan,
        separate_input_output_schemas=False,
    )
    app.state.engine, app.state.settings = engine, settings
    app.state.access_log, app.state.patience = AccessLog(Metrics(engine)), Patience()
    app.openapi = lambda: spec.describe(app)  # type: ignore[method-assign]
    for routes in (
        api.routes.models,
        api.routes.probes,
        api.routes.streams,
        api.routes.findings,
        api.routes.samples,
        api.routes.colours,
        api.routes.health,
        api.routes.page,
    ):
        app.include_router(routes.router())
    handlers.install(app)
    app.state.route_cache = route_cache.install(app.router)
    # Each is outside of those before it.
    app.add_middleware(LoggingCORSMiddleware, allowed=settings.cors_origins)
    app.add_middleware(RequestContextMiddleware, access_log=app.state.access_log)
    return app
