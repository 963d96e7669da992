"""Metrics under overload: number of time series, lag of the event loop, and recovery."""

import random
import time

from scripts.bench.load import RequestResult
from scripts.overload.checks import Check, latency
from scripts.overload.loads import LOCAL, OTHER, Closed, Paced
from scripts.overload.requests import ANALYSES, predictions
from scripts.overload.session import Session
from scripts.overload.target import Series

FIRST = 1_000
"""Hostile requests after which no time series may be new."""

METHODS = ("GET", "POST", "PUT", "BREW", "PROPFIND", "TRACE", "QUERY")
LAG = "lightwell_event_loop_lag_seconds"
LAG_SHARE, LAG_LIMIT_S = 0.999, 0.05
RECOVERY_S = 5.0
RECOVERY_FACTOR, RECOVERY_ALLOWANCE_MS = 1.5, 10.0
PER_S = 50.0


def hostile_requests(count: int, seed: int) -> list[bytes]:
    """Draw requests with invented paths, methods and user agents."""
    generator = random.Random(seed)  # noqa: S311 - the same requests in every run
    return [
        (
            f"{generator.choice(METHODS)} /{generator.getrandbits(64):x}/{generator.random()}"
            f"?a={generator.random()} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"User-Agent: {generator.getrandbits(128):x}\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        for _ in range(count)
    ]


def series(session: Session) -> list[Check]:
    """Count time series of the metrics that are new after the first thousand hostile requests."""
    session.target.metrics()  # the time series of this route itself
    counts = []
    remaining = max(session.durations.hostile_requests - FIRST, FIRST)
    for seed, number in ((1, FIRST), (2, remaining)):
        # Distinct requests in rotation; a closed loop of known length sends each number of them.
        requests = hostile_requests(min(number, 10 * FIRST), seed)
        sent = 0
        while sent < number:
            sent += len(session.run(Closed(requests, 4, 1.0, sources=(OTHER,))).answers)
        counts.append(set(session.target.metrics()))
    new = counts[1] - counts[0]
    figure = f"new time series after {FIRST:,} hostile requests (of {len(counts[1]):,})"
    return [Check(figure, len(new), 0)]


def lag(session: Session) -> list[Check]:
    """Measure the share of timers of the event loop that are late under full load."""
    before = session.target.metrics()
    load = Closed(predictions(), 32, session.durations.window_s, sources=(LOCAL,))
    others = [
        session.start(Closed(ANALYSES[kind](), 8, session.durations.window_s, sources=(OTHER,)))
        for kind in session.durations.analyses[:2]
    ]
    session.run(load)
    for one in others:
        session.finish(one)
    share = share_within(before, session.target.metrics(), LAG, LAG_LIMIT_S)
    figure = f"share of timers of the event loop at most {1000 * LAG_LIMIT_S:.0f} ms late"
    return [Check(figure, share, LAG_SHARE, at_least=True)]


def share_within(before: Series, after: Series, name: str, limit: float) -> float:
    """Return the share of a histogram's new observations that are at most a bucket's limit.

    Returns:
        NaN where the metrics have no such histogram, or no observation is new.
    """
    count = (f"{name}_count", frozenset[tuple[str, str]]())
    bucket = (f"{name}_bucket", frozenset({("le", f"{limit}")}))
    total = after.get(count, 0.0) - before.get(count, 0.0)
    return (after.get(bucket, 0.0) - before.get(bucket, 0.0)) / total if total else float("nan")


def recovery(session: Session) -> list[Check]:
    """Measure predictions before an overload, and from five seconds after its end."""
    seconds = session.durations.window_s
    idle = session.run(Paced(predictions(), 64, PER_S, seconds, sources=(OTHER,)))
    kind = session.durations.analyses[0]
    storm = Closed(ANALYSES[kind](), 100, seconds, sources=(LOCAL,), drain=False)
    flood = session.start(Closed(predictions(), 100, seconds, sources=("127.0.0.3",), drain=False))
    session.run(storm)
    session.finish(flood)
    time.sleep(RECOVERY_S)
    after = session.run(Paced(predictions(), 64, PER_S, seconds, sources=(OTHER,)))
    return recovery_checks(idle.answers, after.answers)


def recovery_checks(idle: list[RequestResult], after: list[RequestResult]) -> list[Check]:
    """Compare the latency of predictions after an overload with that before it."""
    bound = RECOVERY_FACTOR * latency(idle, 0.99) + RECOVERY_ALLOWANCE_MS
    figure = f"predict p99 {RECOVERY_S:.0f} s after an overload"
    return [Check(figure, latency(after, 0.99), bound, "ms")]


def measure(session: Session) -> list[Check]:
    """Measure time series, lag of the event loop and recovery of the server's metrics."""
    return [*series(session), *lag(session), *recovery(session)]
