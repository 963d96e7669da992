"""Error in the Python client of a request that the server refuses."""

from collections.abc import Mapping
from typing import Any, Self

import httpx2


class LightwellError(Exception):
    """Error in the Python client: problem response of the server.

    Attributes:
        status: HTTP status code.
        kind: Problem type: `invalid-parameter`, `busy`, … (docs/problems.md).
        detail: Sentence with the invalid value and the limit.
        errors: Single errors: `{"location": […], "reason": …}` each.
        request_id: Id of the request in the server's log.
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
        """Make the client's error of a response; without a problem document its kind is `unknown`.

        A proxy may send none.
        """
        try:
            return cls(response.json())
        except (ValueError, KeyError, TypeError):
            detail = response.reason_phrase or "no reason given"
            problem = {"status": response.status_code, "type": "unknown", "detail": detail}
            return cls(problem)
