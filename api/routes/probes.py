"""Routes of the probes: one for each source of the input, with paths of its own for pictures."""

from collections.abc import Callable, Container, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, create_model
from starlette.responses import Response

from api.content_coding import fresh_tag
from api.headers import request_header
from api.inference.errors import EngineBusyError
from api.middleware.timeouts import RequestTimeout
from api.openapi import spec
from api.openapi.families import NETWORKS, Families
from api.requests.body import is_form
from api.requests.body_arrival import BodyArrival
from api.requests.form_fields import Fields, with_fields
from api.requests.inputs import queried_sequence, read_images, read_sequences
from api.requests.model_input import ModelInput, ModelInputs
from api.requests.options import (
    CheckpointOptions,
    ImageOptions,
    InitialStepsOptions,
    SequenceQuery,
)
from api.requests.probe_body import FAMILY_NAMES, body_of
from api.requests.query import SingleValueRoute
from api.responses.context import RequestContext
from api.responses.negotiation import (
    COMPRESSED,
    PICTURES,
    AnswerOptions,
    EncodedResponse,
    Format,
    PictureOptions,
    etag,
    negotiate,
    varies,
)
from api.responses.pipeline import answer
from api.responses.probe_request import ProbeRequest
from api.responses.work_admission import admitted_inputs, check_refused, has_known_rows
from api.routes.route_cache import cache_route
from models.architecture import Architecture
from models.registry import ResidentModel
from probes import PROBES
from probes.applicable import applicable_probes
from probes.declaration import Probe
from probes.output.render import PictureFormat
from probes.shared import choices

Source = Literal["image", "sequence", "query", "weights"]
"""Source of a probe's input: a posted image or sequence, or the query; `weights` is no input."""

METHODS: Mapping[Source, str] = {
    "image": "POST",
    "sequence": "POST",
    "query": "GET",
    "weights": "GET",
}


OTHER_PICTURES = (
    "\n\nThe path with `.svg` or `.pdf` in place of `.png` has the picture in that format."
)

DESCRIBED: tuple[PictureFormat | None, ...] = (None, "png")
"""Formats of pictures whose routes are in OpenAPI: those of SVG and PDF differ by their suffix."""


class FormRoute(SingleValueRoute):
    """Route of a posted image: its required parameters may be text fields of a form."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler of a route; of a form, missing parameters may be in the body."""
        handle = super().get_route_handler()

        async def handle_form(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                are_missing = all(one["type"] == "missing" for one in error.errors())
                if not are_missing or not is_form(request.scope):
                    raise
            response: Response = await self.endpoint(request, None)
            return response

        return handle_form


@dataclass(frozen=True)
class ProbeRoute:
    """Probe's route for one source of its input, or of its pictures in one format.

    Attributes:
        model: Name of the model.
        picture: Format of the pictures; None for answers in every format.
        query: Query parameters of the route.
    """

    model: str
    probe: Probe
    source: Source
    picture: PictureFormat | None
    query: type[BaseModel]

    @property
    def path(self) -> str:
        """Path template of a probe's route."""
        return f"/{self.model}/{self.probe.name}{f'.{self.picture}' if self.picture else ''}"

    def format_of(self, query: Any) -> Format | None:
        """Return the response format that a query names; None leaves it to the `Accept` header."""
        chosen: Format | None = self.picture or query.format
        return chosen


def router(models: Mapping[str, ResidentModel]) -> APIRouter:
    """Build the routes of every probe of each resident model that it applies to."""
    routes = APIRouter(route_class=SingleValueRoute)
    for model in shipped_first(models):
        for probe in applicable_probes(model):
            for source in sources_of(probe, model.architecture):
                for picture in (None, *PICTURES):
                    query = query_model(probe, source, picture=picture is not None)
                    route = ProbeRoute(model.name, probe, source, picture, query)
                    described = picture in DESCRIBED
                    _add(routes, route, in_openapi=model.is_shipped and described)
    return routes


def family_routes(models: Mapping[str, ResidentModel]) -> Families:
    """Build routes that describe the probes of the user's networks in OpenAPI, once for a family.

    They answer no request: each network has its own routes.
    """
    found = Families()
    for probe in PROBES:
        applying = [
            model
            for model in models.values()
            if not model.is_shipped and model.architecture.family == probe.family
            if probe.unmet(model) is None
        ]
        for source in sources(probe):
            names = [one.name for one in applying if source in sources_of(probe, one.architecture)]
            for picture in DESCRIBED if names else ():
                query = query_model(probe, source, picture=picture is not None)
                route = ProbeRoute("{model}", probe, source, picture, query)
                found.add(probe.family, route.path, names, partial(_add, route=route))
    return found


def shipped_first(models: Mapping[str, ResidentModel]) -> list[ResidentModel]:
    """Return the resident models, the shipped ones first: their routes are found the fastest."""
    return sorted(models.values(), key=lambda model: not model.is_shipped)


def sources(probe: Probe) -> tuple[Source, ...]:
    """Sources from which the routes of a probe take its input."""
    if not probe.input:
        return ("weights",)
    if probe.family == "image":
        return ("image",)
    return ("sequence",) if probe.body else ("sequence", "query")


def sources_of(probe: Probe, architecture: Architecture) -> tuple[Source, ...]:
    """Sources of a probe's input for one network: a query holds symbols of one character only."""
    is_queried = architecture.family == "sequence" and architecture.sequence.is_text
    return tuple(one for one in sources(probe) if one != "query" or is_queried)


@cache
def query_model(probe: Probe, source: Source, *, picture: bool) -> type[BaseModel]:
    """Compose the query model of a probe's route, which rejects unknown parameters."""
    options: tuple[type[BaseModel], ...] = (PictureOptions if picture else AnswerOptions,)
    if probe.checkpoints:
        options = (CheckpointOptions, *options)
    if source == "image":
        options = (ImageOptions, *options)
    if source == "sequence":
        options = (InitialStepsOptions, *options)
    if source == "query":
        options = (SequenceQuery, *options)
    # Pictures in every format have one model, as FastAPI keeps few of them.
    operation = operation_id(FAMILY_NAMES[probe.family], probe, source, "png" if picture else None)
    name = "".join(part.capitalize() for part in operation.split("_"))
    return create_model(f"{name}Query", __base__=(probe.parameters, *options))


def operation_id(model: str, probe: Probe, source: Source, picture: PictureFormat | None) -> str:
    """Operation ID of a probe's route: `lstm_gates`, `lstm_gates_png`, `get_lstm_gates`."""
    name = f"{model.replace('-', '_')}_{probe.name}" + (f"_{picture}" if picture else "")
    return f"get_{name}" if source == "query" else name


def _add(routes: APIRouter, route: ProbeRoute, *, in_openapi: bool = True) -> None:
    """Add the route of a probe for one source of its input, or of its pictures in one format."""
    model, probe, source, picture, queried = (
        route.model,
        route.probe,
        route.source,
        route.picture,
        route.query,
    )

    async def endpoint(request: Request, query: Annotated[queried, Query()]) -> Response:  # type: ignore[valid-type]
        architecture = request.app.state.engine.served[model].model.architecture
        # None where parameters are missing that a form may have.
        resolved = None if query is None else resolved_query(architecture, query)
        asked = ProbeRequest(model, probe, resolved)

        def respond(request: Request) -> Coroutine[Any, Any, Response]:
            return _respond(request, route, asked)

        def keep() -> None:
            if source != "query" and query is not None:  # few sequences are sent twice
                cache_route(request, respond)

        # After the response: a request line that fails is validated again each time.
        try:
            response = await respond(request)
        except EngineBusyError:  # of a valid request: many of a busy server's are refused like it
            keep()
            raise
        keep()
        return response

    tag = NETWORKS if model == "{model}" else model
    name = operation_id(tag, probe, source, picture)
    routes.add_api_route(
        route.path,
        endpoint,
        methods=[METHODS[source]],
        name=name,
        operation_id=name,
        summary=probe.title,
        description=probe.description + (OTHER_PICTURES if picture else ""),
        tags=[tag],
        include_in_schema=in_openapi,
        response_class=Response,
        route_class_override=FormRoute if source == "image" else None,
        responses=spec.responses(source, picture=picture),
        openapi_extra=spec.request_body(source, probe),
    )


def resolved_query(architecture: Architecture, query: Any, posted: Container[str] = ()) -> Any:
    """Return the query of a probe's route with the defaults of the model.

    Args:
        posted: Names of the parameters that are fields of a form.

    Raises:
        RequestValidationError: The query names a layer or a class that the model does not have.
    """
    query = choices.resolved(query, architecture)
    if found := tuple(choices.faults(query, architecture)):
        raise RequestValidationError(
            [
                {**one, "loc": ("body" if one["loc"][0] in posted else "query", *one["loc"])}
                for one in found
            ]
        )
    return query


async def _respond(request: Request, route: ProbeRoute, asked: ProbeRequest) -> Response:
    """Answer one request to a probe's route; stop as soon as its client has disconnected.

    Args:
        asked: Its query is None where parameters are missing that a form may have.
    """
    context = RequestContext.of(request, request.app.state.engine.served[asked.model])
    check_refused(context, asked)
    accept = request_header(request.scope, b"accept").decode("latin-1")
    with (
        context.engine.place() as place,
        context.held,
        RequestTimeout() as timeout,
        ExitStack() as work,
    ):
        tag = form = None
        # Before the body is read: a refusal or a 304 costs no decoding. A form may name its format.
        if route.source != "image" or not is_form(request.scope):
            form = negotiate(route.format_of(asked.query), accept)
        if form is not None and METHODS[route.source] == "GET":
            tag = etag(context.served.version, request.url.path, form, asked.query)
            if (found := _held_tag(request, context, tag, form)) is not None:
                kept = {"ETag": found, "Vary": varies(form), "Cache-Control": "no-cache"}
                return Response(status_code=304, headers=kept)
        arrival = BodyArrival(request, context, place, timeout)
        inputs, asked = await read_inputs(arrival, route, asked, accept, work)
        context.watch.lap("prepare")
        form = form or negotiate(route.format_of(asked.query), accept)
        content = await answer(context, asked, inputs, form)
        return EncodedResponse(content, form, tag)


def _query_of(arrival: BodyArrival, route: ProbeRoute, asked: ProbeRequest, fields: Fields) -> Any:
    """Return the query of a request to a probe's route with the parameters of its form.

    Raises:
        RequestValidationError: They are not valid.
    """
    names = {name for name, _ in fields} & route.query.model_fields.keys()
    if asked.query is not None and not names:
        return asked.query
    query = with_fields(route.query, arrival.request.scope["query_string"], fields)
    return resolved_query(arrival.context.served.model.architecture, query, names)


def _held_tag(
    request: Request, context: RequestContext, tag: str, response_format: Format
) -> str | None:
    """Return the ETag of a probe's response that the client holds and may use; None for none."""
    gzip = context.takes_gzip and response_format not in COMPRESSED
    return fresh_tag(tag, request.headers.get("if-none-match"), gzip=gzip)


async def read_inputs(
    arrival: BodyArrival, route: ProbeRoute, asked: ProbeRequest, accept: str, work: ExitStack
) -> tuple[ModelInputs, ProbeRequest]:
    """Read the input of a request to a probe's route, or several inputs.

    Args:
        accept: `Accept` header of the request.
        work: Ends with the work of several inputs, which is admitted before they are decoded.

    Returns:
        The inputs, and the request with the parameters of its form.

    Raises:
        Problem: The body, or the sequence in the query, is not valid.
        RequestValidationError: Parameters of the form are not valid.
    """
    model, body = arrival.context.served.model, body_of(asked.probe)
    match route.source:
        case "image":
            query_of = partial(_query_of, arrival, route, asked)

            def with_query(query: Any) -> ProbeRequest:
                # Equal for each request without fields: a copy would compute its outputs again.
                return asked if query is asked.query else replace(asked, query=query)

            def admit(query: Any, images: int) -> None:
                request, form = with_query(query), negotiate(route.format_of(query), accept)
                # Decoding several images is part of the analysis: it waits for predictions.
                arrival.job.is_analysis = request.probe.run is not None or images > 1
                if has_known_rows(request):
                    admission = admitted_inputs(arrival.context, request, images, form)
                    work.enter_context(admission)

            inputs, query = await read_images(arrival, model, body, query_of, admit)
            return inputs, with_query(query)
        case "sequence":
            steps = asked.query.initial_steps
            return await read_sequences(arrival, model, body, steps), asked
        case "query":
            arrival.end()
            return queried_sequence(asked.query, model), asked
        case "weights":
            arrival.end()
            return ModelInput(), asked
