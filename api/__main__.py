"""`python -m api`: the server."""

# ruff: noqa: E402 - what the imports depend on is said before them

import gc
import os

# What the imports and the first programs make stays as long as the server: to look for garbage
# among it takes a fifth of a second of the start.
gc.disable()

# The products that NumPy makes here are small; its threads would only be in the way of XLA's.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# XLA takes the processor's tuning preferences in a cached executable for missing instructions, and
# says so at length (jax#38445). It must be told before JAX is imported; what fails raises anyway.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from pydantic import Field, ValidationError
from pydantic_settings import CliApp, CliImplicitFlag, SettingsError

from api import STARTED
from api.app import create_app
from api.inference.engine import Engine
from api.server.protocol import Protocol
from api.settings import Settings
from models.runtime.checkpoints import CheckpointError
from models.runtime.executable_cache import Cache, CacheError

logger = logging.getLogger("lightwell")

GC_THRESHOLD = 20_000
"""Objects made, less those gone again, between two collections; Python's own 700 is one request."""

SWITCH_INTERVAL_S = 0.0005
"""How long a batch that is done may wait for a busy event loop; Python's own is ten times it."""


class Command(Settings):
    """Settings of the server, and flags of the command alone."""

    openapi: CliImplicitFlag[bool] = Field(
        False, description="Print the OpenAPI description and exit, without starting a server."
    )


class Server(uvicorn.Server):
    """Uvicorn's server with another way to stop.

    On SIGTERM or SIGINT it says at once that it is not ready, waits `drain_s` for a load balancer
    to see that, then closes the door, answers what is in flight and returns. A second signal closes
    what is left at once.
    """

    def __init__(self, config: uvicorn.Config, engine: Engine, drain_s: float) -> None:
        super().__init__(config)
        self._engine = engine
        self._drain_s = drain_s
        self.failed = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the signals that stop a server, in the event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._drain)
        yield

    def _drain(self) -> None:
        """Begin to stop; stop at once where that had begun."""
        if self._engine.draining:
            self.force_exit = self.should_exit = True
            return
        self._engine.draining = True
        asyncio.get_running_loop().call_later(self._drain_s, self._close)

    def _close(self) -> None:
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the door, then say where it is."""
        await super().startup(sockets)
        if self.started:
            self._announcing = asyncio.create_task(self._announce())

    async def _announce(self) -> None:
        """Print what somebody who has just started the server wants to know."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
        said = [f"Lightwell on {url} (every route: {url}/docs)", *_about(self._engine)]
        print("\n".join(said), flush=True)
        try:
            await self._engine.warmed()
        except Exception:
            logger.exception("the models could not be compiled")
            self.should_exit = self.failed = True
        if self._engine.warm_s is not None:
            _spare_the_collector()
            print(f"Ready after {time.monotonic() - STARTED:.1f} s ({_executables(self._engine)}).")
            print(f"Open {url} in a browser, or try:")
            print(f"  curl '{url}/lstm/gates?sequence=10110'")
            print(
                f"  curl -s {url}/samples/0.png | "
                f"curl -s -H 'Content-Type: image/png' --data-binary @- {url}/cnn/predict",
                flush=True,
            )
            await self._announce_analyses()

    async def _announce_analyses(self) -> None:
        """Say when also those programs can be asked that the server was ready without."""
        try:
            await self._engine.analyses_warmed()
        except Exception:  # the engine has said why
            return
        _spare_the_collector()
        print(f"Analyses ready after {time.monotonic() - STARTED:.1f} s.", flush=True)


def _spare_the_collector() -> None:
    """Let Python's collector of cycles look at what requests make, and not at all the rest.

    What is there when the server is ready stays there; without this every collection would go
    through hundreds of thousands of objects of the libraries.
    """
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD)
    gc.enable()


def _about(engine: Engine) -> Iterator[str]:
    """Say which weights are served, and how good they are."""
    for name, model in engine.models.items():
        metrics: dict[str, Any] = model.checkpoint.metadata.get("metrics", {})
        accuracy = metrics.get("test_accuracy")
        stated = "not recorded" if accuracy is None else f"{100 * accuracy:.2f} %"
        yield f"  {name}: weights {model.checkpoint.digest[:12]}, test accuracy {stated}"


def _executables(engine: Engine) -> str:
    """Say how many executables there are, and where they came from."""
    models = engine.models.values()
    count = sum(len(program.buckets) for model in models for program in model.programs.values())
    cached = all(model.cached for model in models)
    return f"{count} executables {'from the cache' if cached else 'compiled'}"


def use_cache(engine: Engine, folder: Path | None) -> None:
    """Let the models keep their executables in a folder, if it can be used."""
    if folder is None:
        return
    try:
        cache = Cache(folder)
    except CacheError as error:
        logger.warning("the cache %s is not used: %s", folder, error)
        return
    for model in engine.models.values():
        model.cache = cache


def main() -> int:
    """Run the server until a signal stops it; return the exit code."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # No line says which thread, process or task wrote it: then it need not be found out for each.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("jax").setLevel(logging.WARNING)
    try:
        settings = CliApp.run(Command, cli_args=sys.argv[1:])
        app = create_app(settings)
        if settings.openapi:
            print(orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2).decode())
            return 0
        use_cache(app.state.engine, settings.cache)
    except (ValidationError, SettingsError, CheckpointError) as error:
        print(f"lightwell: {_told(error)}", file=sys.stderr)
        return 2
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=Protocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )
    server = Server(config, app.state.engine, settings.drain_s)
    server.run()
    return 0 if server.started and not server.failed else 1


def _told(error: Exception) -> str:
    """Say in one line what is wrong with a setting or a file."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"])
        return f"setting {name}: {first['msg']}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
