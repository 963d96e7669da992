"""The models in this process: the whole application, without a port."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import httpx2


@contextlib.contextmanager
def served(weights: str | os.PathLike[str] | None) -> Iterator[httpx2.Client]:
    """Start the application, lend a client of it, and stop it.

    Everything is imported here, because whoever asks a server needs neither JAX nor FastAPI.

    Args:
        weights: Folder with weights of one's own; None is what the settings say.

    Raises:
        models.runtime.checkpoints.CheckpointError: The weights cannot be served.
    """
    from starlette.testclient import TestClient  # noqa: PLC0415

    from api.__main__ import use_cache  # noqa: PLC0415 - before JAX, to which it says what to log
    from api.app import create_app  # noqa: PLC0415
    from api.settings import Settings  # noqa: PLC0415

    settings = Settings() if weights is None else Settings(weights=Path(weights))
    app = create_app(settings)
    use_cache(app.state.engine, settings.cache)
    with TestClient(app, raise_server_exceptions=False) as http:
        assert http.portal is not None  # noqa: S101 - it is there once the client is entered
        http.portal.call(app.state.engine.warmed)
        yield http
    http.close()
