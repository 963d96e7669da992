"""Fairness: predictions of one client next to fifty concurrent analyses of another."""

import time
from collections import defaultdict
from collections.abc import Sequence

from scripts.bench.load import RequestResult, Run
from scripts.overload.checks import Check, goodput, latency
from scripts.overload.loads import LOCAL, OTHER, Closed, Paced
from scripts.overload.requests import ANALYSES, predictions
from scripts.overload.session import Session

ANALYSES_AT_ONCE = 50
PREDICTIONS_PER_S = 20.0
PREDICTION_CONNECTIONS = 64
RAMP_S = 1.0
"""Seconds of the analyses before predictions are measured, so that all fifty are at work."""

P50_FACTOR, P99_FACTOR, ALLOWANCE_MS = 2.0, 3.0, 10.0
KEPT_SHARE = 0.75


def measure(session: Session) -> list[Check]:
    """Measure the fairness between predictions and analyses of each kind."""
    found = []
    for kind in session.durations.analyses:
        found += _beside(session, kind)
    return found


def _beside(session: Session, kind: str) -> list[Check]:
    """Measure predictions next to one kind of analysis, in interleaved rounds."""
    runs: dict[str, list[Run]] = defaultdict(list)
    for _ in range(session.durations.rounds):
        runs["idle"].append(session.run(_predictions(session)))
        session.target.settle()
        runs["alone"].append(session.run(_analyses(session, kind)))
        session.target.settle()
        analyses = session.start(_analyses(session, kind))
        time.sleep(RAMP_S)
        runs["loaded"].append(session.run(_predictions(session)))
        runs["kept"].append(session.finish(analyses))
        session.target.settle()
    return checks(kind, {name: _results(taken) for name, taken in runs.items()}, _kept(runs))


def _predictions(session: Session) -> Paced:
    return Paced(
        predictions(),
        PREDICTION_CONNECTIONS,
        PREDICTIONS_PER_S,
        session.durations.window_s,
        sources=(OTHER,),
    )


def _analyses(session: Session, kind: str) -> Closed:
    # With the ramp alone too, so that both rates begin with fifty requests at once.
    seconds = session.durations.window_s + RAMP_S
    return Closed(ANALYSES[kind](), ANALYSES_AT_ONCE, seconds, sources=(LOCAL,))


def _results(runs: Sequence[Run]) -> list[RequestResult]:
    return [one for run in runs for one in run.answers]


def _kept(runs: dict[str, list[Run]]) -> float:
    """Return the rate that analyses keep next to predictions, as a share of that alone."""
    alone = goodput(runs["alone"])
    return goodput(runs["kept"]) / alone if alone else float("nan")


def checks(kind: str, results: dict[str, list[RequestResult]], kept: float) -> list[Check]:
    """Compare predictions next to analyses with predictions alone, and the rate of the analyses."""
    found = []
    for name, share, factor in (("p50", 0.5, P50_FACTOR), ("p99", 0.99, P99_FACTOR)):
        idle = latency(results["idle"], share)
        bound = factor * (idle + ALLOWANCE_MS)
        figure = f"predict {name} beside 50 × {kind} ({idle:.3g} ms idle)"
        found.append(Check(figure, latency(results["loaded"], share), bound, "ms"))
    figure = f"rate kept by 50 × {kind} beside predict"
    return [*found, Check(figure, kept, KEPT_SHARE, at_least=True)]
