"""Response of the Open Inference Protocol: from the body of a request to its encoded answer."""

from collections.abc import Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from api.content_coding import VARIES
from api.inference.served_model import ServedModel
from api.middleware.timeouts import RequestTimeout
from api.open_inference.answer import Answer
from api.open_inference.content_coding import (
    Coding,
    accepted_coding,
    coding_of,
    inflated,
    inflated_light,
)
from api.open_inference.inference import Inference
from api.open_inference.request import (
    InferenceRequest,
    header_length,
    parse_index_request,
    parse_request,
)
from api.open_inference.signature import signature_of
from api.requests.body import (
    MAX_IMAGE_JSON,
    MAX_LIGHT_JSON,
    MAX_STEPS_JSON,
    check_content_length,
    receive_body,
)
from api.requests.body_arrival import BodyArrival
from api.responses.buffered_response import BufferedResponse
from api.responses.context import RequestContext
from models.runtime.programs import Family

MAX_BODY: Mapping[Family, int] = {"image": MAX_IMAGE_JSON, "sequence": MAX_STEPS_JSON}
"""Most bytes of a request's body by the family of its network, as sent and when inflated."""

HEADER_LENGTH = b"inference-header-content-length"


class _Headers(NamedTuple):
    """Headers of a request of the protocol, whose Content-Type is not read."""

    content_length: str
    encoding: str
    accepted: bytes
    json_length: str


def _headers(scope: Scope) -> _Headers:
    sent: dict[bytes, bytes] = dict(scope["headers"])
    return _Headers(
        sent.get(b"content-length", b"0").decode("latin-1"),
        sent.get(b"content-encoding", b"").decode("latin-1"),
        sent.get(b"accept-encoding", b""),
        sent.get(HEADER_LENGTH, b"").decode("latin-1"),
    )


async def respond(request: Request, served: ServedModel) -> Response:
    """Answer one request of the Open Inference Protocol; stop when its client has disconnected.

    Args:
        served: Model that answers.

    Raises:
        Problem: The request is not valid, or over a limit.
        EngineClosedError, EngineNotReadyError, EngineBusyError: The server takes no request now.
    """
    context, headers = RequestContext.of(request, served), _headers(request.scope)
    with context.engine.place() as place, context.held, RequestTimeout() as timeout:
        # Before the body is read: a refusal costs no decoding.
        coding = coding_of(headers.encoding)
        arrival = BodyArrival(request, context, place, timeout)
        asked = await _read(arrival, headers, coding)
        context.watch.lap("prepare")
        accepted = accepted_coding(headers.accepted)
        inference = Inference(context, signature_of(served.model), asked, accepted)
        return InferenceResponse(await inference.answer())


async def _read(arrival: BodyArrival, headers: _Headers, coding: Coding | None) -> InferenceRequest:
    """Read, inflate and parse the body of a request; a large one in CPU threads."""
    model = arrival.context.served.model
    limit = MAX_BODY[model.architecture.family]
    check_content_length(headers.content_length, limit)
    with arrival:
        content = await receive_body(arrival.request, limit, arrival.add)
        arrival.end()
        if coding is not None:
            content = await inflated(arrival, content, coding, limit)
        length = header_length(headers.json_length, len(content))
        arguments = content, length, signature_of(model)
        if (len(content) if length is None else length) <= MAX_LIGHT_JSON:
            return parse_request(*arguments)
        return await arrival.engine.compute(parse_request, *arguments, job=arrival.job)


async def read_index_request(request: Request) -> bool:
    """Read and parse a request for the list of models: whether it asks for ready ones alone.

    Raises:
        Problem: The body is not valid, or late, or larger than such a request needs.
    """
    headers = _headers(request.scope)
    coding = coding_of(headers.encoding)
    check_content_length(headers.content_length, MAX_LIGHT_JSON)
    with RequestTimeout() as timeout:
        content = await receive_body(request, MAX_LIGHT_JSON, timeout.add)
    if content and coding is not None:
        content = inflated_light(content, coding, MAX_LIGHT_JSON)
    return parse_index_request(content)


class InferenceResponse(BufferedResponse):
    """Response to a request of the Open Inference Protocol; caches keep nothing of it.

    Args:
        answer: The encoded answer; the length of its JSON is that without the content coding.
    """

    def __init__(self, answer: Answer) -> None:
        kind = b"application/json" if answer.header_bytes is None else b"application/octet-stream"
        headers = [
            (b"content-type", kind),
            (b"vary", VARIES),
            (b"cache-control", b"no-store"),
        ]
        if answer.header_bytes is not None:
            headers.append((HEADER_LENGTH, b"%d" % answer.header_bytes))
        if answer.coding is not None:
            headers.append((b"content-encoding", answer.coding.encode()))
        super().__init__(answer.buffers, headers)
