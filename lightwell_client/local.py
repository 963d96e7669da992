"""Local application in the client's process, without a port, for `Lightwell.local`."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import httpx2

from lightwell.extras import needing


@contextlib.contextmanager
def running_app(weights: str | os.PathLike[str] | None) -> Iterator[httpx2.Client]:
    """Start a local application in this process, yield an HTTP client of it, and stop it.

    The imports are here, because a client of a remote server needs neither JAX nor FastAPI.

    Args:
        weights: Folder with other weights; None for those of the settings.

    Raises:
        MissingExtraError: The packages of the server are not installed.
        models.runtime.checkpoints.CheckpointError: The weights cannot be served.
    """
    with needing("server", "Lightwell.local"):
        from starlette.testclient import TestClient  # noqa: PLC0415

        from api.server.environment import configure_environment  # noqa: PLC0415

        configure_environment()  # before JAX is imported, which reads it

        from api.app import create_app  # noqa: PLC0415
        from api.settings import Settings  # noqa: PLC0415

    settings = Settings() if weights is None else Settings(weights=Path(weights))
    app = create_app(settings)
    # A name that the server has whatever names its settings list.
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as http:
        assert http.portal is not None  # noqa: S101 - it is there once the client is entered
        http.portal.call(app.state.engine.warmed)
        yield http
    http.close()
