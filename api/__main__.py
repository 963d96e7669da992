"""`python -m api`: the server."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn
from pydantic import ValidationError
from pydantic_settings import CliApp, SettingsError

from api.app import create_app
from api.engine import Engine
from api.protocol import Protocol
from api.settings import Settings
from models.checkpoints import CheckpointError

logger = logging.getLogger("lightwell")


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
        said = [f"Lightwell on {url} (what there is: {url}/docs)", *_about(self._engine)]
        print("\n".join(said), flush=True)
        try:
            await self._engine.warmed()
        except Exception:
            logger.exception("the models could not be compiled")
            self.should_exit = self.failed = True
        if self._engine.warm_s is not None:
            print(f"Ready after {self._engine.warm_s:.1f} s of compiling. Try:")
            print(f"  curl '{url}/lstm/gates?sequence=10110'")
            print(
                f"  curl -s {url}/samples/0.png | "
                f"curl -s -H 'Content-Type: image/png' --data-binary @- {url}/cnn/predict",
                flush=True,
            )


def _about(engine: Engine) -> Iterator[str]:
    """Say which weights are served, and how good they are."""
    for name, model in engine.models.items():
        metrics: dict[str, Any] = model.checkpoint.metadata.get("metrics", {})
        accuracy = metrics.get("test_accuracy")
        stated = "not recorded" if accuracy is None else f"{100 * accuracy:.2f} %"
        yield f"  {name}: weights {model.checkpoint.digest[:12]}, test accuracy {stated}"


def main() -> int:
    """Run the server until a signal stops it; return the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("jax").setLevel(logging.WARNING)
    try:
        settings = CliApp.run(Settings, cli_args=sys.argv[1:])
        app = create_app(settings)
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
