"""Clients that leave, poisoned inputs, names, signals and logs: rows 13 to 65, on a process."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from scripts.compare.wire import Answer, Request, exchange
from tests.api.bodies import DIGIT, PICTURE
from tests.api.several import assert_alike
from tests.reliability.wire import (
    GATES,
    JSON,
    PNG,
    PREDICT,
    assert_refused,
    get,
    port_of,
    post,
    prediction,
)
from tests.servers import TIMEOUT_S, Server, started

LINE_BYTES = 2048
SOON_S = 20.0
"""Ten times the time in which a second signal or a restart takes effect."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A running server, whose output and process a test may look at."""
    with started() as server:
        yield server


def count(url: str, name: str, **labels: str) -> float:
    """Sum the values of a metric whose labels have some values."""
    text = get(url, "/metrics").body.decode()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def wait_until_idle(url: str) -> None:
    """Wait until no row waits in a queue."""
    until = time.monotonic() + SOON_S
    while count(url, "lightwell_rows_waiting"):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_13_14_work_of_clients_that_left_is_dropped(server: Server) -> None:
    """Twelve clients leave their analyses, which stop; nothing is logged as a bug."""
    expected, url = prediction(server.url), server.url
    target = "/cnn/attribution?method=occlusion&sanity=true&stride=1"
    request = Request("", "POST", target, PNG, PICTURE).content
    # Its cost is known then, so that all twelve are admitted.
    started = count(url, "lightwell_rows_total", outcome="completed")
    assert post(url, target, PNG, PICTURE).status == 200
    before = count(url, "lightwell_rows_total", outcome="completed")

    leaving = [socket.create_connection(("127.0.0.1", port_of(url))) for _ in range(12)]
    for connection in leaving:
        connection.sendall(request)
    until = time.monotonic() + SOON_S
    while not count(url, "lightwell_rows_waiting") and time.monotonic() < until:
        time.sleep(0.001)
    for connection in leaving:
        connection.close()
    wait_until_idle(url)

    # Of the rows that the twelve have together, most have not run.
    ran = count(url, "lightwell_rows_total", outcome="completed") - before
    assert ran < 12 * (before - started) / 2
    assert count(url, "lightwell_rows_total", outcome="failed") == 0
    assert prediction(url) == expected
    assert not [line for line in server.lines if "Traceback" in line]


@pytest.mark.parametrize("poison", [255, 2])
def test_41_batch_mates_of_an_extreme_input_are_equal_to_the_bit(
    poison: int, server: Server
) -> None:
    """Answers next to a saturated picture are those next to a plain one."""
    plain, extreme = DIGIT.tolist(), [[poison] * 28] * 28

    def answers(third: list[list[int]]) -> list[object]:
        inputs = [{"pixels": one} for one in (plain, plain[::-1], third, plain)]
        body = json.dumps({"inputs": inputs}).encode()
        found = post(server.url, f"{PREDICT}?preprocess=none", JSON, body)
        assert found.status == 200, found
        listed = json.loads(found.body)["answers"]
        return [one for at, one in enumerate(listed) if at != 2]

    assert answers(extreme) == answers(plain)


def test_41_requests_next_to_refused_ones_have_their_own_answers(server: Server) -> None:
    """Of concurrent requests every other one is broken; the rest have the answer of one alone."""
    expected = prediction(server.url)
    bodies = [PICTURE, PICTURE[:60]] * 16
    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(lambda body: post(server.url, PREDICT, PNG, body), bodies))

    assert [one.status for one in found] == [200, 422] * 16
    for one in found[::2]:
        assert_alike(json.loads(one.body), json.loads(expected))


def test_46_concurrent_first_requests_have_one_answer(server: Server) -> None:
    """Eight clients that ask for one analysis at once get one answer, up to the batch's size.

    Before one has run, its cost is that of slower methods: a refused client returns when told.
    """
    target = "/cnn/attribution?method=gradient"

    def ask(_: int) -> Answer:
        """Ask for the analysis, and once more after a refusal."""
        found = post(server.url, target, PNG, PICTURE)
        if found.status == 503:
            time.sleep(float({name.lower(): value for name, value in found.headers}["retry-after"]))
            found = post(server.url, target, PNG, PICTURE)
        return found

    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(ask, range(8)))

    assert {one.status for one in found} == {200}, [one.body for one in found if one.status != 200]
    for one in found[1:]:
        assert_alike(json.loads(one.body), json.loads(found[0].body))


@pytest.mark.parametrize(
    ("target", "statuses"),
    [
        ("/nothing/predict", (404, 405)),
        ("/../cnn/predict", (404,)),
        ("/models/..%2f..%2fetc%2fpasswd", (404,)),
        ("/cnn/%2e%2e/predict", (404,)),
        ("/samples/..%2f1.png", (404, 422)),
        ("/cnn/filters?layer=../conv1", (422,)),
        ("/cnn/unit?layer=conv9&channel=0", (422,)),
        ("/cnn/unit?layer=%00&channel=0", (422,)),
    ],
)
def test_47_unknown_names_are_refused(
    target: str, statuses: tuple[int, ...], server: Server
) -> None:
    """Names of models, layers and files are looked up, and never joined to a path."""
    assert_refused(get(server.url, target), statuses)


@pytest.mark.parametrize("inputs", [65, 10_000])
def test_52_a_batch_above_the_limit_is_refused(inputs: int, server: Server) -> None:
    """More than 64 inputs of one request are a 413 or 422; 64 are answered."""
    for number, refused in ((64, False), (inputs, True)):
        body = json.dumps({"inputs": [{"sequence": "1"}] * number}).encode()
        answer = post(server.url, GATES, JSON, body)
        if refused:
            assert_refused(answer, (413, 422))
        else:
            assert answer.status == 200


def test_65_no_byte_of_a_client_ends_a_line_of_the_log(server: Server) -> None:
    """Escapes in paths, request IDs and agents are on no line, and each line is at most 2 KiB."""
    seen = len(server.lines)
    for name, value in (("X-Request-ID", "a\x1b[31mb"), ("User-Agent", "\x1b]0;title\x07")):
        assert get(server.url, "/livez", ((name, value),)).status == 400
    headers = (("X-Request-ID", "a%1b[31mb"), ("User-Agent", "u" * 8_000))
    get(server.url, "/%1b%5b31m%0d%0aFORGED", headers)
    get(server.url, "/lstm/gates?sequence=1%0d%0aFORGED%1b", headers)
    get(server.url, "/marker-of-the-end")
    until = time.monotonic() + SOON_S
    while len(server.lines) < seen + 3 and time.monotonic() < until:
        time.sleep(0.02)

    lines = server.lines[seen:]
    assert len(lines) >= 3
    for line in lines:
        assert len(line) <= LINE_BYTES
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line.rstrip("\n"))
        assert not line.startswith("FORGED")


def held(url: str) -> socket.socket:
    """Send a request whose body does not end; return its connection."""
    connection = socket.create_connection(("127.0.0.1", port_of(url)))
    request = Request("", "POST", PREDICT, PNG, PICTURE, withheld=10)
    connection.sendall(request.content)
    return connection


def test_61_62_signals_drain_and_then_stop() -> None:
    """After SIGTERM /readyz fails and work is answered; a second signal stops a long drain."""
    with started("--drain-s", "60", ready="Ready after") as server:
        expected = prediction(server.url)
        with held(server.url):
            server.process.send_signal(signal.SIGTERM)
            until = time.monotonic() + SOON_S
            while get(server.url, "/readyz").status != 503:
                assert time.monotonic() < until
            assert prediction(server.url) == expected
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(TIMEOUT_S) == 0
            assert time.monotonic() - began < SOON_S


def test_63_a_killed_server_starts_again_on_its_port() -> None:
    """SIGKILL with work in flight leaves no lock, port or temporary file in the way."""
    cache = Path(os.environ["LIGHTWELL_CACHE"])
    with started(ready="Ready after") as server:
        expected, port = prediction(server.url), port_of(server.url)
        with held(server.url):
            server.process.kill()
            server.process.wait()

    again = Server("--port", str(port))
    try:
        again.wait_for("Ready after")
        assert port_of(again.url) == port
        assert prediction(again.url) == expected
        assert not [one for one in cache.rglob("*") if one.name.endswith((".tmp", ".lock"))]
    finally:
        again.stop()


def test_61_a_request_in_flight_is_answered_after_the_signal() -> None:
    """A body that ends after SIGTERM is answered, and the process ends with 0."""
    with started("--drain-s", "1", ready="Ready after") as server:
        whole = Request("", "POST", PREDICT, PNG, PICTURE).content
        expected = prediction(server.url)
        with held(server.url) as connection:
            server.process.send_signal(signal.SIGTERM)
            connection.sendall(whole[-10:])
            received = b""
            while part := connection.recv(65536):
                received += part
        assert received.startswith(b"HTTP/1.1 200")
        assert received.endswith(expected)
        assert server.process.wait(TIMEOUT_S) == 0


def test_62_a_signal_ends_a_server_with_idle_connections() -> None:
    """Open connections without a request do not delay the stop."""
    with started(ready="Ready after") as server:
        address = ("127.0.0.1", port_of(server.url))
        with socket.create_connection(address), socket.create_connection(address):
            assert exchange(port_of(server.url), Request("", "GET", "/livez")).status == 200
            server.process.send_signal(signal.SIGINT)
            assert server.process.wait(TIMEOUT_S) == 0
