"""Replaced weights answer everything from the next request on, and nothing is compiled again."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.inference import loading
from api.settings import Settings
from models.model_files import shipped_files
from models.runtime import artifacts, checkpoints
from tests.api.reloading.replacement import asked, engine_of, reload, replace

COMPILE = "/jax/core/compile/backend_compile_duration"


@pytest.mark.parametrize("name", ["colours", "letters"])
def test_replaced_weights_answer_everything(client: TestClient, folder: Path, name: str) -> None:
    """Answers to the bit are those of a network that was started with the same weights."""
    first, twin = asked(client, name), asked(client, f"{name}-twin")
    assert all(one != other for one, other in zip(first, twin, strict=True))
    replace(folder, name)

    found = reload(client)

    others = {"colours", "letters", "colours-twin", "letters-twin"} - {name}
    assert (found.replaced, found.refused) == ([name], {})
    assert set(found.unchanged) == others
    assert asked(client, name) == twin
    assert asked(client, f"{name}-twin") == twin
    digest = {one["name"]: one["weights"] for one in client.get("/models").json()["models"]}
    assert digest[name] == digest[f"{name}-twin"]
    assert client.get(f"/models/{name}").json()["weights"] == digest[name]
    assert f'version="{digest[name][:12]}"' in client.get("/metrics").text


def test_nothing_is_compiled_again(client: TestClient, folder: Path) -> None:
    """Neither by the reload nor by requests after it; an analysis of its first request is new."""
    expected = asked(client, "colours-twin")
    asked(client, "colours")
    assert client.portal is not None
    client.portal.call(engine_of(client)._compiler.run_alone, int)  # smaller batches, too
    compiled: list[str] = []

    def note(event: str, *_: Any, **__: Any) -> None:
        compiled.extend([event] * (event == COMPILE))

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        replace(folder, "colours")
        reload(client)
        assert asked(client, "colours") == expected
    finally:
        jax.monitoring.unregister_event_duration_listener(note)
    assert compiled == []


def test_an_analysis_that_is_asked_for_after_the_reload_is_compiled(
    client: TestClient, folder: Path
) -> None:
    """The first request for an analysis compiles it for the new weights, too."""
    replace(folder, "colours")
    reload(client)

    assert asked(client, "colours") == asked(client, "colours-twin")


def test_an_etag_of_old_weights_is_not_fresh(client: TestClient, folder: Path) -> None:
    """A browser that kept a picture of the old weights gets the new one, and then a 304."""
    path = "/colours/filters.png?layers=conv1"
    old = client.get(path)
    replace(folder, "colours")
    reload(client)

    new = client.get(path, headers={"If-None-Match": old.headers["etag"]})

    assert new.status_code == 200
    assert new.content != old.content
    again = client.get(path, headers={"If-None-Match": new.headers["etag"]})
    assert (again.status_code, again.headers["etag"]) == (304, new.headers["etag"])


def test_checkpoints_follow_where_the_weights_are_the_same(
    client: TestClient, folder: Path
) -> None:
    """Training checkpoints of equal weights are replaced, and their answers have another ETag."""
    path = "/letters/gates?sequence=abcde&checkpoint=round-1"
    answers = []
    weights = checkpoints.load(folder / "letters" / "weights.safetensors")
    for factor in (0.5, 0.25):
        kept = {"round-1": {k: np.float32(factor) * v for k, v in weights.tensors.items()}}
        packed = artifacts.pack_training_checkpoints(kept, "float32")
        artifacts.save(folder / "letters" / "milestones.safetensors", packed, weights.digest)
        assert reload(client).replaced == ["letters"]
        answers.append(client.get(path))

    first, second = answers
    assert (first.status_code, second.status_code) == (200, 200), first.text
    assert first.json()["tensors"] != second.json()["tensors"]
    assert first.headers["etag"] != second.headers["etag"]


def test_weights_of_a_shipped_network_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The folder of --weights is read again; weights of another number of units are refused."""
    monkeypatch.setattr(loading, "shipped_names", lambda: ("lstm",))
    weights = checkpoints.load(shipped_files("lstm").weights).tensors
    half = {name: np.float32(0.5) * value for name, value in weights.items()}
    path = tmp_path / "lstm.safetensors"
    checkpoints.save(path, weights, {})
    ask, find = "/lstm/gates?sequence=10110", "/lstm/generalisation"
    with TestClient(create_app(Settings(weights=tmp_path, deadline_s=300))) as client:
        assert client.portal is not None
        client.portal.call(engine_of(client).analyses_warmed)
        before = client.get(ask).json(), client.get(find).json()
        assert reload(client).unchanged == ["lstm"]
        checkpoints.save(path, half, {})
        assert reload(client).replaced == ["lstm"]
        after = client.get(ask).json(), client.get(find).json()
        assert before[0]["tensors"] != after[0]["tensors"]
        assert before[1]["tensors"] != after[1]["tensors"]
        assert after[0]["weights"] == checkpoints.digest(half)
        checkpoints.save(path, smaller(weights), {})
        assert "another architecture" in reload(client).refused["lstm"]
        assert client.get(ask).json() == after[0]


def smaller(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights of an LSTM with one unit less."""
    units = weights["readout.kernel"].shape[0]
    found = {}
    for name, value in weights.items():
        for axis, size in enumerate(value.shape):
            if size % units == 0 and size >= units:
                value = np.take(value, range(size // units * (units - 1)), axis)  # noqa: PLW2901
        found[name] = np.ascontiguousarray(value)
    return found
