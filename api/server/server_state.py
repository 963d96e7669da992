"""State of a server that all its HTTP connections share."""

import uvicorn.server

from api.server.connection_limits import ConnectionLimits
from api.server.connection_table import ConnectionTable


class ServerState(uvicorn.server.ServerState):
    """State of a server's HTTP connections: uvicorn's, and the table of them.

    Args:
        limits: Limits of connections.

    Attributes:
        draining: Whether the listener will be closed soon: each response ends its connection, so
            that no client sends its next request on a connection that is being closed.
        table: The open connections.
    """

    def __init__(self, limits: ConnectionLimits | None = None) -> None:
        super().__init__()
        self.draining = False
        self.table = ConnectionTable(limits or ConnectionLimits())


def table_of(state: uvicorn.server.ServerState) -> ConnectionTable:
    """Return the table of a server's connections; a server of uvicorn itself gets one here."""
    if (table := getattr(state, "table", None)) is None:
        table = state.table = ConnectionTable(ConnectionLimits())  # type: ignore[attr-defined]
    found: ConnectionTable = table
    return found
