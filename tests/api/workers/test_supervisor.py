"""Supervisor of worker processes, with workers that load no network."""

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from uvicorn.supervisors.multiprocess import SIGNALS

from api.server.hang_ups import HangUps
from api.settings import Settings
from api.workers import supervisor as module
from api.workers.chips import Chips
from api.workers.supervisor import Supervisor
from tests.api.workers.recording import RecordingWorker
from tests.servers import TIMEOUT_S

GPUS = Chips(("4", "7"), "CUDA_VISIBLE_DEVICES")


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Handlers of signals, which a supervisor takes for itself, are put back."""
    kept = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    """A supervisor of two workers, each with a GPU of its own; none is started."""
    monkeypatch.setattr(module, "Worker", RecordingWorker)
    settings = Settings(workers=2, memory=2**30, models=tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        found = Supervisor(settings, [listener], (2, GPUS), tmp_path, None, HangUps())
        yield found
        for one in found.processes:
            one.kill()
            one.join()


def tend(supervisor: Supervisor, until: Callable[[], object]) -> None:
    """Let a supervisor look after its workers until something holds."""
    ends = time.monotonic() + TIMEOUT_S
    while not until():
        assert time.monotonic() < ends
        supervisor.handle_signals()
        supervisor.keep_subprocess_alive()
        time.sleep(0.01)


def start(supervisor: Supervisor) -> None:
    """Start a supervisor's workers."""
    supervisor.init_processes()
    tend(supervisor, lambda: supervisor._is_complete)


def seen(folder: Path, slot: int) -> dict[str, Any]:
    """What the present worker of a slot has seen."""
    found: dict[str, Any] = json.loads((folder / f"seen-{slot}").read_text())
    return found


def test_each_worker_has_a_chip_of_its_own(
    supervisor: Supervisor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It sees that chip alone, ignores a terminal's signals, and shares the listener.

    The first one alone announces the server.
    """
    start(supervisor)

    found = [seen(tmp_path, slot) for slot in range(2)]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in found] == ["4", "7"]
    assert [one["ignored"] for one in found] == [["SIGINT", "SIGHUP"]] * 2
    assert [one["sockets"] for one in found] == [1, 1]
    assert [one["announces"] for one in found] == [True, False]
    assert [one["OPENBLAS_NUM_THREADS"] for one in found] == ["1", "1"]
    assert capsys.readouterr().out.startswith("2 workers ready after ")


def test_a_worker_whose_device_hangs_is_replaced(supervisor: Supervisor, tmp_path: Path) -> None:
    """Its successor has the same chip, and announces nothing; the others load files again."""
    start(supervisor)
    old = seen(tmp_path, 1)["process"]
    (tmp_path / f"hangs-{old}").touch()

    tend(supervisor, (tmp_path / "reloads").exists)

    new = seen(tmp_path, 1)
    assert new["process"] != old
    assert new["CUDA_VISIBLE_DEVICES"] == "7"
    assert not new["announces"]
    assert (tmp_path / "reloads").read_text() == "0\n"


def test_a_worker_that_cannot_start_again_is_tried_after_pauses(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others go on; when the fault is mended, the next try takes its place."""
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.1)
    start(supervisor)
    (tmp_path / "fails-1").touch()
    os.kill(seen(tmp_path, 1)["process"], signal.SIGKILL)

    tend(supervisor, lambda: supervisor._failures[1] >= 2)
    assert not supervisor.should_exit.is_set()
    assert supervisor.processes[0].is_alive()

    (tmp_path / "fails-1").unlink()
    tend(supervisor, lambda: supervisor._failures[1] == 0)
    assert not supervisor.failed


def test_a_first_worker_that_fails_ends_the_start(supervisor: Supervisor, tmp_path: Path) -> None:
    """The second one is never started."""
    (tmp_path / "fails-0").touch()
    supervisor.init_processes()

    tend(supervisor, supervisor.should_exit.is_set)

    assert supervisor.failed
    assert len(supervisor.processes) == 1


def test_a_hang_up_is_passed_from_worker_to_worker(supervisor: Supervisor, tmp_path: Path) -> None:
    """Each loads files again when the one before it has; so does one that comes meanwhile."""
    start(supervisor)
    for _ in range(2):
        signal.raise_signal(signal.SIGHUP)
    supervisor.handle_signals()

    tend(supervisor, lambda: not supervisor._to_reload and supervisor._reloading is None)

    assert (tmp_path / "reloads").read_text() == "0\n1\n0\n1\n"


def test_the_number_of_workers_stays(supervisor: Supervisor) -> None:
    """Uvicorn's signals for more and fewer would leave the limits divided wrongly."""
    start(supervisor)
    for number in (signal.SIGTTIN, signal.SIGTTOU):
        signal.raise_signal(number)

    supervisor.handle_signals()

    assert len(supervisor.processes) == 2


def test_a_stop_ends_all_and_closes_the_listener(supervisor: Supervisor) -> None:
    """Workers end with 0, and a new connection is refused."""
    start(supervisor)
    address = supervisor.sockets[0].getsockname()
    signal.raise_signal(signal.SIGTERM)
    supervisor.handle_signals()
    assert supervisor.should_exit.is_set()

    supervisor.terminate_all()
    supervisor.join_all()

    assert [one.exitcode for one in supervisor.processes] == [0, 0]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
