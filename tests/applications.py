"""Applications that run in the process of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient


@contextmanager
def running(app: FastAPI, *, analyses: bool = True, **options: Any) -> Iterator[TestClient]:
    """Run an application; yield a client of it when it is ready.

    Args:
        analyses: Whether all its analyses are compiled by then.
        options: Those of the client.
    """
    engine = app.state.engine
    with TestClient(app, **options) as client:
        assert client.portal is not None
        # Raises an error that kept it from getting ready.
        client.portal.call(engine.analyses_warmed if analyses else engine.warmed)
        yield client
