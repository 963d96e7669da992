"""Requests over the wire, and the problems that refuse them."""

import json
from collections.abc import Sequence

from scripts.compare.wire import Answer, Headers, Request, exchange
from tests.api.bodies import PICTURE

JSON: Headers = (("Content-Type", "application/json"),)
PNG: Headers = (("Content-Type", "image/png"),)
GATES, PREDICT = "/lstm/gates", "/cnn/predict"
PROBLEM_BYTES = 4096


def port_of(url: str) -> int:
    """Return the port of a server's address."""
    return int(url.rsplit(":", 1)[1])


def post(url: str, target: str, headers: Headers, body: bytes) -> Answer:
    """Post a body on a connection of its own."""
    return exchange(port_of(url), Request("", "POST", target, headers, body))


def get(url: str, target: str, headers: Headers = ()) -> Answer:
    """Get a target, which is sent as it is written."""
    return exchange(port_of(url), Request("", "GET", target, headers))


def prediction(url: str) -> bytes:
    """Return the answer to a valid prediction, which no other request may change."""
    answer = post(url, PREDICT, PNG, PICTURE)
    assert answer.status == 200, answer
    return answer.body


def assert_refused(answer: Answer, statuses: Sequence[int], kind: str = "") -> None:
    """Check that an answer is a small problem of one of some statuses, and of a type."""
    assert answer.status in statuses, answer
    assert answer.media_type == "application/problem+json"
    assert len(answer.body) <= PROBLEM_BYTES
    problem = json.loads(answer.body)
    assert problem["status"] == answer.status
    assert len(problem.get("errors") or []) <= 16
    assert b"Traceback" not in answer.body
    if kind:
        assert answer.problem == kind
