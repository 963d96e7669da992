"""Requests of some clients to the application in a cluster, one after another of each client."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

PATH = "/lstm/gates?sequence=10110"
MOST = 3000
"""Requests of one client, after which it stops by itself."""


class Load:
    """Load of some clients, each with a connection of its own for every request.

    Attributes:
        statuses: Number of answers by status; 0 is a connection that broke.
        weights: Digest of the weights in each answer, in the order of arrival.
    """

    def __init__(self, port: int, path: str) -> None:
        self.statuses: Counter[int] = Counter()
        self.weights: list[str] = []
        self._port, self._path = port, path
        self._lock, self._stopped = threading.Lock(), threading.Event()

    @property
    def answered(self) -> int:
        """Number of requests that have ended, in any way."""
        return sum(self.statuses.values())

    def request(self) -> None:
        """Send requests, one after another."""
        for _ in range(MOST):
            if self._stopped.is_set():
                return
            status, body = ask(self._port, self._path)
            with self._lock:
                self.statuses[status] += 1
                if status == http.client.OK:
                    self.weights.append(json.loads(body)["weights"])

    def stop(self) -> None:
        """Let each client's request be its last."""
        self._stopped.set()


@contextmanager
def load(port: int, clients: int = 1, path: str = PATH) -> Iterator[Load]:
    """Send requests of some clients while the block runs."""
    sent = Load(port, path)
    threads = [threading.Thread(target=sent.request) for _ in range(clients)]
    for one in threads:
        one.start()
    try:
        yield sent
    finally:
        sent.stop()
        for one in threads:
            one.join()
        print(f"  {sent.answered} requests of {clients}: {dict(sent.statuses)}", flush=True)


def ask(port: int, path: str) -> tuple[int, bytes]:
    """Send a GET; return its status and body. The status is 0 where the connection breaks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()
