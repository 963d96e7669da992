"""The benchmark's statistics, and its load generator against small servers."""

import math
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from scripts.bench import __main__, baselines, decoders, processes, requirements, systems
from scripts.bench.load import (
    CLOSED,
    OK,
    UNANSWERED,
    UNSENT,
    Load,
    RequestResult,
    Run,
    Window,
    poisson,
    quantile,
)
from scripts.bench.measure import Cell, Measurement, cell_of
from scripts.bench.processes import NotStartedError, Server, free_port
from scripts.bench.workloads import (
    WrongAnswerError,
    check,
    mixed_lengths,
    post,
    sequences,
    workloads,
)

REQUEST = post("/", "text/plain", b"hello")
BLOCKED_S = 1.2
"""Seconds for which a server is blocked: long beside the pauses of a busy machine."""


@contextmanager
def serving(answer):
    """Serve raw responses on loopback, as a function of request and number; None closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    served = iter(range(10**9))

    def respond(connection):
        with connection, suppress(ConnectionError):  # the client may disconnect at any time
            while request := connection.recv(65536):
                response = answer(next(served), request)
                if response is None:
                    return
                connection.sendall(response)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=respond, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def http(body=b"hi", status=200):
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


def test_closed_loop_counts_every_response_and_its_bytes():
    """Every connection is kept busy, and each response is counted with head and body."""
    with serving(lambda _, __: http(b"x" * 300_000)) as port, Load(port, [REQUEST], 4) as load:
        run = load.closed(0.2, 20, 5)
    assert len(run.answers) >= 20
    assert {one.status for one in run.answers} == {OK}
    assert {one.received for one in run.answers} == {len(http(b"x" * 300_000))}
    assert all(0 < one.latency_s < 5 for one in run.answers)


def test_error_statuses_and_closed_connections_are_errors():
    """Other statuses than 200 are errors; a closed connection is replaced."""

    def answer(number, _):
        return {0: http(), 1: http(status=503), 2: None}[number % 3]

    with serving(answer) as port, Load(port, [REQUEST], 1) as load:
        run = load.closed(0, 9, 5)
    [window] = run.windows(1)
    assert window.answers == 3
    assert window.errors == {"503": 3, "closed": 3}


def test_connections_are_opened_when_they_are_needed():
    """Three requests one after another need one connection of four, and three at once three."""
    with serving(lambda _, __: http()) as port, Load(port, [REQUEST], 4) as load:
        opened = []
        for moments in ([0.0], [0.6], [1.2]):
            load.open(moments, 0.1, 2)
            opened.append(len(load._connections))
        load.open([0.6] * 3, 0.7, 2)
        assert opened == [1, 1, 1]
        assert len(load._connections) == 3


def test_open_loop_latency_counts_from_the_due_time():
    """While a server is blocked, latency counts from the due time of a request."""

    def answer(number, _):
        time.sleep(BLOCKED_S if number == 0 else 0)
        return http()

    moments = [0.0, 0.2, 0.4, 0.6]
    with serving(answer) as port, Load(port, [REQUEST], 1) as load:
        run = load.open(moments, 2 * BLOCKED_S, 5)
    latencies = [one.latency_s for one in run.answers]
    assert len(latencies) == 4
    for moment, latency in zip(moments, latencies, strict=True):
        assert latency == pytest.approx(BLOCKED_S - moment, abs=BLOCKED_S / 6)


def test_open_loop_counts_unanswered_requests():
    """Requests in flight and requests still waiting at the end are both unanswered."""

    def answer(_, __):
        time.sleep(2)
        return http()

    with serving(answer) as port, Load(port, [REQUEST], 1) as load:
        run = load.open([0.0, 0.01, 0.02], 0.1, 0.1)
    assert [one.status for one in run.answers] == [UNSENT, UNSENT, UNANSWERED]
    assert all(0.1 < one.latency_s < 1 for one in run.answers)


def test_collected_responses_are_in_the_order_of_the_requests():
    """Bodies are returned in the order of the requests, independent of connections."""
    asked = [post("/", "text/plain", b"%d" % number) for number in range(7)]

    def answer(_, request):
        return http(request.rpartition(b"\r\n")[2])

    with serving(answer) as port, Load(port, asked, 3, keep=True) as load:
        assert load.collect(7, 5) == [(OK, b"%d" % number) for number in range(7)]


def test_quantiles_are_values_that_occurred():
    """A quantile is the smallest value that the given share of values does not exceed."""
    values = [float(number) for number in range(1, 101)]
    assert [quantile(values, share) for share in (0.5, 0.95, 0.99)] == [50, 95, 99]
    assert quantile([7.0], 0.99) == 7
    assert math.isnan(quantile([], 0.5))


def test_windows_count_responses_by_arrival():
    """Throughput counts in the response's window; a late response has only a latency."""
    run = Run(
        0,
        2,
        [
            RequestResult(0, 0.5, OK, 10),
            RequestResult(0.5, 1.0, OK, 30),
            RequestResult(1, 3, OK, 50),
        ],
    )
    first, second = run.windows(2)
    assert (first.answers, first.per_second, first.answer_bytes) == (1, 1, 10)
    assert (second.answers, second.per_second, second.p99_s) == (2, 1, 3)


def test_poisson_arrivals_have_the_given_rate():
    """Arrival times are reproducible, ascending, and have the given mean rate."""
    moments = poisson(500, 4, seed=1)
    assert moments == poisson(500, 4, seed=1) == sorted(moments)
    assert len(moments) == pytest.approx(2000, rel=0.1)
    assert 0 < moments[0] < moments[-1] < 4


def test_wrong_responses_are_distinguished_from_rounding():
    """A wrong value, a missing array or another shape is an error; rounding is not."""
    right = {"label": np.array(3), "probabilities": np.full(10, 0.1)}
    check({"label": np.array(3), "probabilities": np.full(10, 0.1) + 1e-6}, right)
    with pytest.raises(WrongAnswerError, match="probabilities is off by"):
        check({"label": np.array(3), "probabilities": np.full(10, 0.2)}, right)
    with pytest.raises(WrongAnswerError, match="missing: probabilities"):
        check({"label": np.array(3)}, right)
    with pytest.raises(WrongAnswerError, match="shape"):
        check({"label": np.array([3]), "probabilities": np.full(10, 0.1)}, right)


def test_all_systems_get_the_same_images():
    """Systems that take PNG get identical bodies; every image is in each system's requests."""
    asked = workloads()["predict"]
    bodies = {
        one.name: [request.partition(b"\r\n\r\n")[2] for request in one.requests(asked)]
        for one in systems.SYSTEMS
    }
    assert bodies["lightwell"] == bodies["naive"] == bodies["careful"] == list(asked.inputs)
    assert all(len(each) == len(asked.inputs) for each in bodies.values())
    assert workloads()["gates-mixed"].inputs == sequences(mixed_lengths())


def test_triton_binary_responses_are_decoded():
    """Binary tensors after the JSON are decoded in order."""
    label, probabilities = np.array([[3]], np.int64), np.full((1, 10), 0.1, np.float32)
    head = (
        b'{"outputs":[{"name":"label","datatype":"INT64","shape":[1,1],'
        b'"parameters":{"binary_data_size":8}},{"name":"probabilities","datatype":"FP32",'
        b'"shape":[1,10],"parameters":{"binary_data_size":40}}]}'
    )
    found = decoders.from_triton(head + label.tobytes() + probabilities.tobytes())
    assert int(found["label"]) == 3
    assert found["probabilities"].shape == (10,)


def cell(name, workload, concurrency, per_second):
    window = Window(1, per_second, 0.1, 0.1, 0.1, {}, 100.0)
    return Cell(name, workload, concurrency, None, window, 0.0, 0.001, 0)


def test_the_bound_is_the_stages_in_sequence():
    """The best bucket that the concurrency can fill gives the program's share."""
    stage = {"decode_s": 0.001, "encode_s": 0.002, "program_s": {"1": 0.003, "8": 0.008, "64": 0.1}}
    [one, many] = baselines.baselines({"w": stage}, {("w", 1): 0.001, ("w", 32): 0.0005})
    assert (one.bucket, many.bucket) == (1, 8)
    assert one.bound == pytest.approx(1 / 0.007)
    assert many.seconds == pytest.approx(0.0005 + 0.001 + 0.001 + 0.002)


def test_ratios_are_to_the_fastest_system_named():
    """A requirement without a measurement is not measured, and so not met."""
    cells = [
        cell("lightwell", "predict", 32, 3000.0),
        cell("litserve", "predict", 32, 500.0),
        cell("mlserver", "predict", 32, 1500.0),
    ]
    found = {
        (one.what, one.against): one
        for one in requirements.verdicts(cells, {("activations-json", 32): 10.0}, {})
    }
    best = found["predict, concurrency 32", "mlserver"]
    assert (best.found, best.met) == ("2.00×", False)
    assert found["predict, concurrency 32", "triton"].met is None
    assert found["activations-json, concurrency 32", "bound"].met is None


def test_a_cell_is_the_median_window_of_its_rounds():
    """CPU time is that of all rounds, divided by their successful responses."""
    windows = [Window(10, rate, 0.1, 0.1, 0.1, {}, 100.0) for rate in (30.0, 10.0, 20.0)]
    rounds = [
        Measurement(window, cpu_s, 7)
        for window, cpu_s in zip(windows, (1.0, 2.0, 3.0), strict=True)
    ]

    closed, opened = (cell_of("us", "predict", load, rounds) for load in (32, 250.0))

    assert closed.window is windows[2]
    assert closed.cpu_s == pytest.approx(6.0 / 30)
    assert (closed.spread, closed.steady) == (1.0, False)
    assert (closed.concurrency, closed.rate) == (32, None)
    assert (opened.concurrency, opened.rate) == (None, 250.0)


class RecordingBenchmark(__main__.Benchmark):
    """A benchmark that only records its measurements; one system fails."""

    measured: list[tuple[str, int | float]]

    def _measure_once(self, server, system, workload, load, round_number):
        self.measured.append((system.name, load))
        if (system.name, round_number) == ("broken", 1):
            raise OSError
        return Measurement(Window(10, 100.0, 0.1, 0.1, 0.1, {}, 100.0), 0.1, 1)


def test_systems_alternate_and_a_failed_one_is_missing():
    """Systems alternate within a round; the others continue without a failed one."""

    @contextmanager
    def resumed():
        yield

    server = SimpleNamespace(resumed=resumed)
    named = [replace(systems.SYSTEMS[0], name=name) for name in ("us", "broken")]
    results = SimpleNamespace(cells=[], missing={})
    bench = RecordingBenchmark(None, results, SimpleNamespace(print=lambda *_, **__: None))
    bench.measured = []

    bench._measure_rounds(dict.fromkeys(named, server), workloads()["predict"], 8)

    names = [name for name, _ in bench.measured]
    assert names == ["us", "broken", "us", "broken", "us"]
    assert [one.system for one in results.cells] == ["us"]
    assert list(results.missing) == ["broken, predict"]


def test_cpu_time_and_memory_include_child_processes(tmp_path):
    """Child processes count, are suspended together with the server, and are terminated."""
    script = tmp_path / "server.py"
    script.write_text(
        "import http.server, subprocess, sys\n"
        "busy = 'x = bytearray(50_000_000)\\nwhile 1: pass'\n"
        "child = subprocess.Popen([sys.executable, '-c', busy])\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_POST(self):\n"
        "        self.send_response(200)\n"
        "        self.send_header('Content-Length', '0')\n"
        "        self.end_headers()\n"
        "    def log_message(self, *_): pass\n"
        "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()\n"
    )
    port = free_port()
    command = [sys.executable, str(script), str(port)]
    with Server(command, port, REQUEST, tmp_path / "log", {}) as server:
        [parent, child] = server.tree()
        assert parent == server.process.pid
        before = server.cpu_s()
        assert _comes_true(lambda: server.cpu_s() > before + 0.05)
        # The child has used the processor for its start, perhaps not yet for its memory.
        assert _comes_true(lambda: server.memory_bytes() > 50_000_000)
        server.suspend()
        time.sleep(0.05)
        asleep = server.cpu_s()
        time.sleep(0.2)
        assert server.cpu_s() == asleep
        with server.resumed():
            assert _comes_true(lambda: server.cpu_s() > asleep)
    assert _comes_true(lambda: _has_ended(child))


def _comes_true(condition, within_s=20):
    """Wait until a condition holds; tell whether it came to that."""
    until = time.monotonic() + within_s
    while not (holds := condition()) and time.monotonic() < until:
        time.sleep(0.01)
    return holds


def _has_ended(pid):
    """Tell whether a process has ended or is a zombie."""
    path = Path(f"/proc/{pid}/stat")
    return not path.exists() or path.read_text().rpartition(") ")[2].startswith("Z")


def test_a_server_that_does_not_start_raises_its_log(tmp_path):
    """The error message is the end of the server's log."""
    command = [sys.executable, "-c", "print('first'); raise SystemExit('no such weights')"]
    with pytest.raises(NotStartedError, match="no such weights"):
        Server(command, free_port(), REQUEST, tmp_path / "log", {})


def test_a_closed_connection_has_a_distinct_status():
    """No HTTP status equals the codes for closed and unanswered."""
    assert {CLOSED, UNANSWERED}.isdisjoint(range(100, 600))


def test_the_load_generator_does_not_import_jax():
    """JAX would start threads in the process of the load generator."""
    script = "import sys, scripts.bench.__main__; sys.exit('jax' in sys.modules)"
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, check=False).returncode == 0  # noqa: S603 - our own line


def test_waiting_for_a_busy_cpu_is_not_idleness():
    """Of two processes that share a CPU, each waits in the run queue while the other runs."""
    [cpu, *_] = os.sched_getaffinity(0)
    script = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nwhile 1: pass"
    command = [sys.executable, "-c", script]
    busy = [subprocess.Popen(command) for _ in range(2)]  # noqa: S603 - our own script
    try:
        until = time.monotonic() + 20
        while processes._run_delay_s(busy[0].pid) < 0.05 and time.monotonic() < until:
            time.sleep(0.01)
        assert processes._run_delay_s(busy[0].pid) >= 0.05
    finally:
        for one in busy:
            one.kill()
            one.wait()
