"""Goodput: successful answers per second at five times the rate that the server can reach.

The peak is measured right before and right after each open loop, with the number of clients that
reached most, as the speed of a shared machine changes from one minute to the next; the more rounds,
the less its changes count (`--open 16 --rounds 8`). The control is the rate of that closed loop
while the same load generator sends four fifths of the load to a server that refuses at once. It is
below the peak where the generator takes processor time from the measured server, as on a machine
with two cores.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean, median

from scripts.bench.load import OK, UNANSWERED, UNSENT, Run, quantile
from scripts.overload.checks import Check, goodput, latency, ms
from scripts.overload.control import RefusingServer
from scripts.overload.loads import CROWD, OTHER, Closed, Paced
from scripts.overload.requests import ANALYSES, get, predictions
from scripts.overload.returning import UNAVAILABLE, Returning
from scripts.overload.session import Session

CLIENTS = (1, 2, 4, 8, 16)
EXCESS = 5.0
CONNECTIONS = 512
HEALTH_PER_S = 20.0
RETURNING = 100
RETURNS = 2
SEED = 1

RAMP_SHARE = 0.1
"""Share of a load's time, at its beginning, whose answers do not count.

The work that is in progress at its end does not count either.
"""

FILLING_SHARE = 0.25
"""As `RAMP_SHARE`, of an open loop: its first requests fill the queue with work of three seconds.

Jobs take turns, so that hardly an answer comes before.
"""

KEPT_SHARE = 0.9
REFUSAL_MS = 50.0
HEALTH_MS = 100.0
SERVED_SHARE = 0.8


@dataclass(frozen=True)
class Round:
    """Round of goodput: an open loop above the peak, and the closed loops that it is compared with.

    Attributes:
        peak: Goodput of closed loops before and after the open loop, in the mean.
        control: Goodput of a closed loop beside a generator whose requests another server refuses.
        run: Answers of the open loop.
        health: Answers to the monitor meanwhile.
    """

    peak: float
    control: float
    run: Run
    health: Run

    @property
    def reached(self) -> float:
        """Goodput of the open loop of a round."""
        return goodput([self.run], FILLING_SHARE * (self.run.ended - self.run.began))


def measure(session: Session) -> list[Check]:
    """Measure the goodput of predictions and of each kind of analysis above the peak."""
    found = []
    for kind in ("predict", *session.durations.analyses):
        rounds = _rounds(session, kind)
        found += checks(kind, rounds) if rounds else [_no_peak(kind)]
        found += _returning(session, kind)
        session.target.settle()
    return found


def _requests(kind: str) -> list[bytes]:
    return predictions() if kind == "predict" else ANALYSES[kind]()


def _rounds(session: Session, kind: str) -> list[Round]:
    """Measure peak, open loop and control in turn; no rounds where the peak is zero."""
    reached = {clients: _closed(session, kind, clients) for clients in CLIENTS}
    clients, fastest = max(reached.items(), key=lambda one: one[1])
    if not fastest:
        return []
    rounds, before = [], _closed(session, kind, clients)
    for _ in range(session.durations.rounds):
        run, health = _above(session, kind, fastest)
        after = _closed(session, kind, clients)
        control = _control(session, kind, clients, fastest)
        rounds.append(Round(mean([before, after]), control, run, health))
        before = after
    return rounds


def _closed(session: Session, kind: str, clients: int) -> float:
    """Return the goodput of clients in a closed loop."""
    run = session.run(Closed(_requests(kind), clients, session.durations.window_s))
    session.target.settle()
    return goodput([run], RAMP_SHARE * session.durations.window_s)


def _above(session: Session, kind: str, peak: float) -> tuple[Run, Run]:
    """Offer five times the peak in an open loop, while a monitor asks for the server's health."""
    health = session.start(
        Paced(
            [get("/livez"), get("/readyz")],
            8,
            HEALTH_PER_S,
            session.durations.open_s,
            sources=(OTHER,),
        )
    )
    run = session.run(_excess(kind, EXCESS * peak, session.durations.open_s))
    found = run, session.finish(health)
    session.target.settle()
    return found


def _control(session: Session, kind: str, clients: int, peak: float) -> float:
    """Return the goodput of a closed loop beside a generator whose requests another server refuses.

    With the closed loop's requests, the generators send as many as in the open loop.
    """
    seconds = session.durations.window_s
    with RefusingServer() as refusing:
        load = _excess(kind, (EXCESS - 1) * peak, seconds)
        refused = session.generators.start(load.run, refusing.port)
        reached = _closed(session, kind, clients)
        refused.result()
    return reached


def _excess(kind: str, per_second: float, seconds: float) -> Paced:
    return Paced(_requests(kind), CONNECTIONS, per_second, seconds, sources=CROWD, seed=SEED)


def _no_peak(kind: str) -> Check:
    return Check(f"peak of {kind}", 0, 0, "/s", at_least=True)


def checks(kind: str, rounds: Sequence[Round]) -> list[Check]:
    """Compare the goodput above the peak, refusals and answers to the monitor with bounds.

    The time of a refusal counts from when it was sent: a generator with few connections may send
    late. All other latencies count from when the request was due. Ratios are medians of the rounds.
    """
    answers = [answer for one in rounds for answer in one.run.answers]
    monitored = [answer for one in rounds for answer in one.health.answers]
    refused = sorted(one.answer_s for one in answers if one.status in UNAVAILABLE)
    offered = len(answers) / sum(one.run.ended - one.run.began for one in rounds)
    peak, control = median(one.peak for one in rounds), median(one.control for one in rounds)
    name = f"5 × {kind}"
    found = [
        Check(
            f"goodput at {name} ({offered:.4g}/s offered, peak {peak:.4g}/s)",
            median(one.reached / one.peak for one in rounds),
            KEPT_SHARE,
            at_least=True,
        ),
        Check(
            f"goodput at {name} relative to the control ({control:.4g}/s)",
            median(one.reached / one.control for one in rounds),
            KEPT_SHARE,
            at_least=True,
        ),
        Check(
            f"other answers than 200 and refusals at {name}",
            sum(one.status not in {OK, UNANSWERED, UNSENT, *UNAVAILABLE} for one in answers),
            0,
        ),
    ]
    if refused:
        figure = f"p99 of {len(refused):,} refusals at {name}"
        found.append(Check(figure, ms(quantile(refused, 0.99)), REFUSAL_MS, "ms"))
    figure = f"p99 of /livez and /readyz at {name}"
    found.append(Check(figure, latency(monitored, 0.99), HEALTH_MS, "ms"))
    failed = sum(one.status != OK for one in monitored)
    return [*found, Check(f"failed /livez and /readyz at {name}", failed, 0)]


def _returning(session: Session, kind: str) -> list[Check]:
    """Let clients arrive at once; each that is refused returns when its `Retry-After` says."""
    clients = RETURNING if kind != "predict" else 4 * RETURNING
    load = Returning(_requests(kind), clients, CROWD, RETURNS)
    visits = session.generators.start(load.run, session.target.port).result()
    session.totals.add(visits.run)
    figure = f"{kind}: of {clients} clients at once {visits.refused} refused, served in {RETURNS}"
    return [Check(figure, visits.served_within(RETURNS), SERVED_SHARE, at_least=True)]
