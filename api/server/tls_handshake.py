"""Time limit of TLS handshakes, which uvicorn leaves at a minute."""

import asyncio
from functools import partial


def limit_handshakes(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Close connections to TLS listeners, opened from now on, whose handshake takes longer.

    Until its end a connection takes a file, and is in no table of connections.

    Args:
        loop: Event loop that will open the listeners.
        seconds: Longest time from the connection to the end of the handshake.
    """
    # Uvicorn has no setting for it, and calls the event loop.
    listen = partial(loop.create_server, ssl_handshake_timeout=seconds)
    loop.create_server = listen  # type: ignore[method-assign]
