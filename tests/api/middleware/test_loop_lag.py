"""Lag of the event loop in the metrics."""

import asyncio
import time

from starlette.testclient import TestClient

from api.middleware.loop_lag import INTERVAL_S, LoopLag
from tests.api.test_metrics import prometheus

BLOCKED_S = 0.2


def test_a_blocked_event_loop_is_observed() -> None:
    """A callback that blocks the loop makes the next timer as late; after stop none runs."""

    async def scene() -> list[float]:
        lags: list[float] = []
        lag = LoopLag(lags.append)
        lag.start()
        await asyncio.sleep(INTERVAL_S / 2)
        time.sleep(INTERVAL_S + BLOCKED_S)  # noqa: ASYNC251 - blocks the loop
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        lag.stop()
        observed = len(lags)
        await asyncio.sleep(3 * INTERVAL_S)
        assert len(lags) == observed
        return lags

    assert max(asyncio.run(scene())) >= BLOCKED_S


def test_metrics_have_the_lag(client: TestClient) -> None:
    """A running server observes its lag in a histogram with a bucket of 50 ms."""
    found = prometheus(client.get("/metrics").text)

    assert ("lightwell_event_loop_lag_seconds_bucket", frozenset({("le", "0.05")})) in found
    assert found["lightwell_event_loop_lag_seconds_count", frozenset()] > 0
