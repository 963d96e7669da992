"""Memory: a server with a budget of 1 GiB under requests that would hold more, and afterwards."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from scripts.bench.load import CLOSED, OK, UNANSWERED, Run
from scripts.overload.checks import Check
from scripts.overload.loads import CROWD, LOCAL, OTHER
from scripts.overload.peak import PeakMemory, peak_bytes, resident_bytes
from scripts.overload.requests import ANALYSES, GATES_STEPS, INPUTS, bits, post_json
from scripts.overload.returning import Returning, Visits
from scripts.overload.session import Session
from scripts.overload.stopped import StoppedReaders
from scripts.overload.target import Target, started

MIB = 2**20
BUDGET_MIB = 1024
ABOVE_IDLE_MIB = 150
FLAGS = ("--memory", f"{BUDGET_MIB}MiB", "--cache", "none")
"""Flags of the measured server; without a cache its programs are compiled, which takes memory."""

SWEEPS, READERS, SEVERAL = 250, 30, 12
RETURNS = 2
STOPPED_S = 25.0
"""Seconds in which stopped readers hold their answers: beyond those after which they are cut."""

TRIMMED_S = 7.0
AFTER_S = 30.0
SERVED_SHARE = 0.8

Attack = Returning | StoppedReaders


def sequences() -> list[bytes]:
    """Return a request whose answer is as large as one may be: 64 MiB of values."""
    inputs = [{"sequence": bits(GATES_STEPS, at)} for at in range(INPUTS)]
    return [post_json("/lstm/gates?format=npz", {"inputs": inputs})]


def sweeps(*sources: str) -> Returning:
    """Return clients that ask for a sweep at once, and come back when their refusal says."""
    return Returning(ANALYSES["sweep"](), SWEEPS, sources, RETURNS)


def readers() -> StoppedReaders:
    """Return clients that ask for the largest answers, and do not read them."""
    return StoppedReaders(sequences(), READERS, STOPPED_S, CROWD[:4])


def several() -> Returning:
    """Return clients that send 64 inputs in each request, and read the answer."""
    requests = [*ANALYSES["64 pictures"](), *sequences()]
    return Returning(requests, SEVERAL, CROWD[4:], RETURNS)


ATTACKS: Mapping[str, Callable[[], list[Attack]]] = {
    f"{SWEEPS} sweeps of one address": lambda: [sweeps(LOCAL)],
    f"{SWEEPS} sweeps": lambda: [sweeps(LOCAL, OTHER)],
    f"{READERS} stopped readers": lambda: [readers()],
    f"{SEVERAL} × {INPUTS} inputs": lambda: [several()],
    "all together": lambda: [sweeps(LOCAL, OTHER), readers(), several()],
}
"""Attacks on a server's memory by name: clients that send at the same time."""


def measure(session: Session) -> list[Check]:
    """Measure the resident memory of a server of its own under attacks, and after them."""
    if session.target.server is None:
        session.say("memory is measured on a server that this program starts, not that of --url")
        return []
    with started(session.target.server.folder, FLAGS) as target:
        found = _compiling(session, target)
        idle_mib = _idle_mib(target)
        for name, make in ATTACKS.items():
            session.say(f"memory: {name} ...")
            found += _attacked(session, target, name, make())
            target.settle()
        time.sleep(AFTER_S)
        left_mib = _resident_mib(target)
    figure = f"resident memory {AFTER_S:.0f} s after the attacks ({idle_mib:.0f} MiB idle)"
    return [*found, Check(figure, left_mib, idle_mib + ABOVE_IDLE_MIB, "MiB")]


def _compiling(session: Session, target: Target) -> list[Check]:
    """Attack a server while it compiles its analyses; its peak is that since its start."""
    session.say("memory: while analyses are compiled ...")
    runs = _run(session, target, [readers(), several()])
    target.warm()
    assert target.server is not None  # noqa: S101 - it was started here
    peak = peak_bytes(target.server.tree()) / MIB
    return checks("both, from the start until analyses are compiled", peak, runs)


def _idle_mib(target: Target) -> float:
    """Return the resident memory of a server that has nothing to do, in MiB."""
    target.settle()
    time.sleep(TRIMMED_S)  # until freed memory was returned
    return _resident_mib(target)


def _resident_mib(target: Target) -> float:
    assert target.server is not None  # noqa: S101 - it was started here
    return resident_bytes(target.server.tree()) / MIB


def _attacked(session: Session, target: Target, name: str, attacks: list[Attack]) -> list[Check]:
    """Attack a server's memory; return its peak, and the answers of the attacks."""
    assert target.server is not None  # noqa: S101 - it was started here
    with PeakMemory(target.server) as peak:
        runs = _run(session, target, attacks)
    found = checks(name, peak.nbytes / MIB, runs)
    if name.startswith(f"{SEVERAL} "):
        found.append(served(name, runs[0]))
    return found


def _run(session: Session, target: Target, attacks: list[Attack]) -> list[Run]:
    """Run attacks at the same time, each in a process of its own; count their answers."""
    waiting: list[Future[Run | Visits]] = [
        session.generators.start(one.run, target.port) for one in attacks
    ]
    results = [one.result() for one in waiting]
    runs = [one.run if isinstance(one, Visits) else one for one in results]
    return [session.totals.add(one) for one in runs]


def checks(name: str, peak_mib: float, runs: list[Run]) -> list[Check]:
    """Compare the peak of a server's memory with its budget, and its answers with the requests."""
    statuses = Counter(one.status for run in runs for one in run.answers)
    lost = statuses.pop(CLOSED, 0) + statuses.pop(UNANSWERED, 0)
    text = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
    return [
        Check(f"peak of resident memory: {name} ({text})", peak_mib, BUDGET_MIB, "MiB"),
        Check(f"requests without a status: {name}", lost, 0),
    ]


def served(name: str, run: Run) -> Check:
    """Compare the share of clients that were served, at once or at a return, with its bound."""
    count = sum(one.status == OK for one in run.answers)
    return Check(f"share of clients served: {name}", count / SEVERAL, SERVED_SHARE, at_least=True)
