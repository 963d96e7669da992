"""Calls of the device that fail, hang or take long: rows 43, 44 and 68, on a process."""

import json
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.api.bodies import DIGIT, PICTURE
from tests.reliability.test_processes import SOON_S, count
from tests.reliability.wire import JSON, PNG, PREDICT, assert_refused, get, post, prediction
from tests.servers import TIMEOUT_S, Server, started

OCCLUSION = "/cnn/attribution?method=occlusion&stride=4"
BLOCKED_S = 0.4
BEGUN = "begun"
"""Name of the file that is there once a call of the device hangs or fails."""


@pytest.fixture(scope="module")
def fault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """File that has the fault of the device."""
    return tmp_path_factory.mktemp("device") / "fault"


@pytest.fixture(scope="module")
def server(fault: Path) -> Iterator[Server]:
    """A server on a device that fails on request, in whose output no traceback may be."""
    variables = {"DEVICE_FAULT": str(fault)}
    with started(module="tests.reliability.faulty_device", environment=variables) as server:
        yield server


@pytest.fixture(autouse=True)
def _is_whole(server: Server, fault: Path) -> Iterator[None]:
    """The device has no fault before and after, and a prediction has the same answer."""
    before = prediction(server.url)
    fault.with_name(BEGUN).unlink(missing_ok=True)
    yield
    fault.unlink(missing_ok=True)
    wait_for_status(server.url, "/readyz", 200)
    assert prediction(server.url) == before
    assert not [line for line in server.lines if "Traceback" in line]


def wait_for_status(url: str, target: str, status: int) -> None:
    """Wait until a route answers with a status."""
    until = time.monotonic() + SOON_S
    while get(url, target).status != status:
        assert time.monotonic() < until
        time.sleep(0.02)


def inputs(number: int) -> bytes:
    """Body of several inputs."""
    return json.dumps({"inputs": [{"pixels": DIGIT.tolist()}] * number}).encode()


def test_43_a_batch_without_memory_is_run_in_halves(server: Server, fault: Path) -> None:
    """Two inputs whose batch fails have the answers that they have otherwise."""
    expected = json.loads(post(server.url, PREDICT, JSON, inputs(2)).body)["answers"]
    fault.write_text("memory 1")
    answer = post(server.url, PREDICT, JSON, inputs(2))
    assert answer.status == 200
    assert fault.with_name(BEGUN).exists()
    for found, wanted in zip(json.loads(answer.body)["answers"], expected, strict=True):
        assert found["prediction"]["label"] == wanted["prediction"]["label"]


@pytest.mark.parametrize("rows", [1, 4])
def test_43_inputs_without_memory_are_refused(rows: int, server: Server, fault: Path) -> None:
    """A half, or a single input, that fails again is a 503 with `Retry-After`; nothing stops."""
    fault.write_text("memory 0")
    answer = post(server.url, PREDICT, JSON, inputs(rows))
    assert_refused(answer, (503,), "device")
    assert answer.header("retry-after").isdigit()
    assert b"0x7f3a" not in answer.body
    assert get(server.url, "/livez").status == 200


def test_44_a_call_that_hangs_fails_its_request_and_the_health_check(
    server: Server, fault: Path
) -> None:
    """It and those behind it are a 503 or 504, `/livez` and `/readyz` fail until it returns."""
    fault.write_text("hang")
    with ThreadPoolExecutor(4) as clients:
        stuck = clients.submit(post, server.url, OCCLUSION, PNG, PICTURE)
        until = time.monotonic() + SOON_S
        while not fault.with_name(BEGUN).exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        behind = [clients.submit(post, server.url, PREDICT, PNG, PICTURE) for _ in range(3)]
        for one in (stuck, *behind):
            assert_refused(one.result(TIMEOUT_S), (503, 504))
    for target in ("/livez", "/readyz"):
        assert_refused(get(server.url, target), (503,), "device")
    assert_refused(post(server.url, PREDICT, PNG, PICTURE), (503,), "device")


def test_68_a_blocked_event_loop_is_seen_in_the_metrics(server: Server, fault: Path) -> None:
    """A call on the event loop that takes long is a lag of at least half of its time."""
    name = "lightwell_event_loop_lag_seconds"

    def late() -> float:
        every = count(server.url, f"{name}_count")
        return every - count(server.url, f"{name}_bucket", le="0.25")

    before = late()
    fault.write_text(f"sleep {BLOCKED_S}")
    assert post(server.url, PREDICT, PNG, PICTURE).status == 200
    fault.unlink()
    assert late() > before


def test_44_a_signal_ends_a_server_whose_device_hangs(fault: Path) -> None:
    """SIGTERM ends the process although a call never returns; its request is answered."""
    variables = {"DEVICE_FAULT": str(fault)}
    with started(module="tests.reliability.faulty_device", environment=variables) as server:
        fault.write_text("hang")
        with ThreadPoolExecutor(1) as clients:
            stuck = clients.submit(post, server.url, OCCLUSION, PNG, PICTURE)
            wait_for_status(server.url, "/livez", 503)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(TIMEOUT_S) == 0
            assert_refused(stuck.result(TIMEOUT_S), (503, 504))
        fault.unlink(missing_ok=True)
