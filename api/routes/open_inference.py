"""Routes of the Open Inference Protocol v2, as clients of KServe and Triton ask for them."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from api.errors.handlers import unknown_model
from api.errors.problem import Problem
from api.inference.engine import Engine
from api.inference.served_model import ServedModel
from api.open_inference.answer import VERSION
from api.open_inference.description import (
    model_config,
    model_metadata,
    repository_index,
    server_metadata,
)
from api.open_inference.respond import read_index_request, respond
from api.open_inference.statistics import model_statistics
from api.openapi import inference
from api.routes.route_cache import cache_route

ModelName = Annotated[str, Path(description="Name of a model.", examples=["lstm"])]
Version = Annotated[str, Path(description="Version of the model, which is 1.", examples=["1"])]
Handler = Callable[[Request, ServedModel], Awaitable[Response]]

ALL = "stats"
"""Name in place of a model's under which Triton's clients ask for the statistics of all."""


def router() -> APIRouter:
    """Build the routes of the Open Inference Protocol."""
    routes = APIRouter(tags=[inference.TAG])
    _add(routes, "v2_server", "/v2", _server)
    _add(routes, "v2_live", "/v2/health/live", _live)
    _add(routes, "v2_ready", "/v2/health/ready", _ready)
    _add(routes, "v2_index", "/v2/repository/index", _index, "POST")
    # Before the models: none of that name is resident, or its metadata are returned.
    _add(routes, "v2_all_stats", f"/v2/models/{ALL}", _all_stats)
    _add_model(routes, "v2_model", "", _model)
    _add_model(routes, "v2_model_ready", "/ready", _model_ready)
    _add_model(routes, "v2_config", "/config", _config)
    _add_model(routes, "v2_stats", "/stats", _stats)
    _add_model(routes, "v2_infer", "/infer", _infer, "POST")
    return routes


def _add(
    routes: APIRouter,
    name: str,
    path: str,
    endpoint: Callable[..., Awaitable[Response]],
    method: str = "GET",
    *,
    in_openapi: bool = True,
) -> None:
    """Add a route of the protocol; its docstring has the summary, then the description."""
    summary, _, description = (endpoint.__doc__ or "").partition("\n\n")
    routes.add_api_route(
        path,
        endpoint,
        methods=[method],
        name=name,
        operation_id=name,
        summary=summary,
        description=description,
        response_class=Response,
        responses=inference.responses(name),
        include_in_schema=in_openapi,
        openapi_extra=inference.BODIES.get(name),
    )


def _add_model(
    routes: APIRouter, name: str, path: str, handle: Handler, method: str = "GET"
) -> None:
    """Add the routes of a model: without a version, and with version 1, which is resident."""

    async def endpoint(request: Request, model: ModelName) -> Response:
        return await handle(request, _served(request, model))

    async def versioned(request: Request, model: ModelName, version: Version) -> Response:
        served = _served(request, model)
        if version != VERSION:
            raise Problem("unknown-model", f"{model} has the version {VERSION} alone.")
        return await handle(request, served)

    endpoint.__doc__ = versioned.__doc__ = handle.__doc__
    _add(routes, name, f"/v2/models/{{model}}{path}", endpoint, method)
    version = f"/v2/models/{{model}}/versions/{{version}}{path}"
    _add(routes, name, version, versioned, method, in_openapi=False)


def _served(request: Request, name: str) -> ServedModel:
    """Return the served model of a name.

    Raises:
        Problem: `unknown-model`.
    """
    engine: Engine = request.app.state.engine
    if (served := engine.served.get(name)) is None:
        raise unknown_model(name, engine.served)
    return served


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


async def _server(_: Request) -> Response:
    """Name, version and extensions of the server."""
    return _json(server_metadata())


async def _live(request: Request) -> Response:
    """Whether the process answers, as `/livez`."""
    engine: Engine = request.app.state.engine
    engine.check_alive()
    return _json({"live": True})


async def _ready(request: Request) -> Response:
    """Whether requests are answered, as `/readyz`."""
    engine: Engine = request.app.state.engine
    engine.check_ready()
    return _json({"ready": True})


async def _index(request: Request) -> Response:
    """Every model, and those that failed to load; with `ready` those alone that are ready."""
    is_ready_only = await read_index_request(request)
    return _json(repository_index(request.app.state.engine, is_ready_only=is_ready_only))


async def _all_stats(request: Request) -> Response:
    """Statistics of every model."""
    engine: Engine = request.app.state.engine
    if (named := engine.served.get(ALL)) is not None:
        return _json(model_metadata(named.model))
    return _json({"model_stats": [model_statistics(one) for one in engine.served.values()]})


async def _model(_: Request, served: ServedModel) -> Response:
    """Inputs and outputs of a model, with their datatypes and shapes.

    The paths of a model exist below `/versions/1` too, which is what is resident.
    """
    return _json(model_metadata(served.model))


async def _model_ready(request: Request, served: ServedModel) -> Response:
    """Whether a model answers requests."""
    engine: Engine = request.app.state.engine
    engine.check_ready()
    return _json({"name": served.name, "ready": True})


async def _config(_: Request, served: ServedModel) -> Response:
    """Configuration of a model, as Triton's clients read it."""
    return _json(model_config(served.model))


async def _stats(_: Request, served: ServedModel) -> Response:
    """Statistics of a model since the start, as Triton's clients read them.

    They are of all requests, also those of other routes, and count rows.
    """
    return _json({"model_stats": [model_statistics(served)]})


async def _infer(request: Request, served: ServedModel) -> Response:
    """Outputs of a model for 1 to 64 rows: predictions, and any value of the trace by its name.

    Rows are what the network reads: images of its size, indices of symbols, features. Pictures of
    other sizes are prepared by the other routes alone. Initial states of a sequence are inputs, all
    of them or none.
    """
    response = await respond(request, served)
    name = served.name

    def respond_again(request: Request) -> Awaitable[Response]:
        engine: Engine = request.app.state.engine
        return respond(request, engine.served[name])

    cache_route(request, respond_again)
    return response
