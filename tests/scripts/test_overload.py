"""Checks, statistics and clients of the overload measurement and the soak."""

import math
import os
from collections import Counter

import pytest

from scripts import soak
from scripts.bench.load import CLOSED, OK, UNANSWERED, RequestResult, Run
from scripts.overload import checks, fairness, goodput, hostile, telemetry
from scripts.overload.checks import Check, Totals
from scripts.overload.control import RefusingServer
from scripts.overload.loads import CROWD, LOCAL, OTHER, Closed, Paced
from scripts.overload.report import State
from scripts.overload.requests import get
from scripts.overload.returning import Returning, Visits, head_of
from scripts.overload.target import Resources, port_of, resources
from tests.scripts.test_bench import http, serving


def ran(*statuses: int, latency_s: float = 0.1, seconds: float = 1.0) -> Run:
    """A period of load with an answer of each status."""
    answers = [RequestResult(0.3, latency_s, one, 10, latency_s) for one in statuses]
    return Run(0, seconds, answers)


def held(checks: list[Check]) -> list[bool]:
    """Whether each figure is within its bound."""
    return [one.holds for one in checks]


@pytest.mark.parametrize(
    ("check", "holds"),
    [
        (Check("a", 2.0, 2.0), True),
        (Check("a", 2.1, 2.0), False),
        (Check("a", 2.0, 2.0, at_least=True), True),
        (Check("a", 1.9, 2.0, at_least=True), False),
        (Check("a", math.nan, 2.0), False),
        (Check("a", math.nan, 2.0, at_least=True), False),
    ],
)
def test_a_bound_is_inclusive_and_needs_a_figure(check: Check, holds: bool) -> None:
    """A figure that was not measured exceeds every bound."""
    assert check.holds == holds
    assert check.row()[3] == ("holds" if holds else "EXCEEDED")


def test_lost_requests_have_no_status() -> None:
    """Closed connections and silence are lost; every HTTP status is an answer."""
    totals = Totals()
    totals.add(ran(OK, OK, 503, CLOSED, UNANSWERED))

    assert (totals.requests, totals.lost) == (5, 2)
    assert totals.by_status() == "2 × 200, 1 × 503"


def test_predictions_are_compared_with_those_of_an_idle_server() -> None:
    """Twice the idle median and 10 ms, three times the p99; below that the rate counts."""
    idle = ran(*[OK] * 9, latency_s=0.01).answers
    slow = ran(*[OK] * 9, latency_s=0.05).answers

    assert held(fairness.checks("sweep", {"idle": idle, "loaded": idle}, 0.8)) == [True] * 3
    assert held(fairness.checks("sweep", {"idle": idle, "loaded": slow}, 0.7)) == [
        *(False, True, False)
    ]


def test_goodput_counts_successes_in_time() -> None:
    """Late answers and refusals are no goodput; slow refusals and failed monitors exceed."""
    healthy = ran(OK, OK)
    steady = of_rounds(ran(OK, OK, 503, latency_s=0.01), healthy)
    late = of_rounds(ran(OK, OK, 503, latency_s=2), ran(OK, 503))
    expired = of_rounds(ran(OK, OK, 504), healthy)

    assert held(steady) == [True] * 6
    assert held(late) == [False, False, True, False, True, False]
    assert held(expired)[:3] == [True, True, False]


def of_rounds(run: Run, health: Run) -> list[Check]:
    """Check one round of goodput whose peak and control are two answers a second."""
    return goodput.checks("sweep", [goodput.Round(2.0, 2.0, run, health)])


def test_goodput_compares_each_round_with_its_own_peak() -> None:
    """A machine that is twice as fast in the last round changes no ratio."""
    healthy = ran(OK)
    slow, fast = ran(OK, OK), ran(OK, OK, OK, OK)
    found = goodput.checks(
        "sweep", [goodput.Round(2.0, 1.0, slow, healthy), goodput.Round(4.0, 2.0, fast, healthy)]
    )
    once = goodput.Round(2.0, 1.0, slow, healthy).reached

    assert [one.found for one in found[:2]] == pytest.approx([once / 2, once])


def test_control_refuses_every_request() -> None:
    """Requests with bodies, and several on one connection, are answered with 503."""
    body = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc"
    with RefusingServer() as server:
        run = Closed([body, get("/livez")], 2, 0.3).run(server.port)

    assert len(run.answers) > 4
    assert {one.status for one in run.answers} == {503}


def test_goodput_leaves_out_the_beginning() -> None:
    """Two answers in the last nine tenths of a second, and one before."""
    answers = [RequestResult(0, latency_s, OK, 10) for latency_s in (0.05, 0.1, 1.0)]

    assert checks.goodput([Run(0, 1, answers)], 0.1) == pytest.approx(2 / 0.9)
    assert checks.goodput([Run(0, 1, answers)]) == 3


def test_hostile_connections_are_compared_with_none() -> None:
    """The rate beside them is at least nine tenths, and every prediction is answered."""
    alone, opened = [ran(*[OK] * 10)], Counter({"idle": 3})

    assert held(hostile.checks(alone, alone, alone, opened)) == [True] * 4
    assert held(hostile.checks(alone, [ran(*[OK] * 8, 503)], alone, opened))[:2] == [False, False]


def test_observations_of_a_histogram_are_those_between_two_readings() -> None:
    """The share of new observations in a bucket; NaN without any."""
    count, bucket = ("h_count", frozenset()), ("h_bucket", frozenset({("le", "0.05")}))
    before, after = {count: 10.0, bucket: 5.0}, {count: 14.0, bucket: 8.0}

    assert telemetry.share_within(before, after, "h", 0.05) == 0.75
    assert math.isnan(telemetry.share_within(after, after, "h", 0.05))


def test_hostile_requests_differ() -> None:
    """Paths and agents of hostile requests are drawn, equal in each run."""
    drawn = telemetry.hostile_requests(100, 1)

    assert len(set(drawn)) == 100
    assert drawn == telemetry.hostile_requests(100, 1)


def test_a_head_is_read_when_it_is_whole() -> None:
    """Status, `Retry-After` and length of an answer."""
    raw = b"HTTP/1.1 503 X\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nhi"

    assert head_of(raw[:20]) is None
    found = head_of(raw)
    assert found is not None
    assert (found.status, found.retry_after_s, found.length) == (503, 7.0, len(raw))


def test_refused_clients_return_when_they_are_told() -> None:
    """A client that is refused asks again, and counts as served at its return."""
    refusal = b"HTTP/1.1 503 X\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"

    def answer(number: int, _: bytes) -> bytes:
        return refusal if number < 3 else http()

    with serving(answer) as port:
        visits: Visits = Returning([get("/")], 2, ["127.0.0.1"], timeout_s=10).run(port)

    assert visits.refused == 2
    assert visits.served_within(2) == 1.0
    assert visits.served_within(1) == 0.5
    assert [one.status for one in visits.run.answers].count(503) == 3


def test_a_client_without_an_answer_is_lost() -> None:
    """A connection that is closed before a whole answer is no answer."""
    with serving(lambda _, __: None) as port:
        visits = Returning([get("/")], 1, ["127.0.0.1"], timeout_s=10).run(port)

    assert [one.status for one in visits.run.answers] == [CLOSED]


def test_loads_come_from_the_addresses_of_their_clients() -> None:
    """Closed and open loops send from their own addresses of loopback."""
    with serving(lambda _, __: http()) as port:
        closed = Closed([get("/")], 2, 0.05, sources=(LOCAL, OTHER)).run(port)
        paced = Paced([get("/")], 2, 100, 0.05, sources=CROWD).run(port)
        drawn = Paced([get("/")], 2, 100, 0.05, seed=1).run(port)

    assert {one.status for run in (closed, paced, drawn) for one in run.answers} == {OK}
    assert len(paced.answers) == 5


def test_resources_of_ended_processes_are_none() -> None:
    """Resident memory, descriptors and threads of this process; zero of one that has ended."""
    found = resources([os.getpid(), 2**22 + 1])

    assert found.rss_bytes > 2**20
    assert found.descriptors >= 3
    assert found.threads >= 1


@pytest.mark.parametrize("url", ["https://127.0.0.1:1", "http://example.com"])
def test_the_server_must_be_on_loopback(url: str) -> None:
    """Clients have addresses of loopback, so that no other server can be measured."""
    assert port_of("http://127.0.0.1:8000") == 8000
    with pytest.raises(ValueError, match="must be http"):
        port_of(url)


def test_growth_is_compared_part_by_part() -> None:
    """A tenth more memory and half more p99 are the most; unknown resources are left out."""
    first = State(Resources(100, 10, 10), 1.0, 100.0)

    assert held(soak.growth_checks(first, first)) == [True] * 4
    grown = State(Resources(111, 10, 12), 1.0, 151.0)
    assert held(soak.growth_checks(first, grown)) == [False, True, False, False]
    assert len(soak.growth_checks(State(None, 1, 1), State(None, 1, 1))) == 1


def test_every_request_is_accounted_for() -> None:
    """Requests that the server counted and those that were answered are the same number."""
    name = ("lightwell_requests_total", frozenset({("status", "200")}))
    before, after = {name: 5.0}, {name: 16.0}

    assert held(soak.account_checks(before, after, 10)) == [True] * 3
    assert held(soak.account_checks(before, after, 11)) == [True, False, True]
    assert held(soak.account_checks(before, after, 9)) == [False, True, True]
    waiting = {**after, ("lightwell_rows_waiting", frozenset({("program", "a")})): 1.0}
    assert held(soak.account_checks(before, waiting, 10)) == [True, True, False]


def test_a_server_that_does_not_listen_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A server that cannot be asked ends the measurement with exit status 2."""
    assert soak.main(["--url", "http://127.0.0.1:1", "--minutes", "0"]) == 2
    assert "scripts.soak: " in capsys.readouterr().err
