"""Application factory: create_app() connects settings, engine, routes and middleware."""

# ruff: noqa: E402 - NumPy reads its environment when it is imported

from api.server.environment import limit_blas_threads

limit_blas_threads()

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline  # its /docs loads nothing from the internet
from starlette.types import ASGIApp, Receive, Scope, Send

import api.routes.colours
import api.routes.docs
import api.routes.findings
import api.routes.health
import api.routes.models
import api.routes.open_inference
import api.routes.page
import api.routes.probes
import api.routes.samples
import api.routes.signed
import api.routes.streams
from api import VERSION
from api.access.exposure import OPEN_TO_ALL, has_token
from api.access.guard import Guard, Rules
from api.access.hosts import Hosts
from api.access.proxies import TrustedProxies
from api.access.rates import DEFAULT_RATE, Rates
from api.access.tokens import Tokens
from api.errors import handlers
from api.inference.admission import Admission
from api.inference.background_tasks import log_failure
from api.inference.engine import Engine
from api.inference.loading import load_models, repository_folders
from api.inference.memory_budget import MemoryBudget
from api.inference.memory_limits import derived_caps
from api.inference.program_queues import QueueLimits
from api.middleware.access import AccessMiddleware
from api.middleware.access_log import AccessLog
from api.middleware.content_coding import ContentCodingMiddleware
from api.middleware.cors import LoggingCORSMiddleware, allowed_origins
from api.middleware.loop_lag import LoopLag
from api.middleware.metrics import Metrics
from api.middleware.public_address import PublicAddressMiddleware
from api.middleware.repeated_slashes import RepeatedSlashesMiddleware
from api.middleware.request_context import RequestContextMiddleware
from api.openapi import inference, spec
from api.openapi.families import NETWORKS
from api.requests.query import query_models
from api.responses.documents import Documents
from api.responses.recent_text import RecentText
from api.routes.route_cache import RouteCache, RouteCacheMiddleware
from api.server.interpreter import tuned_interpreter
from api.settings import Settings
from api.workers.division import divided
from probes.output.drawing.patches import PATCHES

logger = logging.getLogger("lightwell")

SUMMARY = "See inside a small CNN and an LSTM: predictions, activations, filters, gates and states."
TAGS = [
    {"name": "models", "description": "Resident models."},
    {"name": "findings", "description": "Statements about the networks, measured."},
    {"name": "samples", "description": "MNIST test images to try."},
    {
        "name": inference.TAG,
        "description": "Open Inference Protocol v2, for clients of KServe and Triton.",
    },
    {"name": "access", "description": "Signed addresses."},
    {"name": "health", "description": "Liveness, readiness, metrics."},
]


def create_app(settings: Settings | None = None, *, processes: int = 1) -> FastAPI:
    """Create the application with its own models, which its lifespan compiles.

    Args:
        settings: None reads them from the environment.
        processes: Processes with such an application that share the limits of the settings: each
            takes its part of memory, rows, connections and rates.

    Raises:
        CheckpointError: The weights cannot be served.
    """
    settings = divided(Settings() if settings is None else settings, processes)
    engine = _load_engine(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if not (app.state.announces_exposure or has_token(settings)):
            logger.warning(OPEN_TO_ALL)
        engine.start()
        # FastAPI builds the routes of its routers when the first request is matched.
        building = asyncio.create_task(engine.compute(build_routes, app))
        building.add_done_callback(partial(log_failure, "the routes could not be built"))
        lag.start()
        try:
            yield
        finally:
            lag.stop()
            await asyncio.wait([building])
            await engine.stop()
            app.state.access_log.flush()

    app: FastAPI = FastAPIOffline(
        title="Lightwell",
        version=VERSION,
        summary=SUMMARY,
        openapi_tags=_tags(engine),
        lifespan=lifespan,
        separate_input_output_schemas=False,
        docs_url=None,
        redoc_url=None,
        # FastAPI would look for OpenTelemetry's providers at every request, which takes 2 % of a
        # small one. An embedder's OpenTelemetry middleware sees every request all the same.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.engine, app.state.settings, app.state.processes = engine, settings, processes
    app.state.guard = _guard(settings, processes)
    app.state.announces_exposure = False  # as a server of another kind does not
    metrics = Metrics(engine)
    lag = LoopLag(metrics.observe_lag)
    app.state.access_log = AccessLog(metrics, is_complete=settings.access_log)
    app.state.metrics_folder = None  # which workers have
    app.state.metrics_text, app.state.documents = RecentText(), Documents()
    handlers.install(app)
    _add_routes(app)
    app.state.route_cache = RouteCache()
    # Each is outside of those before it; those that an embedder adds are outside of all.
    app.add_middleware(ContentCodingMiddleware, compute=engine.compute)
    app.add_middleware(RouteCacheMiddleware, cache=app.state.route_cache)
    app.add_middleware(AccessMiddleware, guard=app.state.guard)
    app.add_middleware(LoggingCORSMiddleware, allowed=settings.cors_origins)
    app.add_middleware(RequestContextMiddleware, access_log=app.state.access_log)
    _add_outermost(app, settings)
    _tune_own_process(app)
    return app


def build_routes(app: FastAPI) -> None:
    """Match a path that no route of the application has, so that each route is built."""
    scope = {"type": "http", "method": "GET", "path": "", "root_path": "", "headers": []}
    for route in app.routes:
        route.matches(scope)


def _tune_own_process(app: FastAPI) -> None:
    """Let a server that runs the application's lifespan have the interpreter's settings for it.

    A parent that has it mounted enters its lifespan context instead, and keeps its own settings;
    the test client's lifespan has no `asgi`. The command has made the settings itself.
    """
    run = app.router.lifespan

    async def lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        if "asgi" not in scope or app.state.announces_exposure:
            await run(scope, receive, send)
            return
        async with tuned_interpreter(app.state.engine):
            await run(scope, receive, send)

    app.router.lifespan = lifespan  # type: ignore[method-assign]


def _guard(settings: Settings, processes: int) -> Guard:
    """Build the application's access guard."""
    rate = DEFAULT_RATE / processes if settings.rate is None else settings.rate
    return Guard(
        Rules(
            tokens=Tokens.parse(settings.token or "") if has_token(settings) else None,
            hosts=None if settings.hosts is None else Hosts(settings.hosts),
            proxies=TrustedProxies(settings.trusted_proxies),
            rates=Rates(rate, settings.burst) if rate else None,
            limits_loopback=settings.rate is not None,
            public_metrics=settings.metrics == "public",
            allows_origin=allowed_origins(settings.cors_origins),
            processes=processes,
        )
    )


def _add_outermost(app: FastAPI, settings: Settings) -> None:
    """Let all middleware of the application, an embedder's too, see each path in one form.

    Slashes are single, and the path begins with the prefix of a proxy.
    """
    build = app.build_middleware_stack
    proxies = app.state.guard.rules.proxies

    def build_outermost() -> ASGIApp:
        stack = RepeatedSlashesMiddleware(build())
        if settings.root_path or settings.trusted_proxies:
            return PublicAddressMiddleware(stack, settings.root_path, proxies)
        return stack

    app.build_middleware_stack = build_outermost  # type: ignore[method-assign]


def _load_engine(settings: Settings) -> Engine:
    """Build the application's engine: resident models, limits of its queues, admission."""
    folders = repository_folders(settings.models) if settings.models else []
    loaded = load_models(
        settings.weights, settings.cache, folders, settings.model, strict=settings.strict
    )
    caps, memory = derived_caps(settings.memory), MemoryBudget(settings.memory)
    memory.caches.append(PATCHES)
    return Engine(
        loaded,
        QueueLimits(
            settings.queue_rows or caps.queue_rows, settings.queue_bytes or caps.queue_bytes
        ),
        Admission(
            settings.max_requests or caps.max_requests,
            settings.analysis_rows or caps.analysis_rows,
            settings.body_bytes or caps.body_bytes,
            memory,
        ),
    )


def _tags(engine: Engine) -> list[dict[str, str]]:
    """Return the tags of the application's OpenAPI document: shipped models by their titles."""
    declared = {
        name: model.architecture.declaration
        for name, model in engine.models.items()
        if model.is_shipped
    }
    shipped = [
        {"name": name, "description": f"{one.title}: {one.task}"} for name, one in declared.items()
    ]
    own = len(declared) < len(engine.models)
    networks = [{"name": NETWORKS, "description": "Your own networks."}] if own else []
    return [*TAGS[:1], *shipped, *networks, *TAGS[1:]]


def _add_routes(app: FastAPI) -> None:
    """Add the routes of every module to the application, and their OpenAPI document."""
    # FastAPI's own route of the OpenAPI document renders it for each request.
    app.router.routes[:] = [one for one in app.routes if one.path != app.openapi_url]  # type: ignore[attr-defined]
    models = app.state.engine.models
    probes, streams = api.routes.probes.router(models), api.routes.streams.router(models)
    families = api.routes.probes.family_routes(models)
    api.routes.streams.add_to_families(families, models)
    queries = query_models((*probes.routes, *streams.routes))
    app.openapi = lambda: spec.describe(app, families, queries)  # type: ignore[method-assign]
    app.include_router(probes)
    app.include_router(api.routes.models.router())
    app.include_router(streams)
    for routes in (
        api.routes.open_inference,
        api.routes.findings,
        api.routes.samples,
        api.routes.signed,
        api.routes.colours,
        api.routes.health,
        api.routes.docs,
    ):
        app.include_router(routes.router())
    ancestors = app.state.settings.frame_ancestors
    app.include_router(api.routes.page.router(frame_ancestors=ancestors))
