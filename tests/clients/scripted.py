"""A client whose server is a function of the test."""

from collections.abc import Callable

import httpx2

from lightwell_client import Lightwell


def scripted(answer: Callable[[httpx2.Request], httpx2.Response], **options: float) -> Lightwell:
    """Make a client that gets its responses from a function, without a server."""
    lightwell = Lightwell("http://server", **options)
    lightwell.close()
    transport = httpx2.MockTransport(answer)
    lightwell._http = httpx2.Client(base_url="http://server", transport=transport)
    return lightwell
