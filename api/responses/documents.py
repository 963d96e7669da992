"""Documents about the server, rendered once for each of their states."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable

from api.content_coding import gzipped
from api.responses.assets import Asset, asset


class Documents:
    """JSON documents of an application by name, each in its last state. Of one event loop.

    Rendering the description of all models takes tens of milliseconds, and the first OpenAPI
    document a second, so that a few clients could stop a server that rendered one for each request.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Hashable, asyncio.Task[Asset]]] = {}

    async def asset(
        self, name: str, state: Hashable, render: Callable[[], Awaitable[bytes]]
    ) -> Asset:
        """Return a document with its ETag, rendered if its state is not that of the last request.

        Requests that come while it is rendered wait for it together.

        Args:
            name: Name of the document, one of a few.
            state: Equal as long as the document is.
            render: Returns the document as JSON. An exception is raised for all who wait.
        """
        kept = self._kept.get(name)
        if kept is None or kept[0] != state or _has_failed(kept[1]):
            kept = state, asyncio.create_task(_rendered(render))
            self._kept[name] = kept
        # One client that disconnects does not cancel it for the others.
        return await asyncio.shield(kept[1])


async def _rendered(render: Callable[[], Awaitable[bytes]]) -> Asset:
    """Render a document, and compress it."""
    return asset(await render(), "application/json", compress=gzipped)


def _has_failed(task: "asyncio.Task[Asset]") -> bool:
    """Return whether the rendering of a document ended without one."""
    return task.done() and (task.cancelled() or task.exception() is not None)
