"""What the tests of the clients share: a server that is ready."""

from collections.abc import Iterator

import pytest

from tests.servers import Server


@pytest.fixture(scope="package")
def url() -> Iterator[str]:
    """Where a ready server listens."""
    server = Server()
    try:
        server.wait_for("Ready after")
        yield server.url
    finally:
        server.stop()
