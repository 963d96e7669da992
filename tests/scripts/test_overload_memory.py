"""Peak of resident memory, stopped readers and checks of the overload measurement of memory."""

import os
import time

from scripts.bench.load import CLOSED, OK, UNANSWERED, RequestResult, Run
from scripts.overload import memory
from scripts.overload.loads import LOCAL
from scripts.overload.peak import PeakMemory, peak_bytes, resident_bytes
from scripts.overload.requests import get
from scripts.overload.stopped import StoppedReaders
from tests.scripts.test_bench import http, serving

SIZE = 80 * 2**20


class Own:
    """Process tree of the tests alone."""

    def tree(self) -> list[int]:
        """Return the process of the tests."""
        return [os.getpid()]


def ran(*statuses: int) -> Run:
    """A period of load with an answer of each status."""
    return Run(0, 1, [RequestResult(0, 0.1, one, 10, 0.1) for one in statuses])


def test_the_peak_of_memory_is_seen_after_it_was_freed() -> None:
    """Bytes that were allocated and freed within the context count, those before it do not."""
    before = resident_bytes([os.getpid()])
    with PeakMemory(Own()) as peak:
        held = bytearray(b"x") * SIZE
        time.sleep(0.2)
        del held

    assert peak.nbytes >= before + 0.9 * SIZE
    assert peak_bytes([os.getpid()]) >= 0.9 * peak.nbytes


def test_processes_that_have_ended_hold_no_memory() -> None:
    """A process may end while the peak is measured."""
    missing = 2**22 + 1
    assert resident_bytes([missing]) == peak_bytes([missing]) == 0


def test_stopped_readers_see_the_status_of_an_answer_that_they_do_not_read() -> None:
    """They hold an answer to the end, and ask again after a refusal or a close."""
    refusal = b"HTTP/1.1 503 X\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n"
    answers = {0: refusal, 1: http(b"x" * 2_000_000)}

    with serving(lambda number, _: answers.get(number)) as port:
        run = StoppedReaders([get("/")], 1, 1.0, (LOCAL,)).run(port)
    with serving(lambda *_: None) as port:
        lost = StoppedReaders([get("/")], 1, 0.1, (LOCAL,)).run(port)

    assert [one.status for one in run.answers] == [503, OK]
    assert [one.status for one in lost.answers] == [CLOSED]


def test_memory_is_compared_with_its_budget() -> None:
    """A peak above it exceeds, as does a request that was closed without a status."""
    fine = memory.checks("sweeps", 1024, [ran(OK, 503), ran(OK)])
    wrong = memory.checks("sweeps", 1025, [ran(OK, CLOSED, UNANSWERED)])

    assert [one.holds for one in fine] == [True, True]
    assert "2 × 200, 1 × 503" in fine[0].figure
    assert [(one.holds, one.found) for one in wrong] == [(False, 1025), (False, 2)]


def test_clients_of_many_inputs_are_served() -> None:
    """Four fifths of them at least, at once or when they come back."""
    assert not memory.served("several", ran(*[OK] * 9, *[503] * 9)).holds
    assert memory.served("several", ran(*[OK] * 10, *[503] * 9)).holds
