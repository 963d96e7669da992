"""Comparison of one process and several workers: ratios, targets, rounds and the table."""

import pytest

from scripts.bench import workers
from scripts.bench.workers import Comparison, Rate, measure, table
from scripts.bench.workloads import WrongAnswerError
from tests.scripts.responders import REQUESTS, responders

ONE = Rate(100.0, 0.01, 0.2)


def compared(*speeds, cpu_s=0.01):
    """Comparison of gates whose workers answer at some rates, and one process 100 a second."""
    rounds = [(ONE, Rate(speed, cpu_s, 0.4)) for speed in speeds]
    return Comparison("gates-100", rounds)


@pytest.fixture
def pair(tmp_path):
    """Start two servers that answer everything, and suspend them."""
    with responders(tmp_path, "{}") as servers:
        for server in servers:
            server.suspend()
        yield servers


def test_the_ratio_is_the_median_of_the_rounds():
    """One slow round does not count."""
    assert compared(150.0, 140.0, 10.0).speedup == 1.4
    assert compared(150.0, cpu_s=0.012).cpu_ratio == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("one", "holds"),
    [
        (compared(135.0, cpu_s=0.011), True),
        (compared(134.0), False),
        (compared(190.0, cpu_s=0.0112), False),
    ],
)
def test_both_targets_must_hold(one, holds):
    """Those of throughput and of CPU time a request; the table marks what is missed."""
    marks = list(table([one], 2).columns[-1].cells)

    assert one.holds is holds
    assert marks == ["" if holds else "MISSED"]


def test_rounds_are_pairs_of_windows(pair, monkeypatch):
    """Each round loads both servers, and both have used CPU time for their answers."""
    monkeypatch.setattr(workers, "CLIENTS", 2)

    found = measure(pair, "predict", REQUESTS, rounds=2, window_s=0.1)

    assert len(found.rounds) == 2
    for rate in (rate for both in found.rounds for rate in both):
        assert rate.per_second > 0
        assert rate.cpu_s > 0
        assert 0 < rate.generator <= 1.5


def test_refused_requests_are_no_throughput(pair, monkeypatch):
    """A status other than 200 ends the comparison, and is named."""
    monkeypatch.setattr(workers, "CLIENTS", 1)

    with pytest.raises(WrongAnswerError, match="requests had status 501"):
        measure(pair, "predict", [b"PUT / HTTP/1.1\r\nHost: a\r\n\r\n"], rounds=1, window_s=0.05)
