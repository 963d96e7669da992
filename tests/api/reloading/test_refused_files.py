"""Files that cannot be served, or have not changed, leave the old weights; reloads take turns."""

import asyncio
import logging
import threading
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.inference import loading
from api.inference.engine import Engine
from api.inference.errors import DeviceHungError, EngineClosedError, EngineNotReadyError
from api.inference.reloading import NOTHING, Reloader
from api.settings import Settings
from models.runtime.checkpoints import Checkpoint
from tests.api.reloading.replacement import (
    PICTURE,
    asked,
    engine_of,
    reload,
    replace,
    weights_of,
)
from tests.networks import GREY_TOML, write_network


def cut(folder: Path) -> None:
    """Cut the weights in the middle."""
    path = folder / "colours" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def reshape(folder: Path) -> None:
    """Replace the weights by those of a network of sequences."""
    replace(folder, "colours", weights_of(folder, "letters"))


def redeclare(folder: Path) -> None:
    """Give the network other classes."""
    path = folder / "colours" / "lightwell.toml"
    path.write_text(path.read_text().replace('"red"', '"pink"'))


def remove(folder: Path) -> None:
    """Remove the folder."""
    (folder / "colours").rename(folder.parent / "away")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut, "not a whole safetensors file"),
        (reshape, "tensor"),
        (redeclare, "another architecture or declaration: restart the server"),
        (remove, "lightwell.toml"),
    ],
)
def test_files_that_cannot_be_served_leave_the_old_weights(
    damage: Any, reason: str, client: TestClient, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One sentence in the log and in /models says why; the other network is replaced anyway."""
    before, letters = asked(client, "colours"), asked(client, "letters-twin")
    digest = client.get("/models/colours").json()["weights"]
    damage(folder)
    replace(folder, "letters")

    found = reload(client)

    assert found.replaced == ["letters"]
    assert reason in found.refused["colours"]
    assert asked(client, "colours") == before
    assert asked(client, "letters") == letters
    assert [one for one in caplog.messages if f"weights {digest[:12]} of colours stay: " in one]
    assert not any(one.exc_info for one in caplog.records)
    listed = client.get("/models").json()
    assert listed["failed"] == [{"name": "colours", "reason": found.refused["colours"]}]
    assert "colours" in [one["name"] for one in listed["models"]]


def test_a_repaired_file_is_served_by_the_next_reload(client: TestClient, folder: Path) -> None:
    """A refusal is forgotten with the next reload."""
    cut(folder)
    assert "colours" in reload(client).refused
    replace(folder, "colours")

    assert reload(client).replaced == ["colours"]
    assert client.get("/models").json()["failed"] == []


def test_an_artifact_that_changes_the_probes_is_refused(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths are made at the start: files with which there would be others need a restart."""

    def source() -> Any:
        model = loading.load_folder(folder / "colours-twin")
        model.name, model.artifacts = "colours", {"layers": Checkpoint({}, {}, "")}
        return model

    monkeypatch.setattr(engine_of(client)._reloader, "_sources", {"colours": source})
    reason = reload(client).refused["colours"]

    assert reason.startswith(
        "with its artifacts it would gain embedded, embedding, layers: restart"
    )
    assert client.post("/colours/predict", json=PICTURE).status_code == 200


def test_an_unexpected_error_is_logged_and_leaves_the_old_weights(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug of one network's files is no end of the reload of others."""
    engine = engine_of(client)
    old = engine.served["colours"]

    def broken() -> Any:
        raise KeyError

    sources = {**engine._reloader._sources, "colours": broken}
    monkeypatch.setattr(engine._reloader, "_sources", sources)
    found = reload(client)

    assert engine.served["colours"] is old
    assert set(found.refused) == {"colours"}
    assert len(found.unchanged) == 3
    assert any(one.exc_info for one in caplog.records)


def test_another_shape_of_the_same_family_is_refused(client: TestClient, folder: Path) -> None:
    """A whole other network in the folder needs a restart."""
    write_network(folder.parent / "grey", GREY_TOML)
    for file in ("lightwell.toml", "weights.safetensors"):
        (folder.parent / "grey" / file).rename(folder / "colours" / file)

    assert "restart the server" in reload(client).refused["colours"]


def test_files_that_have_not_changed_replace_nothing(
    client: TestClient, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The same version stays, and the log says so for each network."""
    engine = engine_of(client)
    before = dict(engine.served)
    (folder / "letters" / "weights.safetensors").touch()

    with caplog.at_level(logging.INFO, "lightwell"):
        found = reload(client)

    assert engine.served == before
    assert (found.replaced, found.refused, len(found.unchanged)) == ([], {}, 4)
    assert caplog.text.count("its files have not changed") == 4


def test_a_second_reload_begins_when_the_first_has_ended(
    client: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signals that come together are one reload; one that comes during a reload is another."""
    engine = engine_of(client)
    reloader = engine._reloader
    loads: list[int] = []
    running: list[int] = []
    begun = threading.Event()

    def source() -> Any:
        begun.set()
        running.append(1)
        loads.append(len(running))
        model = loading.load_folder(folder / "colours")
        running.pop()
        return model

    monkeypatch.setattr(reloader, "_sources", {"colours": source})

    async def scene() -> None:
        for _ in range(5):
            engine.request_reload()
        await asyncio.to_thread(begun.wait)
        for _ in range(5):
            engine.request_reload()
        await engine.reload()
        await engine.reload()

    assert client.portal is not None
    client.portal.call(scene)

    assert loads == [1, 1, 1, 1]


def test_a_reload_waits_until_the_models_are_warm(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the start it is an error, and so it is when the server stops."""
    monkeypatch.setattr(loading, "shipped_names", lambda: ())
    app: FastAPI = create_app(Settings(models=folder))
    engine: Engine = app.state.engine
    with pytest.raises(EngineNotReadyError):
        asyncio.run(engine.reload())
    replace(folder, "colours")

    async def scene() -> Any:
        async with app.router.lifespan_context(app):
            found = await engine.reload()
            engine.draining = True
            with pytest.raises(EngineClosedError):
                await engine.reload()
            return found

    assert asyncio.run(scene()).replaced == ["colours"]


def test_a_server_of_shipped_networks_alone_has_nothing_to_replace(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One sentence says so."""
    monkeypatch.setattr(loading, "shipped_names", lambda: ("lstm",))
    with TestClient(create_app(Settings())) as client, caplog.at_level(logging.INFO, "lightwell"):
        found = reload(client)

    assert (found.replaced, found.unchanged, found.refused) == ([], [], {})
    assert NOTHING in caplog.messages


def test_nothing_is_loaded_while_the_device_hangs(caplog: pytest.LogCaptureFixture) -> None:
    """A requested reload is a line of the log, as one before the models are compiled is."""
    reloader = Reloader({}, {}, Mock(), Mock(), Mock())

    async def hang() -> None:
        raise DeviceHungError("A call of the device has not returned.")

    async def request() -> None:
        reloader.request(hang)
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})

    asyncio.run(request())

    assert "nothing is loaded again: A call of the device has not returned." in caplog.messages
