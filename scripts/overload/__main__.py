"""Measure the server under overload: fairness, goodput, hostile connections, metrics, memory.

    python -m scripts.overload
    python -m scripts.overload --only fairness --window 2 --rounds 1
    python -m scripts.overload --checkout ../before

Starts a server of its own on loopback, or takes the one of --url. Clients have addresses of their
own, 127.0.0.1 and 127.0.0.2, so both must be of this machine. Ends with a table of requests,
answers by status, lost requests, resources, latencies before and after, and every figure with its
bound; the exit status is 1 if one exceeds it.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from scripts.bench.processes import ROOT, NotStartedError
from scripts.overload import fairness, goodput, hostile, memory, telemetry
from scripts.overload.loads import Generators
from scripts.overload.report import State, show, state_of
from scripts.overload.requests import ANALYSES
from scripts.overload.session import Durations, Section, Session
from scripts.overload.target import measured

SECTIONS: Mapping[str, Section] = {
    "fairness": fairness.measure,
    "goodput": goodput.measure,
    "connections": hostile.measure,
    "metrics": telemetry.measure,
    "memory": memory.measure,
}
"""Name of a section of the overload measurement → its function."""


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line of the overload measurement."""
    found = argparse.ArgumentParser(
        prog="python -m scripts.overload",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_server(found)
    found.add_argument("--only", nargs="+", choices=SECTIONS, help="sections to measure")
    found.add_argument("--analysis", nargs="+", choices=ANALYSES, help="kinds of analyses")
    found.add_argument("--window", type=float, default=10.0, help="seconds of a window (10)")
    found.add_argument("--rounds", type=int, default=3, help="interleaved rounds (3)")
    found.add_argument(
        "--open", type=float, default=60.0, help="seconds of an open loop above the peak (60)"
    )
    found.add_argument(
        "--hostile", type=int, default=100_000, help="requests with invented labels (100,000)"
    )
    return found


def add_server(to: argparse.ArgumentParser) -> None:
    """Add the flags to a command line that choose the measured server."""
    to.add_argument("--url", help="running server, http://127.0.0.1:PORT")
    to.add_argument(
        "--checkout", type=Path, default=ROOT, help="folder of another checkout to start"
    )
    to.add_argument(
        "--flags", default="", help="flags of the started server, such as '--memory 1GiB'"
    )


def main(arguments: Sequence[str]) -> int:
    """Run the overload measurement; return 1 if a figure exceeds its bound, 2 without a server."""
    flags, console = parser().parse_args(arguments), Console(width=150)
    durations = Durations(
        window_s=flags.window,
        rounds=flags.rounds,
        open_s=flags.open,
        hostile_requests=flags.hostile,
        analyses=tuple(flags.analysis or ANALYSES),
    )
    try:
        with (
            measured(flags.url, flags.checkout.resolve(), flags.flags.split()) as target,
            Generators() as generators,
        ):
            session = Session(target, generators, durations, console.print)
            return _measure(session, flags.only or list(SECTIONS), console)
    except (NotStartedError, OSError, ValueError) as error:
        print(f"scripts.overload: {error}", file=sys.stderr)
        return 2


def _measure(session: Session, names: Sequence[str], console: Console) -> int:
    """Measure sections of the overload measurement between two states of the idle server."""
    found, states = [], [state_of(session)]
    for name in names:
        console.print(f"{name} ...", highlight=False)
        found += SECTIONS[name](session)
        session.target.settle()
    states.append(state_of(session))
    return show(console, session.totals, found, dict(zip(State.TIMES, states, strict=True)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
