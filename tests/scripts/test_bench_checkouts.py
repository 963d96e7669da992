"""Comparison of two checkouts: requests, slices, rounds and the table."""

import io
import json
import sys

import numpy as np
import pytest
from rich.console import Console

from scripts.bench import __main__, checkouts, decoders
from scripts.bench.checkouts import Comparison, Slices, in_order, round_groups
from scripts.bench.processes import NotStartedError, Server, free_port
from scripts.bench.workloads import WrongAnswerError
from tests.scripts.responders import REQUESTS, RESPONDER, responders


def body(label):
    """Build the JSON of a prediction as in Lightwell's responses."""
    return json.dumps({"tensors": [], "prediction": {"label": label, "logits": [0.5, 0.5]}})


@pytest.fixture
def pair(tmp_path):
    """Start two servers that return equal predictions."""
    with responders(tmp_path, body(3)) as servers:
        yield servers


def test_the_result_is_the_median_of_the_ratios_of_each_round():
    """Costs are paired by round, so that a slow round affects both."""
    one = Comparison("predict", [1.0, 20.0, 1.0], [1.0, 10.0, 4.0])
    assert one.ratios == [1.0, 2.0, 0.25]
    assert one.ratio == 1.0
    assert not one.exceeds


@pytest.mark.parametrize(("ratio", "mark"), [(1.05, ""), (1.06, "ABOVE")])
def test_only_ratios_above_the_limit_are_marked(ratio, mark):
    """The table shows the median, quartiles and range, and marks a ratio above 1.05."""
    one = Comparison("gates-20", [ratio, ratio - 0.2, ratio + 0.4], [1.0, 1.0, 1.0])
    table = checkouts.table([one])
    cells = [next(column.cells) for column in table.columns]
    assert cells[0] == "gates-20"
    assert cells[3:] == [
        f"{ratio:.3f}",
        f"{ratio - 0.1:.3f} to {ratio + 0.2:.3f}",
        f"{ratio - 0.2:.3f} to {ratio + 0.4:.3f}",
        mark,
    ]


def test_rounds_are_divided_among_restarts():
    """Every round belongs to one group; fewer rounds than restarts make fewer groups."""
    assert round_groups(9, 3) == [range(3), range(3, 6), range(6, 9)]
    for rounds in (2, 3, 10):
        groups = round_groups(rounds, 3)
        assert [number for group in groups for number in group] == list(range(rounds))


def test_the_order_alternates():
    """The server that is measured first in one round or slice is second in the next."""
    assert [list(in_order("ab", number)) for number in range(3)] == [
        ["a", "b"],
        ["b", "a"],
        ["a", "b"],
    ]


@pytest.mark.parametrize(
    ("cpu_s", "rotation", "expected"),
    [(0.001, 10, Slices(8, 100)), (0.05, 4, Slices(4, 4)), (0.1, 10, Slices(2, 10))],
)
def test_slices_send_every_request_equally_often(cpu_s, rotation, expected):
    """A slice is whole rotations of the requests; a slow workload still gets two slices."""
    assert Slices.of(cpu_s, rotation) == expected


def test_every_workload_has_requests_of_its_own_form():
    """The three forms of predict hold the same pictures; sequences have the lengths named."""
    known = checkouts.workloads()
    assert {
        *("predict", "predict-base64", "predict-pixels", "gates-20", "gates-100", "gates-1000"),
        *(f"activations-{form}" for form in ("json", "safetensors", "npz", "png")),
    } == set(known)
    assert len({len(known[name]) for name in known if "gates" not in name}) == 1
    assert b'{"pixels": [[0,' in known["predict-pixels"][0]
    assert b"format=npz" in known["activations-npz"][0]
    assert all(b'"sequence":"' in request for request in known["gates-20"])


def test_npz_answers_are_read():
    """Arrays of numbers are compared; texts in the archive are not."""
    archive = io.BytesIO()
    np.savez(archive, conv1=np.ones(3, np.float32), about=np.array("text"))
    [(name, values)] = decoders.from_lightwell(archive.getvalue()).items()
    assert (name, values.tolist()) == ("conv1", [1, 1, 1])


def test_a_round_measures_the_cpu_time_of_each_server(pair):
    """Both servers get every slice, and each request costs some CPU time."""
    for server in pair:
        server.suspend()
    checkouts._check_equal(pair, REQUESTS)
    costs = checkouts._measure_round(pair, REQUESTS, Slices(2, 8), 0)
    assert len(costs) == 2
    assert all(0 < cost < 1 for cost in costs)


def test_checkouts_with_other_answers_are_not_compared(pair, tmp_path):
    """A difference between the two servers' answers is an error that names it."""
    port = free_port()
    command = [sys.executable, str(tmp_path / "server.py"), str(port), body(4)]
    with (
        Server(command, port, REQUESTS[0], tmp_path / "log", {}, tmp_path) as other,
        pytest.raises(WrongAnswerError, match="label is off by 1"),
    ):
        checkouts._check_equal([pair[0], other], REQUESTS)


@pytest.fixture
def start(monkeypatch, tmp_path):
    """Compare small servers in short slices; return the folders that servers were started in."""
    (tmp_path / "server.py").write_text(RESPONDER)
    folders = []

    def started(folder, _request, log):
        folders.append(folder)
        port = free_port()
        command = [sys.executable, str(tmp_path / "server.py"), str(port), body(3)]
        server = Server(command, port, REQUESTS[0], tmp_path / log, {}, tmp_path)
        server.suspend()
        return server

    monkeypatch.setattr(checkouts, "_started", started)
    monkeypatch.setattr(checkouts, "ROUND_S", 0.05)
    monkeypatch.setattr(checkouts, "SLICE_S", 0.02)
    return folders


def test_compare_restarts_both_servers_for_each_group(start, monkeypatch, tmp_path):
    """A comparison has one ratio per round, over several restarts."""
    monkeypatch.setattr(checkouts, "workloads", lambda: {"predict": REQUESTS})
    [compared] = checkouts.compare(tmp_path, ["predict"], 3, Console(quiet=True))
    assert len(compared.ratios) == 3
    assert start == [checkouts.ROOT, tmp_path] * 3


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--beside", "nowhere"], "--beside nowhere: not a checkout, it has no api/__main__.py"),
        (["--beside", ".", "--rounds", "1"], "--rounds must be at least 2, got 1"),
        (
            ["--beside", ".", "--workload", "channel"],
            "--workload channel is not measured with --beside",
        ),
        (
            ["--workload", "predict-pixels"],
            "--workload predict-pixels is measured only with --beside",
        ),
    ],
)
def test_impossible_comparisons_are_refused(flags, message, capsys, monkeypatch):
    """The command line names the option that cannot be used, and its limit."""
    monkeypatch.chdir(checkouts.ROOT)
    with pytest.raises(SystemExit):
        __main__.main(flags)
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("ratio", "status"), [(1.0, 0), (1.2, 1)])
def test_the_exit_status_tells_whether_a_ratio_is_above_the_limit(ratio, status, monkeypatch):
    """The comparison prints its table and fails if a workload needs more CPU time."""
    monkeypatch.chdir(checkouts.ROOT)
    measured = [Comparison("predict", [ratio] * 2, [1.0] * 2)]
    monkeypatch.setattr(checkouts, "compare", lambda *_: measured)
    assert __main__.main(["--beside", ".", "--workload", "predict"]) == status


def test_a_server_that_does_not_start_is_a_message(monkeypatch, capsys):
    """A comparison without servers ends with the log of the one that failed."""

    def fail(*_):
        raise NotStartedError("no such module")

    monkeypatch.chdir(checkouts.ROOT)
    monkeypatch.setattr(checkouts, "compare", fail)
    assert __main__.main(["--beside", "."]) == 1
    assert capsys.readouterr().err == "scripts.bench: no such module\n"


def test_a_workload_that_was_not_compared_fails_the_comparison(monkeypatch):
    """A missing ratio is not one within the limit."""
    monkeypatch.chdir(checkouts.ROOT)
    monkeypatch.setattr(checkouts, "compare", lambda *_: [])
    assert __main__.main(["--beside", ".", "--workload", "predict"]) == 1


def test_a_workload_that_fails_is_left_out_with_its_reason(start, monkeypatch, tmp_path, capsys):
    """Workloads with different responses are not compared; the others are."""
    monkeypatch.setattr(checkouts, "workloads", lambda: {"predict": REQUESTS, "gates-20": REQUESTS})
    check = checkouts._check_equal
    checked = []

    def different_once(servers, requests):
        checked.append(requests)
        if len(checked) == 1:
            raise WrongAnswerError("label is off by 1")
        check(servers, requests)

    monkeypatch.setattr(checkouts, "_check_equal", different_once)
    compared = checkouts.compare(tmp_path, ["predict", "gates-20"], 2, Console(width=100))
    assert [one.workload for one in compared] == ["gates-20"]
    assert "predict is not compared: label is off by 1" in capsys.readouterr().out
