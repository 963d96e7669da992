"""One family of routes for every probe: its answer, and its picture at a path of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, create_model
from starlette.responses import Response

from api import openapi
from api.answers import Stopwatch, answer, deadline_in, write
from api.engine import Engine
from api.errors import Problem
from api.questions import (
    ImageOptions,
    Question,
    SequenceQuery,
    posted_image,
    posted_sequence,
    queried_sequence,
)
from api.responses import (
    AnswerOptions,
    Format,
    PictureOptions,
    etag,
    fresh,
    negotiate,
    respond,
)
from models.zoo import MODELS
from probes import PROBES
from probes.probe import Probe

Source = Literal["image", "sequence", "query", "weights"]
"""Where the input comes from: a posted image or sequence, the query; or there is none."""

METHODS: Mapping[Source, str] = {
    "image": "POST",
    "sequence": "POST",
    "query": "GET",
    "weights": "GET",
}


def router() -> APIRouter:
    """Make the routes of every probe."""
    routes = APIRouter()
    for probe in PROBES:
        for source in sources(probe):
            for picture in (False, True):
                _add(routes, probe, source, picture=picture)
    return routes


def sources(probe: Probe) -> tuple[Source, ...]:
    """Return the ways in which a probe can be asked."""
    if probe.program is None:
        return ("weights",)
    return ("image",) if MODELS[probe.model].input == "image" else ("sequence", "query")


def query_model(probe: Probe, source: Source, *, picture: bool) -> type[BaseModel]:
    """Compose what the query of one route may hold; it refuses everything else."""
    options: tuple[type[BaseModel], ...] = (PictureOptions if picture else AnswerOptions,)
    if source == "image":
        options = (ImageOptions, *options)
    if source == "query":
        options = (SequenceQuery, *options)
    name = "".join(
        part.capitalize() for part in operation_id(probe, source, picture=picture).split("_")
    )
    return create_model(f"{name}Query", __base__=(probe.parameters, *options))


def operation_id(probe: Probe, source: Source, *, picture: bool) -> str:
    """Name a route for client generators: `lstm_gates`, `lstm_gates_png`, `get_lstm_gates`."""
    name = f"{probe.model}_{probe.name}" + ("_png" if picture else "")
    return f"get_{name}" if source == "query" else name


def _add(routes: APIRouter, probe: Probe, source: Source, *, picture: bool) -> None:
    """Add one route."""
    model = query_model(probe, source, picture=picture)

    async def endpoint(request: Request, query: Annotated[model, Query()]) -> Response:  # type: ignore[valid-type]
        return await _respond(request, probe, source, query, picture=picture)

    name = operation_id(probe, source, picture=picture)
    routes.add_api_route(
        f"/{probe.model}/{probe.name}{'.png' if picture else ''}",
        endpoint,
        methods=[METHODS[source]],
        name=name,
        operation_id=name,
        summary=probe.title,
        description=probe.description,
        tags=[probe.model],
        response_class=Response,
        responses=openapi.responses(source, picture=picture),
        openapi_extra=openapi.request_body(source),
    )


async def _respond(
    request: Request, probe: Probe, source: Source, query: Any, *, picture: bool
) -> Response:
    """Answer one request; stop as soon as its client has gone."""
    engine: Engine = request.app.state.engine
    with engine.admit():
        form: Format = "png" if picture else negotiate(query.format, request.headers.get("accept"))
        headers = {}
        if cacheable := METHODS[source] == "GET":
            digest = engine.models[probe.model].checkpoint.digest
            headers["ETag"] = etag(digest, request.url.path, form, query)
            if fresh(headers["ETag"], request.headers.get("if-none-match")):
                return Response(status_code=304, headers={**headers, "Vary": "Accept"})
        watch = Stopwatch()
        deadline = deadline_in(request.app.state.settings.deadline_s)
        question = await _question(request, probe, source, query, deadline)
        watch.lap("prepare")

        async def work() -> bytes:
            given = await answer(engine, probe, query, question, deadline, watch)
            return await write(engine, given, form, query, watch)

        content = await _unless_gone(request, work)
        headers["Server-Timing"] = watch.header
        return respond(content, form, headers, cacheable=cacheable)


async def _question(
    request: Request, probe: Probe, source: Source, query: Any, deadline: float
) -> Question:
    """Read the input, within the deadline."""
    engine: Engine = request.app.state.engine
    model = engine.models[probe.model]
    try:
        async with asyncio.timeout_at(deadline):
            match source:
                case "image":
                    return await posted_image(request, engine, query)
                case "sequence":
                    return await posted_sequence(request, engine, model)
                case "query":
                    return queried_sequence(query, model)
                case "weights":
                    return Question()
    except TimeoutError:
        seconds = request.app.state.settings.deadline_s
        detail = f"The body did not arrive within {seconds:g} s."
        raise Problem("request-timeout", detail, headers={"Connection": "close"}) from None


async def _unless_gone(request: Request, work: Callable[[], Awaitable[bytes]]) -> bytes:
    """Do the work, or drop it when the client closes the connection before it is done."""
    task = asyncio.ensure_future(work())
    gone = asyncio.ensure_future(_client_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return b""  # nobody reads it
        return task.result()
    finally:
        task.cancel()
        gone.cancel()
        await asyncio.wait({task, gone})


async def _client_gone(request: Request) -> None:
    """Wait until the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
