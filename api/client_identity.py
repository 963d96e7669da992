"""Identity of a request's client: the name of its token, else the address of its peer."""

from starlette.types import Scope

from api.inference.jobs import UNKNOWN_CLIENT


def client_of(scope: Scope) -> str:
    """Return the client of a request, whose requests share turns, limits and rates.

    Middleware that knows more than the connection sets `scope["state"]["client"]`: the name of a
    token, or the address that a trusted proxy forwards.
    """
    named: str | None = scope.get("state", {}).get("client")
    peer = scope.get("client")
    return named or (peer[0] if peer else UNKNOWN_CLIENT)
