"""Goodput: successful answers per second at five times the rate that the server can reach.

Its control is the rate of a closed loop while the same load generator sends four fifths of the load
to a server that refuses at once. It is below the peak where the generator takes processor time from
the measured server, as on a machine with two cores.
"""

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

KEPT_SHARE = 0.9
REFUSAL_MS = 50.0
HEALTH_MS = 100.0
SERVED_SHARE = 0.8


def measure(session: Session) -> list[Check]:
    """Measure the goodput of predictions and of each kind of analysis above the peak."""
    found = []
    for kind in ("predict", *session.durations.analyses):
        peak = _peak(session, kind)
        control = _control(session, kind, peak)
        session.target.settle()
        found += _above(session, kind, peak, control)
        session.target.settle()
        found += _returning(session, kind)
        session.target.settle()
    return found


def _requests(kind: str) -> list[bytes]:
    return predictions() if kind == "predict" else ANALYSES[kind]()


def _peak(session: Session, kind: str) -> float:
    """Return the highest goodput of 1 to 16 clients in a closed loop."""
    reached = []
    for clients in CLIENTS:
        load = Closed(_requests(kind), clients, session.durations.window_s)
        run = session.run(load)
        reached.append(goodput([run], RAMP_SHARE * session.durations.window_s))
    return max(reached)


def _control(session: Session, kind: str, peak: float) -> float:
    """Return the goodput of a closed loop beside a generator whose requests another server refuses.

    With the closed loop's requests, the generators send as many as in the open loop.
    """
    seconds, clients = session.durations.open_s / 2, CLIENTS[-1]
    load = Paced(
        _requests(kind), CONNECTIONS, (EXCESS - 1) * peak, seconds, sources=CROWD, seed=SEED
    )
    with RefusingServer() as refusing:
        refused = session.generators.start(load.run, refusing.port)
        run = session.run(Closed(_requests(kind), clients, seconds))
        refused.result()
    return goodput([run], RAMP_SHARE * seconds)


def _above(session: Session, kind: str, peak: float, control: float) -> list[Check]:
    """Offer five times the peak in an open loop, while a monitor asks for the server's health."""
    if not peak:
        return [Check(f"peak of {kind}", 0, 0, "/s", at_least=True)]
    seconds = session.durations.open_s
    health = session.start(
        Paced([get("/livez"), get("/readyz")], 8, HEALTH_PER_S, seconds, sources=(OTHER,))
    )
    load = Paced(_requests(kind), CONNECTIONS, EXCESS * peak, seconds, sources=CROWD, seed=SEED)
    return checks(kind, peak, control, session.run(load), session.finish(health))


def checks(kind: str, peak: float, control: float, run: Run, health: Run) -> list[Check]:
    """Compare the goodput above the peak, refusals and answers to the monitor with bounds.

    The time of a refusal counts from when it was sent: a generator with few connections may send
    late. All other latencies count from when the request was due.
    """
    refused = sorted(one.answer_s for one in run.answers if one.status in UNAVAILABLE)
    offered = len(run.answers) / (run.ended - run.began)
    reached = goodput([run], RAMP_SHARE * (run.ended - run.began))
    name = f"5 × {kind}"
    found = [
        Check(
            f"goodput at {name} ({offered:.4g}/s offered, peak {peak:.4g}/s)",
            reached / peak,
            KEPT_SHARE,
            at_least=True,
        ),
        Check(
            f"goodput at {name} relative to the control ({control:.4g}/s)",
            reached / control,
            KEPT_SHARE,
            at_least=True,
        ),
        Check(
            f"other answers than 200 and refusals at {name}",
            sum(one.status not in {OK, UNANSWERED, UNSENT, *UNAVAILABLE} for one in run.answers),
            0,
        ),
    ]
    if refused:
        figure = f"p99 of {len(refused):,} refusals at {name}"
        found.append(Check(figure, ms(quantile(refused, 0.99)), REFUSAL_MS, "ms"))
    figure = f"p99 of /livez and /readyz at {name}"
    found.append(Check(figure, latency(health.answers, 0.99), HEALTH_MS, "ms"))
    failed = sum(one.status != OK for one in health.answers)
    return [*found, Check(f"failed /livez and /readyz at {name}", failed, 0)]


def _returning(session: Session, kind: str) -> list[Check]:
    """Let clients arrive at once; each that is refused returns when its `Retry-After` says."""
    clients = RETURNING if kind != "predict" else 4 * RETURNING
    load = Returning(_requests(kind), clients, CROWD, RETURNS)
    visits = session.generators.start(load.run, session.target.port).result()
    session.totals.add(visits.run)
    figure = f"{kind}: of {clients} clients at once {visits.refused} refused, served in {RETURNS}"
    return [Check(figure, visits.served_within(RETURNS), SERVED_SHARE, at_least=True)]
