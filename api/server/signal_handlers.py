"""Signal handlers of the server process that run on its event loop, on every platform."""

import asyncio
import signal
from collections.abc import Callable


def handle_signal(number: signal.Signals, handler: Callable[[], None]) -> None:
    """Call a signal handler on the running event loop from now on."""
    loop = asyncio.get_running_loop()
    try:
        loop.add_signal_handler(number, handler)
    except NotImplementedError:  # by the event loops of Windows
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(handler))
