"""Problem details (RFC 9457): every error response is one of a list of types and has one shape."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import Scope

from api.own_path import own_path

MEDIA_TYPE = "application/problem+json"

INFERENCE = "/v2"
"""Path below which problems have the form of the Open Inference Protocol, whose clients look for
`error` in `application/json`."""
MAX_BYTES = 4096
MAX_REASONS = 16
MAX_SENTENCE = 512  # characters of `detail` and of each reason

SHOWABLE = re.compile(r"[\w.,-]{1,32}", re.ASCII)
"""Values of a path or query, and keys of a body, that a problem may repeat."""

HIDDEN = "(not shown)"
"""Name in a problem's location that takes the place of one that may not be repeated."""

# The name of a problem -> its status and title. Every `type` of an error response is one of these.
PROBLEMS: Mapping[str, tuple[int, str]] = {
    "invalid-json": (400, "The body is not JSON"),
    "invalid-multipart": (400, "The form is not whole"),
    "invalid-request": (400, "The request is not valid HTTP"),
    "unknown-host": (400, "The server does not have this name"),
    "unauthorised": (401, "A token is needed"),
    "foreign-site": (403, "The page of another site is not allowed"),
    "unknown-path": (404, "There is nothing at this path"),
    "unknown-model": (404, "There is no such model"),
    "method-not-allowed": (405, "The method is not allowed at this path"),
    "not-acceptable": (406, "No representation fits the Accept header"),
    "request-timeout": (408, "The request took too long to arrive"),
    "body-too-large": (413, "The body is too large"),
    "url-too-long": (414, "The URL is too long"),
    "unsupported-media-type": (415, "The media type is not supported"),
    "unsupported-encoding": (415, "Compressed bodies are not supported"),
    "invalid-parameter": (422, "A parameter is not valid"),
    "invalid-body": (422, "The body is not valid"),
    "invalid-image": (422, "The image cannot be used"),
    "invalid-sequence": (422, "The sequence cannot be used"),
    "answer-too-large": (422, "The answer would be too large"),
    "too-many-requests": (429, "The client sends too many requests"),
    "headers-too-large": (431, "The request line and headers are too large"),
    "busy": (503, "The queue is full"),
    "too-many-connections": (503, "Too many connections are open"),
    "warming": (503, "The models are still warming up"),
    "draining": (503, "The server is stopping"),
    "device": (503, "The device cannot run this now"),
    "deadline": (504, "The deadline has passed"),
    "internal": (500, "Internal server error"),
}


@dataclass(frozen=True)
class Reason:
    """One fault that a problem reports, and its location in the request.

    Attributes:
        location: Outermost first: ("query", "layers"), ("body", "pixels").
        reason: The fault and the limit.
    """

    location: tuple[str | int, ...]
    reason: str


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """Problem of RFC 9457: an error response, as an exception to raise.

    Args:
        kind: A key of `PROBLEMS`.
        detail: The fault, naming the thing and the limit. Never text from a body, a path of
            this machine or an exception's message.
        reasons: The faults by location.
        headers: Headers of the response, such as `Retry-After`.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        reasons: Sequence[Reason] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.reasons = tuple(reasons)
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """HTTP status of a problem of this kind (RFC 9457)."""
        return PROBLEMS[self.kind][0]

    def within(self, name: str, *index: int) -> "Problem":
        """Return the problem with its location inside a part of the body, such as `inputs[2]`.

        Args:
            name: Key of the part: `inputs`, `source`, or `file` of a form.
            index: Position of one entry of several, counted from 0.
        """
        part = name + "".join(f"[{position}]" for position in index)
        reasons = [
            Reason(("body", name, *index, *each.location[1:]), f"{part}: {each.reason}")
            for each in self.reasons
        ]
        return Problem(self.kind, f"{part}: {self.detail}", reasons, self.headers)


def body_problem(kind: str, detail: str, *location: str | int) -> Problem:
    """Return a problem of one fault at one location of the request body."""
    return Problem(kind, detail, [Reason(("body", *location), detail)])


def name_value(name: str, value: object) -> str:
    """Name a thing with its value for a problem's text, without it where it may not be shown."""
    text = str(value)
    return f"{name} '{text}'" if SHOWABLE.fullmatch(text) else f"this {name}"


def problem_response(problem: Problem, request_id: str, scope: Scope | None = None) -> Response:
    """Encode a problem as `application/problem+json` of at most 4 KiB.

    Below `/v2` it is `application/json`, and its first member is `error`, which has the `detail`.

    Args:
        scope: Scope of the request; None where it has none yet.
    """
    status, title = PROBLEMS[problem.kind]
    is_inference = scope is not None and _is_inference(scope)
    body: dict[str, Any] = {"error": problem.detail[:MAX_SENTENCE]} if is_inference else {}
    body |= {
        "type": f"urn:lightwell:problem:{problem.kind}",
        "title": title,
        "status": status,
        "detail": problem.detail[:MAX_SENTENCE],
        "instance": f"urn:uuid:{_uuid_of(request_id)}",
        "request_id": request_id,
        "errors": [
            {"location": [*map(_shown, reason.location)], "reason": reason.reason[:MAX_SENTENCE]}
            for reason in problem.reasons[:MAX_REASONS]
        ],
    }
    while len(content := orjson.dumps(body)) > MAX_BYTES:
        # Ends: a problem without reasons is far smaller than the limit.
        body["errors"].pop()
    media_type = "application/json" if is_inference else MEDIA_TYPE
    return Response(content, status, problem.headers, media_type)


def _is_inference(scope: Scope) -> bool:
    """Tell whether a problem is of a request of the Open Inference Protocol, by its path."""
    path = own_path(scope)
    return path == INFERENCE or path.startswith(f"{INFERENCE}/")


def _shown(part: str | int) -> str | int:
    """Return a part of a fault's location in a problem, without a name that may not be shown."""
    return part if isinstance(part, int) or SHOWABLE.fullmatch(part) else HIDDEN


def bug_response(request_id: str, scope: Scope | None = None) -> Response:
    """Return the problem response to a bug: request ID, under which the log has the traceback."""
    problem = Problem("internal", "This is a bug; the log has it by request_id.")
    return problem_response(problem, request_id, scope)


def _uuid_of(request_id: str) -> uuid.UUID:
    """Return a UUID for a problem's `instance`: the request ID, or one derived from it."""
    try:
        return uuid.UUID(request_id)
    except ValueError:
        # A client may send its own request ID, but `urn:uuid:` takes a UUID only.
        return uuid.uuid5(uuid.NAMESPACE_OID, request_id)
