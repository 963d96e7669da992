"""Fixtures of every test: JAX at its strictest, the resident models, a server to ask."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import jax
import pytest
from fastapi import FastAPI
from hypothesis import settings as hypothesis_settings
from starlette.testclient import TestClient

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# Machines are shared, so the time an example takes says nothing; and no run depends on luck.
hypothesis_settings.register_profile("lightwell", deadline=None, derandomize=True)
hypothesis_settings.load_profile("lightwell")

# Servers that tests start share what they compile, and leave the user's own cache alone. Workers of
# pytest-xdist inherit the folder of the process that starts them.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _folder = TemporaryDirectory(prefix="lightwell-")
    os.environ["LIGHTWELL_CACHE"] = f"{_folder.name}/cache"

from api.app import create_app  # noqa: E402 - JAX is set before anything is traced
from api.inference.memory_limits import container_memory, machine_memory  # noqa: E402
from api.settings import Settings  # noqa: E402
from models.data import samples  # noqa: E402
from models.data.samples import Samples  # noqa: E402
from models.registry import ResidentModel  # noqa: E402
from models.runtime.processors import processors  # noqa: E402
from tests.applications import running  # noqa: E402
from tests.servers import ROOT, TIMEOUT_S, in_turn, started  # noqa: E402

TESTS_BYTES = 16 * 2**30
"""Memory budget of a server in the process of the tests, whose memory many others have."""

WORKER_BYTES = 5 * 2**30
"""Memory of a process of tests with the servers and the browser that it starts.

In a run of all tests a process alone had 3.4 GB.
"""

MOST_WORKERS = 4
"""Processes of tests that `-n auto` starts at most: each of them compiles and starts servers."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Count the processes of `-n auto`: one for each processor that there is memory for."""
    held = (container_memory() or machine_memory()) // WORKER_BYTES
    return max(min(processors(), held, MOST_WORKERS), 1)


@pytest.fixture(scope="session")
def app() -> FastAPI:
    """The application with the shipped weights."""
    # A request waits for its compile, which takes long where other processes run.
    return create_app(Settings(memory=TESTS_BYTES, deadline_s=TIMEOUT_S))


@pytest.fixture(scope="session")
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client of a server that is ready."""
    with in_turn(running(app, raise_server_exceptions=False)) as client:
        yield client


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Where a ready server of its own process listens."""
    # Other tests may run at the same time: the longest analysis takes seconds.
    with in_turn(started("--deadline-s", "120")) as server:
        yield server.url


@pytest.fixture(scope="session")
def cnn(client: TestClient, app: FastAPI) -> ResidentModel:
    """The resident CNN."""
    return app.state.engine.models["cnn"]


@pytest.fixture(scope="session")
def lstm(client: TestClient, app: FastAPI) -> ResidentModel:
    """The resident LSTM."""
    return app.state.engine.models["lstm"]


@pytest.fixture(scope="session")
def digits() -> Samples:
    """Test images of MNIST with their labels."""
    return samples.load()


@pytest.fixture(scope="session")
def digit_png(client: TestClient) -> bytes:
    """A digit as a client posts it: a PNG."""
    return client.get("/samples/0.png").content


@pytest.fixture(scope="session")
def openapi_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The OpenAPI description as `python -m api --openapi` writes it."""
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    command = [sys.executable, "-m", "api", "--openapi"]
    with path.open("wb") as file:
        subprocess.run(command, cwd=ROOT, stdout=file, check=True, timeout=TIMEOUT_S)  # noqa: S603
    return path
