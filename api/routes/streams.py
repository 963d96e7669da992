"""Route that streams the gates of sequences, one JSON line for each step, as they are computed."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BeforeValidator, Field
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from api.errors.handlers import handle_exception
from api.errors.problem import bug_response
from api.inference.device_time import DeviceTime
from api.middleware.timeouts import RequestTimeout
from api.openapi import spec
from api.openapi.families import NETWORKS, Families
from api.requests.body_arrival import BodyArrival
from api.requests.inputs import read_sequences
from api.requests.model_input import ModelInput
from api.requests.options import InitialStepsOptions
from api.requests.query import SingleValueRoute
from api.requests.sequence_body import SequenceBody
from api.requests.sequence_steps import is_binary
from api.responses.context import RequestContext
from api.responses.gathering import gather_or_cancel
from api.responses.request_bytes import INPUT_BYTES, REQUEST_BYTES, TEXT_PER_BYTE
from api.responses.results import length_warnings
from api.responses.work_admission import is_analysis
from api.routes.probes import resolved_query
from api.routes.route_cache import cache_route
from models.architecture import Architecture
from models.registry import ResidentModel
from models.runtime.programs import Outputs, Row
from probes.declaration import Indices, ParameterError, Parameters, split_commas
from probes.shared.choices import LayerChoice
from probes.shared.input_warnings import InputWarning

logger = logging.getLogger("lightwell.access")

MEDIA_TYPE = "application/jsonl"
STEPS = 512
"""Steps of each streamed sequence at a time: the longest chunk of a sequence program."""

LINE_BYTES = 1024
"""Bytes of the Python objects of a stream's line while it is encoded."""

DESCRIPTION = """\
Lines are sent as they are computed, some hundred steps at a time; no line is kept once it is sent.
The lines of several sequences may be mixed, those of each are in order: `input` is its index in
`inputs`, 0 for the only one; `step` counts from 1; `bit` is the step itself, of other alphabets
than 0 and 1 `symbol`, and of rows of numbers `features`. States and `logits` are those after the
step. The first line of a sequence has `warnings` where there are any, each with `code`
and `message`, as other answers have them.

An error before the first line is answered with a problem. A later one ends the stream with a last
line, `{"problem": {…}}`; a stream without it is complete."""


def _streamed(architecture: Architecture) -> tuple[str, ...]:
    """Return the values that a gate stream has by default: gates and candidates, else states."""
    layers = architecture.layers.items()
    found = tuple(name for name, layer in layers if layer.kind in {"gate", "candidate"})
    return found or tuple(state.name for state in architecture.states)


class LineOptions(InitialStepsOptions, Parameters):
    """Query of a gate stream: values, units and precision of every line, steps before the first."""

    values: Annotated[
        list[str] | None,
        LayerChoice(lambda architecture: architecture.layers, _streamed, is_limited=True),
        BeforeValidator(split_commas),
    ] = Field(
        None,
        min_length=1,
        description="Values of every line, in this order; gates and candidates where left out.",
    )
    units: Indices | None = Field(
        None, description="Units to show, counted from 0; all where left out."
    )
    precision: int | None = Field(
        None, ge=0, le=9, description="Decimals of floats; all that matter where left out."
    )


def router(models: Mapping[str, ResidentModel]) -> APIRouter:
    """Build the routes that stream gates, such as `/lstm/gates.jsonl`, of networks of sequences."""
    routes = APIRouter(route_class=SingleValueRoute)
    for name, model in models.items():
        if model.architecture.family == "sequence":
            _add(routes, name, in_openapi=model.is_shipped)
    return routes


def add_to_families(families: Families, models: Mapping[str, ResidentModel]) -> None:
    """Describe the streams of the user's networks in OpenAPI, once for all of them."""
    own = [name for name, model in models.items() if not model.is_shipped]
    names = [name for name in own if models[name].architecture.family == "sequence"]
    if names:
        families.add("sequence", "/{model}/gates.jsonl", names, lambda to: _add(to, "{model}"))


def _add(routes: APIRouter, name: str, *, in_openapi: bool = True) -> None:
    """Add the route that streams the gates of a model."""

    async def endpoint(request: Request, query: Annotated[LineOptions, Query()]) -> Response:
        architecture = request.app.state.engine.served[name].model.architecture
        asked: LineOptions = resolved_query(architecture, query)

        def respond(request: Request) -> Coroutine[Any, Any, Response]:
            return _respond(request, name, asked)

        response = await respond(request)
        cache_route(request, respond)
        return response

    tag = NETWORKS if name == "{model}" else name
    operation = f"{tag.replace('-', '_')}_gates_jsonl"
    routes.add_api_route(
        f"/{name}/gates.jsonl",
        endpoint,
        methods=["POST"],
        name=operation,
        operation_id=operation,
        summary="The gates of every step as JSON lines, sent as they are computed.",
        description=DESCRIPTION,
        tags=[tag],
        include_in_schema=in_openapi,
        response_class=Response,
        responses=spec.lines(MEDIA_TYPE),
        openapi_extra=spec.request_body("sequence"),
    )


async def _respond(request: Request, name: str, query: LineOptions) -> Response:
    """Begin a stream of gates: its first lines are computed before its status is sent."""
    context = RequestContext.of(request, request.app.state.engine.served[name])
    engine, model = context.engine, context.served.model
    with ExitStack() as held:
        place = held.enter_context(engine.place())
        held.enter_context(context.held)
        with RequestTimeout() as timeout:
            steps = query.initial_steps
            arrival = BodyArrival(request, context, place, timeout)
            given = await read_sequences(arrival, model, SequenceBody, steps)
            context.watch.lap("prepare")
            inputs = given if isinstance(given, list) else [given]
            _check_units(model.architecture, query)
            context.held.add(_held(model.architecture, inputs, query))
            blocks = _blocks(context, inputs, query)
            first = await anext(blocks)
        headers = {
            "Cache-Control": "no-store",
            "Lightwell-Weights": model.checkpoint.digest,
        }
        # The stream outlives this function: it counts as in flight until `Lines` has sent its end.
        return Lines(
            _with_last_line(request, first, blocks), headers, context.timeout_s, held.pop_all()
        )


def _held(architecture: Architecture, inputs: list[ModelInput], query: LineOptions) -> int:
    """Return the bytes that a stream holds: inputs, the values of a block of each, and lines."""
    layers = [architecture.layers[name] for name in query.values or ()]
    states = sum(state.units for state in architecture.states)
    block = STEPS * 4 * (states + sum(prod(one.shape) for one in layers))
    rows = sum(one.nbytes for given in inputs for one in given.row.values())
    # Of one block at a time the lines, joined from single ones.
    lines = 2 * int(TEXT_PER_BYTE * block) + STEPS * LINE_BYTES
    return REQUEST_BYTES + rows + len(inputs) * (INPUT_BYTES + block) + lines


def _check_units(architecture: Architecture, query: LineOptions) -> None:
    """Check the units of a stream's lines against the layers of its values.

    Raises:
        ParameterError: A unit that one of them does not have, with the number of its units.
    """
    chosen = max(query.units or [0])
    named = [name for name in query.values or () if name != "logits"]
    for name in named or [architecture.states[0].name]:
        (units,) = architecture.layers[name].shape
        if chosen >= units:
            owner = "the model" if len(architecture.recurrent) == 1 else name
            reason = f"unit {chosen} is not one of {owner}'s {units} (0 to {units - 1})"
            raise ParameterError("units", reason)


class Lines(StreamingResponse):
    """Stream of JSON lines that counts as a request in flight until it ends.

    Args:
        blocks: Lines, some at a time; closed when the stream ends, also by an error.
        seconds: Time that a client has to take one block before the stream is cut.
        held: Closed when the stream ends.
    """

    def __init__(
        self,
        blocks: AsyncGenerator[bytes, None],
        headers: Mapping[str, str],
        seconds: float,
        held: ExitStack,
    ) -> None:
        super().__init__(blocks, headers=headers, media_type=MEDIA_TYPE)
        self._blocks = blocks
        self._seconds = seconds
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream of lines; stop its computation when the client disconnects."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._seconds):
                await send(message)

        with self._held:
            try:
                await super().__call__(scope, receive, send_in_time)
            except TimeoutError:
                logger.warning("a client took no line for %g s; its stream was cut", self._seconds)
            finally:
                # Starlette does not close the generator of a stream that ends early.
                await self._blocks.aclose()


async def _with_last_line(
    request: Request, first: bytes, blocks: AsyncGenerator[bytes, None]
) -> AsyncGenerator[bytes, None]:
    """Blocks of a stream's lines, with the problem of an error as the last line."""
    try:
        yield first
        async for block in blocks:
            yield block
    except Exception as error:
        yield orjson.dumps({"problem": _problem(request, error)}, option=orjson.OPT_APPEND_NEWLINE)
    finally:
        await blocks.aclose()


def _problem(request: Request, error: Exception) -> orjson.Fragment:
    """Problem of an exception as JSON, for the last line of a stream."""
    try:
        response = handle_exception(request, error)
    except Exception:
        logger.exception("request %s failed", request.state.request_id)
        response = bug_response(request.state.request_id)
    return orjson.Fragment(bytes(response.body))


async def _blocks(
    context: RequestContext, inputs: list[ModelInput], query: LineOptions
) -> AsyncGenerator[bytes, None]:
    """Run streamed sequences concurrently, `STEPS` steps at a time, and encode their lines.

    The next steps are computed when the lines of the last ones have been sent.

    Raises:
        QueueFullError, DeadlineError: The device could not be reached in time.
        EngineClosedError: The server is stopping.
    """
    engine, model = context.engine, context.served.model
    architecture = model.architecture
    finals = frozenset(state.final for state in architecture.states)
    wanted = frozenset(query.values or ()) | finals
    rows = dict(enumerate(one.row for one in inputs))
    warnings = [length_warnings(model, None, one) if model.length_limits else [] for one in inputs]
    job, start = context.job, 0
    job.is_analysis = is_analysis(inputs)
    while rows:
        if start:
            # Ends the stream of a stopping server with a problem, rather than by its cancellation.
            engine.check_open()
            job.deadline = context.chunk_deadline
        spents = [DeviceTime() for _ in rows]
        given = await gather_or_cancel(
            engine.run(context.served, model.run("trace", _head(row), wanted), job, spent)
            for row, spent in zip(rows.values(), spents, strict=True)
        )
        if not start:
            slowest = max(spents, key=lambda one: one.queued_s + one.ran_s)
            context.watch.split(queue=slowest.queued_s, program=slowest.ran_s)
        for (index, row), outputs in zip(rows.items(), given, strict=True):
            # Warnings are those of the whole sequence: its first line has them.
            first = {} if start else _stated(warnings[index])
            block = _Block(architecture, index, start, first, query)
            yield await engine.compute(block.encode, _head(row), outputs, job=job)
        rows = {
            index: _rest(architecture, row, outputs)
            for (index, row), outputs in zip(rows.items(), given, strict=True)
            if len(row["sequence"]) > STEPS
        }
        start += STEPS


def _head(row: Row) -> Row:
    """Row of a streamed sequence's next `STEPS` steps."""
    return {**row, "sequence": row["sequence"][:STEPS]}


def _rest(architecture: Architecture, row: Row, outputs: Outputs) -> Row:
    """Row of a streamed sequence's remaining steps, which start from the final state of these."""
    state = {one.name: outputs[one.final] for one in architecture.states}
    return {"sequence": row["sequence"][STEPS:], **state}


def _stated(warnings: list[InputWarning]) -> dict[str, Any]:
    """Keys of the first line of a streamed sequence: its warnings, where it has any."""
    listed = [{"code": one.code, "message": one.message} for one in warnings]
    return {"warnings": listed} if listed else {}


@dataclass(frozen=True)
class _Block:
    """Block of a stream's lines: consecutive steps of one sequence.

    Attributes:
        architecture: The network, for the names of its states and symbols.
        index: Index of the sequence among those of the request.
        start: Number of steps before the block.
        first: Further keys of its first line.
    """

    architecture: Architecture
    index: int
    start: int
    first: Mapping[str, Any]
    query: LineOptions

    def encode(self, row: Row, outputs: Outputs) -> bytes:
        """Encode a stream's lines of one row, one for each step."""
        option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
        return b"".join(orjson.dumps(line, option=option) for line in self._lines(row, outputs))

    def _lines(self, row: Row, outputs: Outputs) -> Iterator[dict[str, Any]]:
        values: dict[str, np.ndarray] = {}
        for name in self.query.values or ():
            values[name] = _shown(self.architecture, name, outputs[name], self.query)
        further = self.first
        key, steps = _steps(self.architecture, row["sequence"])
        for at, step in enumerate(steps):
            given = {name: value[at] for name, value in values.items()}
            head = {"input": self.index, "step": self.start + at + 1, key: step}
            yield {**head, **further, **given}
            further = {}


def _steps(architecture: Architecture, sequence: np.ndarray) -> tuple[str, list[Any]]:
    """Key and value of each step in the lines of a stream: a bit, a symbol, or numbers."""
    spec, steps = architecture.sequence, sequence.tolist()
    if is_binary(spec):
        return "bit", steps
    if spec.alphabet:
        return "symbol", [spec.alphabet[index] for index in steps]
    return "features", list(np.ascontiguousarray(sequence))


def _shown(
    architecture: Architecture, name: str, values: np.ndarray, query: LineOptions
) -> np.ndarray:
    """Numbers of one gate or state for the lines of a stream, one row for each step."""
    if name in {state.name for state in architecture.states}:
        values = values[1:]  # row 0 is the state before the first step
    if query.units is not None and name != "logits":
        values = values[:, query.units]
    if query.precision is not None:
        values = values.round(query.precision)
    return np.ascontiguousarray(values)
