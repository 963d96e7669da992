"""Refusal of an HTTP connection or request by the server itself, without the application."""

import uuid
from collections.abc import Iterable

from api.errors.problem import Problem, problem_response
from api.server.connection_limits import ConnectionLimits
from api.server.response_head import encode_head


def encode_refusal(problem: Problem, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode the response of a refusal: the problem as JSON; it ends the connection.

    Args:
        headers: Those of every response, such as Date.
    """
    response = problem_response(problem, str(uuid.uuid4()))
    fields = [*headers, *response.raw_headers]
    head = encode_head(problem.status, fields, is_head=False, is_old=False, keep_alive=False)
    return head.content + bytes(response.body)


def too_many_connections(limits: ConnectionLimits, address: str) -> Problem:
    """Return the refusal of a connection where as many are open as are allowed.

    Args:
        address: Address of its client, as `address_of` returns it.
    """
    own, every = limits.of_address(address), limits.connections
    allowed = f"{own} of one address" if own < every else f"{every} in all"
    return Problem(
        "too-many-connections",
        f"As many connections are open as this server allows, {allowed}: use fewer, or send the "
        "next request on one that is open.",
        headers={"Connection": "close", "Retry-After": "1"},
    )
