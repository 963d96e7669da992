"""Servers of two compared checkouts: started in their own folders, asked, and stopped."""

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
    """Server of a compared checkout did not compile its programs in time."""


@dataclass
class Side:
    """Side of the comparison: one server of one checkout.

    Attributes:
        early: Its answers to the requests that it was sent before its programs were compiled.
        lengths: Target of each GET -> length of the body that it sent.
    """

    server: Server
    early: list[Answer] = field(default_factory=list)
    lengths: dict[str, int] = field(default_factory=dict)

    def send(self, request: Request) -> Answer:
        """Send a request to one side of the comparison; remember the body length of a GET."""
        answer = exchange(self.server.port, request)
        if request.method == "GET":
            self.lengths[request.target] = len(answer.body)
        return answer

    def wait_until_warm(self, requests: Sequence[Request]) -> None:
        """Wait until one side of the comparison has compiled the programs of the given requests.

        Raises:
            NotWarmError: One was refused for five minutes.
        """
        until = time.monotonic() + WARM_S
        for request in (READY, *requests):
            while self.send(request).problem == "warming":
                if time.monotonic() > until:
                    raise NotWarmError(request.name)
                time.sleep(0.2)
        # Larger buckets compile after that, and would take CPU time from the requests.
        self.server.settle()

    def terminate(self) -> None:
        """Send SIGTERM to the server of one side of the comparison, which begins to drain."""
        self.server.process.send_signal(signal.SIGTERM)


@dataclass(frozen=True)
class Checkout:
    """Checkout in a comparison: a server's folder of code and its cache of compiled programs."""

    folder: Path
    cache: Path

    def start(self, name: str, settings: Mapping[str, str]) -> Side:
        """Start a server of a compared checkout in its folder.

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
    """Start a server of each compared checkout with equal settings; stop both afterwards.

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
