"""Route of signed addresses: pictures for pages that have no token, until they expire."""

import time
from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Query, Request

from api.access.guard import Guard
from api.access.signed_addresses import DEFAULT_S, MAX_S, ROUTE, sign
from api.errors.problem import Problem, Reason
from api.openapi import schemas, spec
from api.requests.query import SingleValueRoute

MAX_PATH = 2048
"""Characters of a path and query to sign."""


def router() -> APIRouter:
    """Build the route of signed addresses, `/signed`."""
    routes = APIRouter(tags=["access"], route_class=SingleValueRoute)

    @routes.get(
        ROUTE,
        operation_id="signed",
        summary="Address of a picture that needs no token until it expires.",
        responses=spec.answers("signed"),
    )
    async def signed_address(
        request: Request,
        path: Annotated[
            str,
            Query(
                max_length=MAX_PATH,
                description="Path and query of this server, such as "
                "`/lstm/gates.png?sequence=10110`, encoded as one parameter.",
            ),
        ],
        seconds: Annotated[
            int, Query(ge=1, le=MAX_S, description="Seconds until the address expires.")
        ] = DEFAULT_S,
    ) -> schemas.SignedAddress:
        """Signed address for one `GET`, as in an `<img>` of another page.

        It works for this path and query alone. A server without a token returns the path as it is.
        """
        _check(path)
        guard: Guard = request.app.state.guard
        if (tokens := guard.rules.tokens) is None:
            return schemas.SignedAddress(path=path, expires=None)
        expires = int(time.time()) + seconds
        signed = sign(tokens, request.state.client, path, expires)
        return schemas.SignedAddress(path=signed, expires=expires)

    return routes


def _check(path: str) -> None:
    """Check that a path to sign is one of this server's, as an address in a page has it.

    Raises:
        Problem: It is a whole URL, or has other characters.
    """
    is_path = path.startswith("/") and not path.startswith("//") and "#" not in path
    is_path = is_path and unquote(path.partition("?")[0]) != ROUTE
    if not (is_path and path.isascii() and path.isprintable() and " " not in path):
        reason = "must be a path of this server, percent-encoded, that begins with one slash"
        raise Problem(
            "invalid-parameter", f"path {reason}.", [Reason(("query", "path"), f"path {reason}")]
        )
