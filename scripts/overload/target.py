"""Server under measurement: started for it, or already running, with its resources from /proc."""

import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from scripts.bench.load import OK, Load
from scripts.bench.processes import NotStartedError, Server, free_port
from scripts.overload.requests import ANALYSES, get, predictions

READY = get("/readyz")
UNAVAILABLE = 503
ANSWER_S = 30.0
WARM_S = 300.0

Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""Time series of Prometheus: name and labels → value."""


@dataclass(frozen=True)
class Resources:
    """Resources of a server's processes: resident memory, file descriptors and threads."""

    rss_bytes: int
    descriptors: int
    threads: int

    def row(self) -> tuple[str, str, str]:
        """Return a server's resources as texts of a table."""
        return f"{self.rss_bytes / 2**20:,.0f} MiB", str(self.descriptors), str(self.threads)


@dataclass(frozen=True)
class Target:
    """Server that is measured, on a port of loopback.

    Attributes:
        server: None where the server was started by another program.
    """

    port: int
    server: Server | None = None

    def answer(self, request: bytes, timeout_s: float = ANSWER_S) -> tuple[int, bytes]:
        """Send one request to the server; return status and body, `UNANSWERED` after a time."""
        with Load(self.port, [request], 1, keep=True) as load:
            return load.collect(1, timeout_s)[0]

    def metrics(self) -> Series:
        """Read the server's metrics."""
        _, body = self.answer(get("/metrics"))
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
        }

    def resources(self) -> Resources | None:
        """Read the resources of the server's processes; None where they are unknown."""
        return None if self.server is None else resources(self.server.tree())

    def settle(self) -> None:
        """Wait until the server has no work left from the load before."""
        if self.server is not None:
            self.server.settle()
        else:
            time.sleep(1)

    def warm(self) -> None:
        """Wait until the server answers a prediction and an analysis of each kind.

        Raises:
            NotStartedError: It refuses one, or is not warm after five minutes.
        """
        until = time.monotonic() + WARM_S
        for requests in (predictions(), *(make() for make in ANALYSES.values())):
            while (status := self.answer(requests[0])[0]) != OK:
                if status != UNAVAILABLE or time.monotonic() > until:
                    line = requests[0].partition(b"\r\n")[0].decode()
                    msg = f"the answer to {line} is {status}"
                    raise NotStartedError(msg)
                time.sleep(0.2)
        self.settle()


def resources(pids: Sequence[int]) -> Resources:
    """Add up the resources of a server's processes; one that has ended counts nothing."""
    pages, descriptors, threads = 0, 0, 0
    for pid in pids:
        process = Path(f"/proc/{pid}")
        with suppress(OSError):
            status = dict(
                line.split(":", 1) for line in (process / "status").read_text().splitlines()
            )
            pages += int(status["VmRSS"].split()[0])
            threads += int(status["Threads"])
            descriptors += sum(1 for _ in (process / "fd").iterdir())
    return Resources(1024 * pages, descriptors, threads)


def port_of(url: str) -> int:
    """Return the port of a server's address.

    Raises:
        ValueError: The address is not `http://127.0.0.1:PORT`; clients come from 127.0.0.x.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in {"127.0.0.1", "localhost"}:
        msg = f"{url}: the address must be http://127.0.0.1:PORT"
        raise ValueError(msg)
    return parts.port or 80


@contextmanager
def measured(url: str | None, folder: Path, flags: Sequence[str] = ()) -> Iterator[Target]:
    """Start a server from a checkout, or take the one at an address, and wait until it is warm.

    Raises:
        NotStartedError: It does not start, or does not answer an analysis.
    """
    if url is not None:
        target = Target(port_of(url))
        target.warm()
        yield target
        return
    with started(folder, flags) as target:
        target.warm()
        yield target


@contextmanager
def started(folder: Path, flags: Sequence[str] = ()) -> Iterator[Target]:
    """Start a server from a checkout, and wait until it is ready: analyses are still compiled.

    Raises:
        NotStartedError: It does not start.
    """
    port = free_port()
    command = [sys.executable, "-m", "api", "--port", str(port), *flags]
    with (
        tempfile.TemporaryDirectory(prefix="lightwell-overload-") as logs,
        Server(command, port, READY, Path(logs) / "server.log", {}, folder) as server,
    ):
        yield Target(port, server)
