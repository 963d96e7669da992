"""The servers of two checkouts: started in their own folders, asked, and stopped."""

import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench.processes import Server, free_port
from scripts.compare.wire import Answer, Request, exchange

LIVE = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
READY = Request("readyz", "GET", "/readyz")
WARM_S = 300


class NotWarmError(Exception):
    """A server's programs were not compiled in time."""


@dataclass
class Side:
    """One server of one checkout.

    Attributes:
        early: Its answers to the requests that it was sent before its programs were compiled.
        lengths: Target of each GET -> length of the body that it sent.
    """

    server: Server
    early: list[Answer] = field(default_factory=list)
    lengths: dict[str, int] = field(default_factory=dict)

    def send(self, request: Request) -> Answer:
        """Send a request; remember how long the body of a GET was, for a HEAD of the same."""
        answer = exchange(self.server.port, request)
        if request.method == "GET":
            self.lengths[request.target] = len(answer.body)
        return answer

    def wait_until_warm(self, requests: Sequence[Request]) -> None:
        """Wait until none of the requests is refused because a program is being compiled.

        Raises:
            NotWarmError: One was refused for five minutes.
        """
        until = time.monotonic() + WARM_S
        for request in (READY, *requests):
            while self.send(request).problem == "warming":
                if time.monotonic() > until:
                    raise NotWarmError(request.name)
                time.sleep(0.2)
        self.server.settle()

    def terminate(self) -> None:
        """Send SIGTERM: the server begins to drain."""
        self.server.process.send_signal(signal.SIGTERM)


@dataclass(frozen=True)
class Checkout:
    """A folder with the code of a server, and a cache of compiled programs of its own."""

    folder: Path
    cache: Path

    def start(self, name: str, settings: Mapping[str, str]) -> Side:
        """Start a server in the folder.

        Args:
            name: Of its log, beside the cache.
            settings: Environment variables without their prefix, such as `DEADLINE_S`.
        """
        port = free_port()
        environment = {f"LIGHTWELL_{key}": value for key, value in settings.items()}
        return Side(
            Server(
                [sys.executable, "-m", "api", "--port", str(port)],
                port,
                LIVE,
                self.cache.parent / f"{self.cache.name}-{name}.log",
                {
                    "LIGHTWELL_CACHE": str(self.cache),
                    "PYTHONDONTWRITEBYTECODE": "1",
                    **environment,
                },
                self.folder,
            )
        )


@contextmanager
def pair(
    checkouts: Sequence[Checkout],
    name: str,
    settings: Mapping[str, str],
    early: Sequence[Request] = (),
) -> Iterator[list[Side]]:
    """Start a server of each checkout with the same settings; stop both afterwards.

    Args:
        early: Sent to each as soon as it listens.
    """
    with ExitStack() as started:
        sides = []
        for one in checkouts:
            side = one.start(name, settings)
            started.callback(side.server.stop)
            side.early = [side.send(one) for one in early]
            sides.append(side)
        yield sides
