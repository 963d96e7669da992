"""Loading of a model repository: names, faults of single networks, analyses on demand."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.inference.engine import Engine
from api.inference.loading import load_models, repository_folders
from api.settings import Settings
from models.network_name import RESERVED_NAMES
from models.registry import ResidentModel
from models.runtime.checkpoints import CheckpointError
from models.runtime.resident import ResidentProgram
from tests.api.several import assert_alike
from tests.applications import running
from tests.networks import copy_renamed


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of both shipped networks under other names, and a network without weights."""
    folder = tmp_path_factory.mktemp("repository")
    copy_renamed("cnn", folder / "digits")
    copy_renamed("lstm", folder / "counting")
    copy_renamed("cnn", folder / "empty")
    (folder / "empty" / "weights.safetensors").unlink()
    (folder / "notes").mkdir()
    return folder


@pytest.fixture(scope="module")
def served(repository: Path) -> Iterator[TestClient]:
    """A client of a server with the repository."""
    with running(create_app(Settings(models=repository, deadline_s=300))) as client:
        yield client


IMAGE = {"pixels": [[0] * 28] * 8 + [[0] * 8 + [250] * 12 + [0] * 8] * 12 + [[0] * 28] * 8}

CLOSE = {"rtol": 5e-6, "atol": 5e-6}
"""Tolerances of an analysis, whose rows may run in batches of other sizes."""

SAME = {
    "predict": {},
    "activations?layers=relu1,pool2,relu4": {"first": "conv1"},
    "attribution?method=integrated_gradients&nodes=8": {},
}


@pytest.mark.parametrize("path", SAME)
def test_a_renamed_copy_answers_the_same(served: TestClient, path: str) -> None:
    """Numbers do not depend on the names of a network and its layers."""
    own, shipped = (served.post(f"/{name}/{path}", json=IMAGE) for name in ("digits", "cnn"))

    assert own.status_code == shipped.status_code == 200, own.text
    found, expected = own.json(), shipped.json()
    assert found["model"] == "digits"
    for key in ("tensors", "measures"):
        assert_alike(found[key], expected[key], key, CLOSE)
    assert_alike(found["prediction"]["logits"], expected["prediction"]["logits"], "logits", CLOSE)


@pytest.mark.parametrize("path", ["predict", "gates", "attribution?method=shapley"])
def test_a_renamed_sequence_network_answers_the_same(served: TestClient, path: str) -> None:
    """Numbers do not depend on the names of a network and its layers."""
    body = {"sequence": "10110111"}
    own, shipped = (served.post(f"/{name}/{path}", json=body) for name in ("counting", "lstm"))

    assert own.status_code == shipped.status_code == 200, own.text
    assert own.json()["tensors"] == shipped.json()["tensors"]


def test_analyses_of_a_users_network_are_compiled_when_asked_for(served: TestClient) -> None:
    """The programs of the shipped networks are compiled at the start, others wait for a request."""
    engine: Engine = served.app.state.engine  # type: ignore[attr-defined]
    assert "cnn.intervene" in engine.programs
    assert "digits.intervene" not in engine.programs

    answer = served.post("/digits/intervene", json=IMAGE)

    assert answer.status_code == 200, answer.text
    assert "digits.intervene" in engine.programs


def test_one_faulty_network_does_not_stop_the_others(repository: Path) -> None:
    """Its reason is kept, unless `strict` makes it an error."""
    folders = repository_folders(repository)

    loaded = load_models(None, None, folders)

    assert list(loaded.models) == ["counting", "digits", "cnn", "lstm"]
    assert list(loaded.failed) == ["empty"]
    assert "no weights" in loaded.failed["empty"]
    with pytest.raises(CheckpointError, match="empty: no weights"):
        load_models(None, None, folders, strict=True)


@pytest.mark.parametrize("name", [*sorted(RESERVED_NAMES)[:3], "Digits", "2cnn", "a_b", "cnn"])
def test_a_name_that_is_taken_or_not_possible_is_refused(tmp_path: Path, name: str) -> None:
    """The name of a network is the first part of its paths."""
    copy_renamed("lstm", tmp_path / name)

    loaded = load_models(None, None, [tmp_path / name])

    assert list(loaded.models) == ["cnn", "lstm"]
    assert "rename the folder" in loaded.failed[name] or "is not possible" in loaded.failed[name]


@pytest.mark.parametrize("way", ["named", "strict", "in the repository"])
def test_only_a_network_below_the_repository_is_left_out(
    tmp_path: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A network that the user named by --model ends the start, as any does under --strict."""
    copy_renamed("lstm", tmp_path / "mine")
    (tmp_path / "mine" / "weights.safetensors").write_bytes(b"damaged")
    folders, reason = [tmp_path / "mine"], "mine: weights.safetensors is not a whole safetensors"

    if way == "in the repository":
        assert reason in load_models(None, None, folders).failed["mine"]
        assert f"a network is not served: {reason}" in caplog.text
        return
    named = folders.pop() if way == "named" else None
    with pytest.raises(CheckpointError, match=reason):
        load_models(None, None, folders, named, strict=way == "strict")


def test_a_repository_without_networks_is_refused(tmp_path: Path) -> None:
    """The message names the folder, and the flag for the folder of a single network."""
    with pytest.raises(CheckpointError, match=r"has no folder with lightwell\.toml"):
        repository_folders(tmp_path)
    copy_renamed("cnn", tmp_path / "digits")
    with pytest.raises(CheckpointError, match="it is itself a network: use --model"):
        repository_folders(tmp_path / "digits")


def test_a_compilation_longer_than_the_deadline_is_named(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 504 tells the compilation from a busy device, and when to come back."""
    compile_analysis = ResidentModel.compile_analysis

    def compile_slowly(*arguments: Any) -> ResidentProgram:
        """Compile an analysis in more time than a request has."""
        time.sleep(2)
        return compile_analysis(*arguments)

    monkeypatch.setattr(ResidentModel, "compile_analysis", compile_slowly)
    settings = Settings(models=repository, deadline_s=1, cache=None)
    with TestClient(create_app(settings)) as client:
        assert client.portal is not None
        client.portal.call(client.app.state.engine.warmed)  # type: ignore[attr-defined]
        answer = client.post("/digits/intervene", json=IMAGE)

    assert answer.status_code == 504, answer.text
    assert "still being compiled" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "1"
