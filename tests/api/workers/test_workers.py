"""Several worker processes behind one socket: kills, replaced weights, metrics, and the stop."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.api.reloading.replacement import replace
from tests.networks import LETTERS_TOML, write_network
from tests.servers import ROOT, TIMEOUT_S, Server

SOON_S = 20.0
"""Ten times the time after which a worker has ended, or a scrape has its counts."""

WORKERS = 2
GATES = "/letters/gates?sequence=abcde"

CLIENT = httpx2.Client(
    timeout=TIMEOUT_S, limits=httpx2.Limits(max_keepalive_connections=0), trust_env=False
)
"""Client whose requests have a connection each, which either worker may accept."""


class Workers(Server):
    """A server with two workers, which are ready."""

    def __init__(self, *flags: str) -> None:
        super().__init__("--workers", str(WORKERS), *flags)
        try:
            # With an empty cache it compiles for a while before the second one starts.
            self.wait_for("Analyses ready after")
            self.wait_for(f"{WORKERS} workers ready after")
        except BaseException:
            self.stop()
            raise

    def process_of(self, slot: int, but: int = 0) -> int:
        """Process of a worker, other than that of an earlier one."""
        return int(self.wait_for(rf"worker {slot} is ready \(process (?!{but}\))(\d+)\)"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model repository with a network of letters, and weights that replace its own."""
    models = tmp_path_factory.mktemp("models")
    write_network(models / "letters", LETTERS_TOML, 0)
    write_network(models / "letters-twin", LETTERS_TOML, 1)
    return models


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Workers]:
    """A running server of two workers."""
    server = Workers("--models", str(folder))
    yield server
    server.stop()


def weights(url: str) -> str:
    """Digest of the weights that answer, on a connection of its own."""
    answer = CLIENT.get(url + GATES)
    assert answer.status_code == 200, answer.text
    found: str = answer.json()["weights"]
    return found


@contextmanager
def asked(url: str, clients: int = 4) -> Iterator[list[int]]:
    """Ask all the time, each time on a new connection; list statuses, 0 without an answer."""
    statuses: list[int] = []
    stopped = threading.Event()

    def ask() -> None:
        while not stopped.is_set():
            try:
                statuses.append(CLIENT.get(url + GATES).status_code)
            except httpx2.TransportError:
                statuses.append(0)

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for one in threads:
        one.start()
    try:
        yield statuses
    finally:
        stopped.set()
        for one in threads:
            one.join()


def counts(url: str) -> dict[str, float]:
    """Values of the metrics of requests to the network, of rows, and of readiness, by worker."""
    text = CLIENT.get(f"{url}/metrics").text
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    found = {f"ready {one.labels['worker']}": one.value for one in samples if one.name == READY}
    found["answered"] = sum(
        one.value
        for one in samples
        if one.name == "lightwell_requests_total" and one.labels["route"].startswith("/letters/")
    )
    found["budget"] = sum(one.value for one in samples if one.name == BUDGET)
    return found


READY, BUDGET = "lightwell_ready", "lightwell_memory_budget_bytes"


def wait_until_counted(url: str, least: float) -> float:
    """Wait until the metrics have a number of requests, which the log may hold back a while."""
    until = time.monotonic() + SOON_S
    while (found := counts(url)["answered"]) < least:
        assert time.monotonic() < until
        time.sleep(0.02)
    return found


def is_running(process: int) -> bool:
    """Tell whether a process has not ended."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False


def wait_until_ended(*processes: int) -> None:
    """Wait until processes have ended."""
    until = time.monotonic() + SOON_S
    while any(map(is_running, processes)):
        assert time.monotonic() < until, processes
        time.sleep(0.02)


def test_there_is_one_greeting(server: Workers) -> None:
    """One worker prints address and examples, all share the budget, and each is ready."""
    for text in ("Lightwell on", "Ready after", "workers ready after", "Open http"):
        assert sum(line.startswith(text) or text in line for line in server.lines) == 1, text
    found = counts(server.url)
    assert (found["ready 0"], found["ready 1"]) == (1, 1)
    assert CLIENT.get(f"{server.url}/readyz").status_code == 200


def test_metrics_are_the_sum_over_workers(server: Workers) -> None:
    """Whichever worker is asked, it has the requests that all have answered, and no more."""
    before = wait_until_counted(server.url, 0)
    with asked(server.url) as statuses:
        time.sleep(0.5)
    assert set(statuses) == {200}

    assert wait_until_counted(server.url, before + len(statuses)) == before + len(statuses)
    scraped = [counts(server.url)["answered"] for _ in range(8)]
    assert scraped == [before + len(statuses)] * 8


def test_a_killed_worker_loses_only_what_it_answered(server: Workers) -> None:
    """Of four clients each loses at most one request; another worker takes the place of the old.

    What was counted stays in the sum.
    """
    victim = server.process_of(1)
    counted = wait_until_counted(server.url, 0)
    with asked(server.url) as statuses:
        time.sleep(0.3)
        os.kill(victim, signal.SIGKILL)
        server.wait_for(rf"worker 1 \(process {victim}\) has ended with -9: another one takes")
        assert server.process_of(1, but=victim) != victim
        counts_meanwhile = counts(server.url)["answered"]

    lost = [one for one in statuses if one != 200]
    assert len(lost) <= 4, lost
    assert set(lost) <= {0}
    assert counts_meanwhile >= counted
    found = counts(server.url)
    assert (found["ready 0"], found["ready 1"]) == (1, 1)


def test_replaced_weights_are_served_by_all_without_a_refusal(
    server: Workers, folder: Path
) -> None:
    """SIGHUP is passed from worker to worker; then no connection has an old answer."""
    old = weights(server.url)
    replace(folder, "letters")
    before = sum("are replaced by" in line for line in server.lines)
    with asked(server.url) as statuses:
        server.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + TIMEOUT_S
        while sum("are replaced by" in line for line in server.lines) < before + WORKERS:
            assert time.monotonic() < until, "".join(server.lines[-5:])
            time.sleep(0.02)
    assert set(statuses) == {200}

    new = {weights(server.url) for _ in range(16)}
    assert len(new) == 1
    assert old not in new


def test_a_signal_drains_all_workers(folder: Path) -> None:
    """Every request until the listener closes is answered; all processes end, with exit code 0."""
    server = Workers("--models", str(folder), "--drain-s", "0.5")
    try:
        workers = [server.process_of(slot) for slot in range(WORKERS)]
        with asked(server.url) as statuses:
            time.sleep(0.2)
            # A service manager sends its signal to the workers, too.
            for process in (*workers, server.process.pid):
                os.kill(process, signal.SIGTERM)
            until = time.monotonic() + SOON_S
            while 0 not in statuses:  # until a connection is refused
                assert time.monotonic() < until
                time.sleep(0.001)
            answered = statuses[: statuses.index(0)]
        assert set(answered) == {200}
        assert set(statuses) == {200, 0}
        assert server.process.wait(TIMEOUT_S) == 0
        assert not any(map(is_running, workers))
    finally:
        server.stop()
    assert not [line for line in server.lines if "Traceback" in line]


def test_workers_end_with_their_supervisor() -> None:
    """One that is killed leaves no process that holds the port."""
    server = Workers()
    try:
        workers = [server.process_of(slot) for slot in range(WORKERS)]
        server.process.kill()
        wait_until_ended(*workers)
        with pytest.raises(httpx2.ConnectError, match="refused"):
            CLIENT.get(f"{server.url}/livez")
    finally:
        server.stop()


def test_a_start_that_fails_ends_all(tmp_path: Path) -> None:
    """One worker says why, once, and the exit code is 1."""
    (tmp_path / "digits.onnx").touch()

    done = subprocess.run(  # noqa: S603 - our own server
        [sys.executable, "-m", "api", "--port", "0", "--workers", "2", "--weights", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )

    assert done.returncode == 1
    assert done.stderr == (
        f"lightwell: weights folder {tmp_path} holds neither cnn.safetensors nor lstm.safetensors; "
        "it holds digits.onnx (an ONNX model)\n"
    )
    assert done.stdout == ""
