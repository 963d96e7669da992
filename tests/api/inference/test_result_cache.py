"""Result cache: outputs of the weights alone are computed once, and the oldest evicted."""

from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.inference.result_cache import MAX_RESULTS, ResultCache


def test_the_oldest_result_is_evicted() -> None:
    """The cache is bounded, and keeps every later result."""
    cache = ResultCache()
    for number in range(MAX_RESULTS + 1):
        cache.add(str(number), {"value": np.full(1, number)})

    assert cache.get("0") is None
    assert cache.get("no such key") is None
    assert [cache.get(str(n))["value"][0] for n in range(1, MAX_RESULTS + 1)] == [  # type: ignore[index]
        *range(1, MAX_RESULTS + 1),
    ]


def test_a_run_about_the_weights_alone_is_cached(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second request with the same parameters runs nothing, and is answered as the first."""
    engine, runs = app.state.engine, []
    monkeypatch.setattr(engine, "results", ResultCache())
    run = engine.run

    async def counted(*args: Any, **options: Any) -> Any:
        runs.append(1)
        return await run(*args, **options)

    monkeypatch.setattr(engine, "run", counted)
    path = "/cnn/unit?layer=relu1&channel=1"
    first, second = client.get(path), client.get(path)

    assert first.status_code == 200, first.text
    assert first.content == second.content
    assert len(runs) == 1
