"""Every answer that says no: one table of problems, one shape (RFC 9457)."""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
MAX_BYTES = 4096
MAX_REASONS = 16

SHOWABLE = re.compile(r"[\w.,-]{1,32}", re.ASCII)
"""What of a path, a query or a body's keys may be repeated in an answer."""

# The name of a problem -> its status and title. Every `type` on the wire is one of these.
PROBLEMS: Mapping[str, tuple[int, str]] = {
    "invalid-json": (400, "The body is not JSON"),
    "invalid-multipart": (400, "The form is not whole"),
    "invalid-request": (400, "The request is not HTTP that this server reads"),
    "unknown-path": (404, "There is nothing at this path"),
    "unknown-model": (404, "There is no such model"),
    "method-not-allowed": (405, "This path does not take this method"),
    "not-acceptable": (406, "No representation fits the Accept header"),
    "request-timeout": (408, "The request took too long to arrive"),
    "body-too-large": (413, "The body is too large"),
    "unsupported-media-type": (415, "This kind of body is not read here"),
    "unsupported-encoding": (415, "Compressed bodies are not read here"),
    "invalid-parameter": (422, "A parameter is wrong"),
    "invalid-body": (422, "The body says something wrong"),
    "invalid-image": (422, "The image cannot be used"),
    "invalid-sequence": (422, "The sequence cannot be used"),
    "answer-too-large": (422, "The answer would be too large"),
    "busy": (503, "The queue is full"),
    "warming": (503, "The models are still warming up"),
    "draining": (503, "The server is stopping"),
    "deadline": (504, "The answer would come too late"),
    "internal": (500, "Something is wrong on our side"),
}


@dataclass(frozen=True)
class Reason:
    """One thing that is wrong, and where.

    Attributes:
        location: Where, outermost first: ("query", "layers"), ("body", "pixels").
        reason: What is wrong with it, and the limit.
    """

    location: tuple[str | int, ...]
    reason: str


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """An answer that says no.

    Args:
        kind: A key of `PROBLEMS`.
        detail: What is wrong, naming the thing and the limit. Never text from a body, a path of
            this machine or an exception's message.
        reasons: The same, place by place.
        headers: To send along, such as `Retry-After`.
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
        """The HTTP status of this kind of problem."""
        return PROBLEMS[self.kind][0]


def problem_response(problem: Problem, request_id: str) -> Response:
    """Write a problem as `application/problem+json` of at most 4 KiB."""
    status, title = PROBLEMS[problem.kind]
    body: dict[str, Any] = {
        "type": f"urn:lightwell:problem:{problem.kind}",
        "title": title,
        "status": status,
        "detail": problem.detail[:512],
        "instance": f"urn:uuid:{_uuid_of(request_id)}",
        "request_id": request_id,
        "errors": [
            {"location": list(reason.location), "reason": reason.reason[:512]}
            for reason in problem.reasons[:MAX_REASONS]
        ],
    }
    while len(content := orjson.dumps(body)) > MAX_BYTES:
        body["errors"].pop()
    return Response(content, status, problem.headers, MEDIA_TYPE)


def bug_response(request_id: str) -> Response:
    """Answer a bug, of which nothing is told but where to look for it."""
    problem = Problem("internal", "This is a bug; the log has it by request_id.")
    return problem_response(problem, request_id)


def _uuid_of(request_id: str) -> uuid.UUID:
    """Return the request id itself where it is a UUID, else one that stands for it."""
    try:
        return uuid.UUID(request_id)
    except ValueError:
        return uuid.uuid5(uuid.NAMESPACE_OID, request_id)
