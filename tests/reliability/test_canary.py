"""Weights that compute no finite values are not served (row 42)."""

from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.inference import loading
from api.settings import Settings
from models.canary import canary
from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError
from tests.networks import (
    COLOURS,
    COLOURS_TOML,
    COUNTING_LSTM,
    FEATURES,
    FEATURES_TOML,
    GREY,
    GREY_TOML,
    LETTERS,
    LETTERS_TOML,
    SIMPLE_CNN,
    WORDS,
    WORDS_TOML,
    write_network,
)
from tests.servers import ROOT, TIMEOUT_S, Server

NETWORKS = {
    "colours": COLOURS_TOML,
    "grey": GREY_TOML,
    "letters": LETTERS_TOML,
    "words": WORDS_TOML,
    "walk": FEATURES_TOML,
}
REASON = "its weights give logits that are not finite"


def overflow(folder: Path) -> None:
    """Make weights finite, and so large that the logits are not."""
    path = folder / "weights.safetensors"
    tensors = checkpoints.load(path).tensors
    large = {name: np.copysign(np.float32(3e38), value) for name, value in tensors.items()}
    checkpoints.save(path, large, {})


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Model repository of a network of each kind, without the shipped ones."""
    for name, text in NETWORKS.items():
        write_network(tmp_path / "models" / name, text)
    monkeypatch.setattr(loading, "shipped_names", lambda: ())
    return tmp_path / "models"


def test_42_a_network_below_models_is_left_out(
    models: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Others are served; the log and /models have the reason, and its paths are a 404."""
    overflow(models / "grey")
    overflow(models / "letters")
    with TestClient(create_app(Settings(models=models))) as client:
        assert client.portal is not None
        client.portal.call(client.app.state.engine.analyses_warmed)  # type: ignore[attr-defined]
        listed = client.get("/models").json()
        answers = [
            client.post("/grey/predict", json={"values": [[[0.5]] * 6] * 4}),
            client.post("/letters/gates.jsonl", json={"sequence": "a"}),
            client.get("/letters/gates?sequence=a"),
        ]
        assert client.get("/readyz").status_code == 200
        assert client.get("/letters-of/gates").json()["type"].endswith("unknown-model")
        assert client.get("/metrics").status_code == 200

    assert {one["name"] for one in listed["models"]} == set(NETWORKS) - {"grey", "letters"}
    assert {one["name"]: REASON in one["reason"] for one in listed["failed"]} == {
        "grey": True,
        "letters": True,
    }
    assert f"a network is not served: grey: {REASON}" in caplog.text
    for answer in answers:
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:lightwell:problem:unknown-model"
        assert "/models says why" in answer.json()["detail"]


@pytest.mark.parametrize("way", ["named", "strict"])
def test_42_a_network_that_was_named_keeps_readyz_at_503(models: Path, way: str) -> None:
    """Mounted in another application the server lives, and /readyz has the sentence."""
    overflow(models / "grey")
    settings = (
        Settings(model=models / "grey") if way == "named" else Settings(models=models, strict=True)
    )
    with TestClient(create_app(settings)) as client:
        assert client.portal is not None
        with pytest.raises(CheckpointError, match=REASON):
            client.portal.call(client.app.state.engine.warmed)  # type: ignore[attr-defined]
        answer = client.get("/readyz")
        assert client.get("/livez").status_code == 200

    assert answer.status_code == 503
    assert f"grey: {REASON}" in answer.json()["detail"]


def test_42_the_command_ends_with_a_sentence(models: Path) -> None:
    """Its exit status is 1, and the log has no traceback."""
    overflow(models / "grey")
    server = Server("--model", str(models / "grey"), root=ROOT)
    try:
        assert server.process.wait(TIMEOUT_S) == 1
    finally:
        server.stop()
    text = "".join(server.lines)
    assert text.count(f"a network is not served: grey: {REASON}") == 1
    assert "Traceback" not in text


@pytest.mark.parametrize("network", [COLOURS, GREY, LETTERS, WORDS, FEATURES, SIMPLE_CNN])
def test_the_canary_is_an_ordinary_input(network) -> None:
    """It has the shape and the type of a row of the network, and its values vary."""
    row = canary(network)

    (name,) = {"image", "sequence"} & row.keys()
    assert np.unique(row[name]).size > 1
    assert np.isfinite(row[name]).all()
    assert canary(COUNTING_LSTM)["sequence"].tolist() == [0, 1] * 16
