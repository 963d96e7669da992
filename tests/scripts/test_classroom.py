"""Timetable, load generator and report of the simulated class."""

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from scripts.bench.load import CLOSED, OK, UNANSWERED, RequestResult
from scripts.bench.processes import NotStartedError
from scripts.classroom import __main__, report
from scripts.classroom.generator import Answered, Classroom, Outcome, source_of
from scripts.classroom.requests import PICTURES, TITLES, Kind, classroom_requests, drawing
from scripts.classroom.timetable import Due, Lesson
from scripts.overload.requests import get
from scripts.overload.target import Target
from tests.scripts.test_bench import http, serving

SMALL: dict[Kind, list[bytes]] = {"stroke": [get("/a"), get("/b")], "step": [get("/step")]}


def answered(kind: Kind, latency_s: float, status: int = OK, received: int = 1000) -> Answered:
    """An answer to a student's request."""
    result = RequestResult(0, latency_s, status, received, latency_s)
    return Answered(Due(0, 0, kind, 0), result, 10)


def shown(*answers: Answered, students: int = 1) -> tuple[int, str]:
    """Exit status and text of the report of answers."""
    console = Console(width=200, file=io.StringIO(), record=True)
    outcome = Outcome(list(answers), 2.0, 0.5)
    status = report.show(console, Lesson(students), outcome, report.Costs(1.0, 2))
    return status, console.export_text()


def test_students_draw_look_and_step_in_turn() -> None:
    """Each activity has its time; strokes are Poisson, pictures three, steps one a second."""
    lesson = Lesson(students=200, seconds=80)
    timetable = lesson.timetable()
    first = [one for one in timetable if one.moment < lesson.cycle_s]
    kinds = Counter(one.kind for one in first)

    assert [one.moment for one in timetable] == sorted(one.moment for one in timetable)
    assert timetable == lesson.timetable()
    # A Poisson process of 1,000 strokes has a standard deviation of 32.
    assert 840 < kinds["stroke"] < 1160
    assert all(one.moment <= 20 for one in first if one.kind == "stroke")
    for kind in PICTURES:
        assert kinds[kind] == 200
        assert all(20 <= one.moment <= 30 for one in first if one.kind == kind)
    steps = [one for one in first if one.kind == "step"]
    assert kinds["trace"] == kinds["decomposition"] == 200
    assert 1800 <= len(steps) <= 2000
    assert all(one.moment >= 30 for one in steps)


def test_a_spread_class_does_everything_at_all_times() -> None:
    """Every quarter of the run has strokes, pictures and steps of a spread class."""
    timetable = Lesson(students=50, seconds=40, spread=True).timetable()

    for quarter in range(4):
        part = {one.kind for one in timetable if quarter * 10 <= one.moment < (quarter + 1) * 10}
        assert {"stroke", "layers", "step"} <= part


def test_a_stroke_may_have_several_views() -> None:
    """Views while it grows are more, the exact values after it are requested once."""
    kinds = Counter(one.kind for one in Lesson(students=20, seconds=20, views=3).timetable())

    assert kinds["stroke"] == pytest.approx(3 * kinds["values"], rel=0.1)


def test_every_kind_of_request_is_valid_http() -> None:
    """Requests have a method, the page's headers, and a body of the announced length."""
    requests = classroom_requests()

    assert requests.keys() == TITLES.keys()
    for variants in requests.values():
        for one in variants:
            head, _, body = one.partition(b"\r\n\r\n")
            lines = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            assert int(lines.get(b"Content-Length", 0)) == len(body)
            assert lines[b"Accept-Encoding"] == b"gzip, deflate"


def test_drawings_are_strokes_on_black() -> None:
    """A drawing has the pad's size and both colours; another seed draws another one."""
    pixels = np.asarray(Image.open(io.BytesIO(drawing(1))).convert("L"))

    assert pixels.shape == (280, 280)
    assert pixels[0, 0] == 0
    assert 0.02 < (pixels > 127).mean() < 0.5
    assert drawing(1) == drawing(1) != drawing(2)


def test_students_have_addresses_of_their_own() -> None:
    """200 students have the addresses 127.0.1.1 to 127.0.1.200; more go on with the next ones."""
    assert [source_of(0), source_of(199)] == ["127.0.1.1", "127.0.1.200"]
    assert len({source_of(student) for student in range(600)}) == 600


def test_requests_are_sent_when_they_are_due() -> None:
    """Requests in rotation, from the student's address; latencies count from the due time."""
    seen = []

    def answer(_: int, request: bytes) -> bytes:
        seen.append(request.split(b" ")[1])
        return http()

    timetable = [Due(0.0, 0, "stroke", 0), Due(0.02, 1, "stroke", 1), Due(0.04, 0, "step", 7)]
    with serving(answer) as port:
        outcome = Classroom(port, SMALL).run(timetable)

    assert seen == [b"/a", b"/b", b"/step"]
    assert [one.result.status for one in outcome.answers] == [OK] * 3
    assert [one.due.student for one in outcome.answers] == [0, 1, 0]
    assert outcome.wall_s >= 0.04


def test_a_seventh_request_waits_for_a_connection() -> None:
    """A browser has six connections; a request that waits for one counts from its due time."""
    timetable = [Due(0.0, 0, "stroke", at) for at in range(8)]
    with serving(lambda _, __: b"") as port:
        outcome = Classroom(port, SMALL).run(timetable, drain_s=0.2)

    assert Counter(one.result.status for one in outcome.answers) == {UNANSWERED: 8}
    assert [one.sent_bytes for one in outcome.answers].count(0) == 2
    assert min(one.result.latency_s for one in outcome.answers) >= 0.2


def test_a_closed_connection_is_lost_unless_it_was_idle() -> None:
    """A request on a connection that the server has closed meanwhile is sent once more."""
    timetable = [Due(0.0, 0, "stroke", 0), Due(0.1, 0, "stroke", 0)]
    closing = http().replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    with serving(lambda _, __: closing) as port:
        kept = Classroom(port, SMALL).run(timetable)
    with serving(lambda number, _: http() if number != 1 else None) as port:
        repeated = Classroom(port, SMALL).run(timetable)
    with serving(lambda _, __: None) as port:
        lost = Classroom(port, SMALL).run(timetable)

    assert [one.result.status for one in kept.answers] == [OK, OK]
    assert [one.result.status for one in repeated.answers] == [OK, OK]
    assert [one.result.status for one in lost.answers] == [CLOSED, CLOSED]


def test_slow_strokes_exceed_the_bound() -> None:
    """A p99 above 250 ms, a refused stroke and any lost request end with exit status 1."""
    assert shown(answered("stroke", 0.2), answered("layers", 5.0))[0] == 0
    assert shown(answered("stroke", 0.2), answered("layers", 0.1, 503))[0] == 0
    assert shown(answered("stroke", 0.3))[0] == 1
    assert shown(answered("stroke", 0.2), answered("values", 0.0, 503))[0] == 1
    assert shown(answered("stroke", 0.2), answered("step", 0.1, CLOSED))[0] == 1


def test_the_report_has_bytes_and_processor_time() -> None:
    """Bytes of a student and of a stroke, the generator's share and the server's CPU time."""
    stroke, values = answered("stroke", 0.1, received=5000), answered("values", 0.1, received=9000)
    _, text = shown(stroke, values, answered("step", 0.1, 503, received=1000), students=5)

    assert "3 requests of 5 students: 2 × 200, 1 × 503." in text
    assert "A student received 3 kB" in text
    assert "The answers to a stroke were 14.0 kB." in text
    assert "Load generator: 25% of one of 2 processors." in text
    assert "Server: 50% of one processor, 333.33 ms of CPU time a request." in text


def test_the_class_waits_for_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is refused for another reason than warming ends the simulation."""
    refused = http().replace(b"200", b"404", 1)
    monkeypatch.setattr(Target, "settle", lambda _: None)
    with serving(lambda _, __: http()) as port:
        __main__.warm(Target(port), SMALL)
    with (
        serving(lambda _, __: refused) as port,
        pytest.raises(NotStartedError, match="the stroke is 404"),
    ):
        __main__.warm(Target(port), SMALL)


def test_a_server_that_does_not_listen_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    """A server that cannot be asked ends the simulation with exit status 2."""
    assert __main__.main(["--url", "http://127.0.0.1:1", "--seconds", "1"]) == 2
    assert "scripts.classroom: " in capsys.readouterr().err
