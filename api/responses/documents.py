"""Documents about the server, rendered once for each of their states."""

from collections.abc import Callable, Hashable

from api.content_coding import gzipped
from api.responses.assets import Asset, asset


class Documents:
    """JSON documents of an application by name, each in its last state. Of one event loop.

    Rendering the description of all models takes tens of milliseconds of the event loop, so that a
    few clients could stop a server that rendered it for each request.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Hashable, Asset]] = {}

    def asset(self, name: str, state: Hashable, render: Callable[[], bytes]) -> Asset:
        """Return a document with its ETag, rendered if its state is not that of the last request.

        Args:
            name: Name of the document, one of a few.
            state: Equal as long as the document is.
            render: Returns the document as JSON.
        """
        kept = self._kept.get(name)
        if kept is None or kept[0] != state:
            kept = state, asset(render(), "application/json", compress=gzipped)
            self._kept[name] = kept
        return kept[1]
