"""What is raised where the server says no."""

from collections.abc import Mapping
from typing import Any, Self

import httpx2


class LightwellError(Exception):
    """The server says no.

    Attributes:
        status: The HTTP status.
        kind: What kind of problem: `invalid-parameter`, `busy`, … (docs/problems.md).
        detail: What is wrong, naming the thing and the limit.
        errors: The same place by place: `{"location": […], "reason": …}` each.
        request_id: By which the server's log names the request.
    """

    def __init__(self, problem: Mapping[str, Any]) -> None:
        self.status = int(problem["status"])
        self.kind = str(problem["type"]).rpartition(":")[2]
        self.detail = str(problem["detail"])
        self.errors = tuple(problem.get("errors", ()))
        self.request_id = str(problem.get("request_id", ""))
        super().__init__(f"{self.detail} ({self.status} {self.kind})")

    @classmethod
    def of(cls, response: httpx2.Response) -> Self:
        """Read an answer that says no; a proxy's may be in no form that is known here."""
        try:
            return cls(response.json())
        except (ValueError, KeyError, TypeError):
            detail = response.reason_phrase or "no reason given"
            said = {"status": response.status_code, "type": "unknown", "detail": detail}
            return cls(said)
