"""Report of a simulated class: latencies by kind of request, bytes a student, CPU time, bounds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from scripts.bench.load import CLOSED, OK, UNANSWERED, quantile
from scripts.classroom.generator import Answered, Outcome
from scripts.classroom.requests import PICTURES, SEQUENCES, STROKES, TITLES, Kind
from scripts.classroom.timetable import Lesson
from scripts.overload.checks import Check, ms

STROKE_MS = 250.0
"""Bound of the p99 of the answers to a stroke of the class, in milliseconds."""

GROUPS = {"strokes": STROKES, "pictures": PICTURES, "steps": SEQUENCES}
LOST = {CLOSED, UNANSWERED}


@dataclass(frozen=True)
class Costs:
    """CPU time of the server in a simulated lesson, in seconds; None where it is unknown."""

    server_cpu_s: float | None
    processors: int


def latency_ms(answers: Sequence[Answered], share: float) -> float:
    """Return a quantile of the latencies of a class, in milliseconds from when a request was due.

    A lost request counts with the time that its student has waited.
    """
    counted = [one.result for one in answers if one.result.status in {OK, *LOST}]
    return ms(quantile(sorted(one.latency_s for one in counted), share))


def of_kinds(answers: Sequence[Answered], kinds: Sequence[Kind]) -> list[Answered]:
    """Return the answers of a class to requests of some kinds."""
    return [one for one in answers if one.due.kind in kinds]


def checks(answers: Sequence[Answered]) -> list[Check]:
    """Compare the answers to strokes, and the number of lost requests, with their bounds."""
    strokes = of_kinds(answers, STROKES)
    failed = sum(one.result.status != OK for one in strokes)
    lost = sum(one.result.status in LOST for one in answers)
    return [
        Check("p99 of a stroke's answer", latency_ms(strokes, 0.99), STROKE_MS, "ms"),
        Check("strokes without an answer (refused or lost)", failed, 0),
        Check("lost requests", lost, 0),
    ]


def show(console: Console, lesson: Lesson, outcome: Outcome, costs: Costs) -> int:
    """Print the report of a simulated class; return 1 if a figure exceeds its bound."""
    answers = outcome.answers
    console.print(_latencies(answers))
    for line in (*_bytes(answers, lesson.students), *_cpu(outcome, costs)):
        console.print(line, highlight=False)
    found = checks(answers)
    table = Table("figure", "measured", "bound", "")
    for one in found:
        table.add_row(*one.row())
    console.print(table)
    return int(not all(one.holds for one in found))


def _latencies(answers: Sequence[Answered]) -> Table:
    """Lay out the latencies of a class: a row of each kind of request, and of each activity."""
    columns = ("requests", "p50 ms", "p99 ms", "longest ms", "kB an answer", "refused", "lost")
    table = Table("", *columns)
    for group, kinds in GROUPS.items():
        table.add_row(*_row(group, of_kinds(answers, kinds)), style="bold")
        for kind in kinds:
            table.add_row(*_row(f"  {TITLES[kind]}", of_kinds(answers, (kind,))))
    return table


def _row(name: str, answers: Sequence[Answered]) -> list[str]:
    good = [one.result for one in answers if one.result.status == OK]
    lost = sum(one.result.status in LOST for one in answers)
    mean = sum(one.received for one in good) / len(good) / 1000 if good else 0.0
    times = (f"{latency_ms(answers, share):,.1f}" for share in (0.5, 0.99, 1.0))
    refused = len(answers) - len(good) - lost
    return [name, f"{len(answers):,}", *times, f"{mean:,.1f}", f"{refused:,}", f"{lost:,}"]


def _bytes(answers: Sequence[Answered], students: int) -> list[str]:
    """Describe the bytes of a class over the wire, heads included."""
    received = sum(one.result.received for one in answers)
    sent = sum(one.sent_bytes for one in answers)
    strokes = of_kinds(answers, STROKES)
    number = max(1, len(of_kinds(answers, ("values",))))
    stroke = sum(one.result.received for one in strokes) / number
    statuses = Counter(one.result.status for one in answers if one.result.status not in LOST)
    listed = ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()))
    each, each_sent = (count / students / 1000 for count in (received, sent))
    return [
        f"{len(answers):,} requests of {students} students: {listed}.",
        f"A student received {each:,.0f} kB and sent {each_sent:,.0f} kB.",
        f"The answers to a stroke were {stroke / 1000:,.1f} kB.",
    ]


def _cpu(outcome: Outcome, costs: Costs) -> list[str]:
    """Describe CPU time of generator and server, and how late the generator sent."""
    share = outcome.generator_cpu_s / outcome.wall_s
    # A request that waited for one of its student's connections is late because of the server.
    late = sorted(one.result.latency_s - one.result.answer_s for one in outcome.answers)
    lines = [
        f"Load generator: {share:.0%} of one of {costs.processors} processors.",
        f"Time from due to sent: p99 {ms(quantile(late, 0.99)):,.1f} ms.",
    ]
    if costs.server_cpu_s is not None and outcome.answers:
        each = ms(costs.server_cpu_s / len(outcome.answers))
        used = costs.server_cpu_s / outcome.wall_s
        lines.append(f"Server: {used:.0%} of one processor, {each:.2f} ms of CPU time a request.")
    return lines
