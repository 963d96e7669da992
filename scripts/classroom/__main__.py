"""Simulate a class that uses the explorer at the same time, and measure the answers.

    python -m scripts.classroom
    python -m scripts.classroom --flags "--workers 2"
    python -m scripts.classroom --students 20 --seconds 12 --spread

Each of 200 students has an address of loopback, from 127.0.1.1 on. In rounds of 40 s a student
draws (a stroke every 4 s, at random times, for 20 s), looks at three pictures (10 s) and follows
the steps of an LSTM's trace (10 s). Requests are those of the explorer page, sent in an open loop:
a latency counts from when the request was due. Starts a server of its own, or takes the one of
--url. The exit status is 1 if the p99 of a stroke's answer is over 250 ms, a stroke is refused, or
a request is lost.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from models.runtime.processors import processors
from scripts.bench.load import OK
from scripts.bench.processes import ROOT, NotStartedError
from scripts.classroom.generator import Classroom
from scripts.classroom.report import Costs, show
from scripts.classroom.requests import Kind, classroom_requests
from scripts.classroom.timetable import Lesson
from scripts.command_line import script_parser
from scripts.overload.target import UNAVAILABLE, WARM_S, Target, port_of, started


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line of the classroom."""
    found = script_parser("python -m scripts.classroom", __doc__)
    found.add_argument("--url", help="running server, http://127.0.0.1:PORT")
    found.add_argument("--checkout", type=Path, default=ROOT, help="another checkout to start")
    found.add_argument("--flags", default="", help="flags of the started server: '--workers 2'")
    found.add_argument("--students", type=int, default=200, help="number of students (200)")
    found.add_argument("--seconds", type=float, default=120.0, help="duration (120)")
    found.add_argument("--views", type=int, default=1, help="requests while a stroke grows (1)")
    found.add_argument("--steps", type=float, default=1.0, help="steps a second (1)")
    found.add_argument(
        "--spread", action="store_true", help="students at different activities, not all together"
    )
    return found


def main(arguments: Sequence[str]) -> int:
    """Simulate a class; return 1 if a figure exceeds its bound, 2 without a server."""
    flags, console = parser().parse_args(arguments), Console(width=130)
    lesson = Lesson(
        students=flags.students,
        seconds=flags.seconds,
        views=flags.views,
        steps_per_s=flags.steps,
        spread=flags.spread,
    )
    requests = classroom_requests()
    try:
        with _server(flags.url, flags.checkout.resolve(), flags.flags.split()) as target:
            warm(target, requests)
            return _measure(target, lesson, requests, console)
    except (NotStartedError, OSError, ValueError) as error:
        print(f"scripts.classroom: {error}", file=sys.stderr)
        return 2


@contextmanager
def _server(url: str | None, checkout: Path, flags: Sequence[str]) -> Iterator[Target]:
    if url is not None:
        yield Target(port_of(url))
        return
    with started(checkout, flags) as target:
        yield target


def warm(target: Target, requests: Mapping[Kind, Sequence[bytes]]) -> None:
    """Wait until the server answers each kind of the class's requests, and is idle.

    Raises:
        NotStartedError: It refuses one for another reason than that it is not ready.
    """
    until = time.monotonic() + WARM_S
    for kind, variants in requests.items():
        while (status := target.answer(variants[0])[0]) != OK:
            if status != UNAVAILABLE or time.monotonic() > until:
                msg = f"the answer to a request for the {kind} is {status}"
                raise NotStartedError(msg)
            time.sleep(0.2)
    target.settle()


def _measure(
    target: Target, lesson: Lesson, requests: Mapping[Kind, Sequence[bytes]], console: Console
) -> int:
    timetable = lesson.timetable()
    rate = len(timetable) / lesson.seconds
    console.print(f"{lesson.students} students, {rate:.0f} requests a second ...", highlight=False)
    before = None if target.server is None else target.server.cpu_s()
    outcome = Classroom(target.port, requests).run(timetable)
    used = None
    if target.server is not None and before is not None:
        used = target.server.cpu_s() - before
    return show(console, lesson, outcome, Costs(used, processors()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
