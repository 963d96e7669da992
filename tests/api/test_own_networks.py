"""A server of the user's own networks alone: with neither of the shipped ones."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.inference import loading
from api.settings import Settings
from lightwell_client import Lightwell
from tests.api.bodies import encoded
from tests.applications import running
from tests.networks import (
    COLOURS,
    COLOURS_TOML,
    FEATURES_TOML,
    LETTERS,
    LETTERS_TOML,
    write_network,
)

PICTURE = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """Application with three networks of the user, and one that cannot be loaded."""
    folder = tmp_path_factory.mktemp("models")
    for name, text in (
        ("colours", COLOURS_TOML),
        ("two-layers", LETTERS_TOML),
        ("walk", FEATURES_TOML),
    ):
        write_network(folder / name, text)
    (folder / "broken").mkdir()
    (folder / "broken" / "lightwell.toml").write_text("format = 1\nclasses = 3\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "shipped_names", lambda: ())
        yield create_app(Settings(models=folder))


@pytest.fixture(scope="module")
def client(own: FastAPI) -> Iterator[TestClient]:
    """A client of a server that is ready."""
    with running(own, analyses=False, raise_server_exceptions=False) as client:
        yield client


def test_models_describe_layers_and_inputs(client: TestClient) -> None:
    """Each value has its layer, its line and what it reads; one that failed has its reason."""
    listed = client.get("/models").json()

    models = {one["name"]: one for one in listed["models"]}
    assert set(models) == {"colours", "two-layers", "walk"}
    assert [one["name"] for one in listed["failed"]] == ["broken"]
    assert "classes must be a list" in listed["failed"][0]["reason"]
    layers = {one["name"]: one for one in models["colours"]["layers"]}
    assert list(layers) == list(COLOURS.layers)
    assert (layers["norm1"]["inputs"], layers["norm1"]["operation"]) == (["conv1"], "norm")
    assert layers["logits"]["inputs"] == ["pool1"]  # through flatten
    assert layers["conv1"]["shape"] == [4, 4, 6]
    assert models["colours"]["details"]["mean"] == [0.5, 0.4, 0.3]
    second = {one["name"]: one for one in models["two-layers"]["layers"]}["gru2.candidate"]
    assert second["inputs"] == ["gru1.hidden"]
    assert models["two-layers"]["details"]["states"][1]["final"] == "gru2.final_hidden"
    assert models["walk"]["details"]["features"] == 2
    for model in models.values():
        assert sum(one["parameters"] for one in model["layers"]) == model["parameters"]
        assert model["memory_bytes"] >= 4 * model["parameters"]
        assert model["ready_s"] > 0
        assert not model["shipped"]


def test_a_picture_and_its_echo_get_the_same_answer(client: TestClient) -> None:
    """Pixels of an answer, posted again, have the same logits to the bit."""
    png = {"Content-Type": "image/png"}
    first = client.post("/colours/predict", content=encoded(PICTURE), headers=png).json()
    again = client.post("/colours/predict", json={"pixels": first["input"]["pixels"]}).json()

    assert np.array(first["input"]["pixels"]).shape == (4, 6, 3)
    assert first["prediction"] == again["prediction"]
    assert first["prediction"]["name"] in COLOURS.classes
    assert "unfamiliarity" not in json.dumps(first)


@pytest.mark.parametrize(
    ("model", "sequence", "key", "value"),
    [
        ("two-layers", "abcde", "symbol", "e"),
        ("walk", [[0.5, 1], [0.25, 0.125]], "features", [0.25, 0.125]),
    ],
)
def test_gates_of_every_network_of_sequences_are_streamed(
    client: TestClient, model: str, sequence: Any, key: str, value: Any
) -> None:
    """The last line has the last step and the logits of the whole sequence."""
    response = client.post(f"/{model}/gates.jsonl?values=logits", json={"sequence": sequence})

    lines = [json.loads(line) for line in response.text.splitlines()]
    assert len(lines) == len(sequence)
    assert (lines[-1]["step"], lines[-1][key]) == (len(sequence), value)
    by_default = client.post(f"/{model}/gates.jsonl", json={"sequence": sequence})
    names = set(json.loads(by_default.text.splitlines()[0])) - {"input", "step", key}
    wanted = {"hidden"} if model == "walk" else {n for n in LETTERS.layers if "hidden" not in n}
    assert names == wanted - {"logits"}


def test_a_stream_continues_from_the_states_of_another(client: TestClient) -> None:
    """Two halves with the states of every layer give the logits of the whole."""
    values = "values=logits,gru1.hidden,gru2.hidden"

    def last(body: dict[str, Any]) -> dict[str, Any]:
        response = client.post(f"/two-layers/gates.jsonl?{values}", json=body)
        found: dict[str, Any] = json.loads(response.text.splitlines()[-1])
        return found

    whole, half = last({"sequence": "abcdeedcba"}), last({"sequence": "abcde"})
    state = {name: half[name] for name in ("gru1.hidden", "gru2.hidden")}
    rest = last({"sequence": "edcba", "initial_state": state})
    np.testing.assert_allclose(rest["logits"], whole["logits"], rtol=1e-5, atol=1e-6)


def test_units_of_a_layer_that_it_does_not_have_are_refused(client: TestClient) -> None:
    """The problem names the value and its number of units."""
    response = client.post("/two-layers/gates.jsonl?units=3", json={"sequence": "a"})

    assert response.status_code == 422
    assert "unit 3 is not one of gru2.reset_gate's 3 (0 to 2)" in response.json()["detail"]


def test_a_probe_that_does_not_apply_is_a_404_with_those_that_do(client: TestClient) -> None:
    """The sentence says why, and lists the probes of the model."""
    response = client.post("/colours/embedding", json={"pixels": [[0]]})

    assert response.status_code == 404
    detail = response.json()["detail"]
    assert detail.startswith("colours has no embedding: ")
    assert "It has predict, activations" in detail
    assert client.get("/cnn/filters").json()["type"].endswith("unknown-model")


def test_pages_need_no_shipped_network(client: TestClient) -> None:
    """Findings are an empty list; the document, its page, samples and metrics work."""
    assert client.get("/findings").json() == {"findings": []}
    for path in ("/", "/docs", "/openapi.json", "/samples", "/metrics", "/readyz"):
        assert client.get(path).status_code == 200, path
    assert "/{model}/predict" in client.get("/openapi.json").json()["paths"]
    metrics = client.get("/metrics").text
    assert 'model="two-layers"' in metrics


def test_the_python_client_takes_any_network(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrays of colours, symbols, and inputs in the form of the body; an unknown name is named."""
    lightwell = Lightwell()
    monkeypatch.setattr(lightwell, "_http", client)

    by_array = lightwell.probe("colours", "predict", PICTURE)
    by_method = lightwell.predict(PICTURE, model="colours")
    values = np.zeros((4, 6, 3))
    first, second = lightwell.ask("colours", "predict", [{"values": values}, {"values": values}])
    steps = list(lightwell.steps("abc", model="two-layers"))
    moves = list(lightwell.steps({"sequence": [[1, 2]]}, model="walk"))

    assert by_array.prediction.logits.tolist() == by_method.prediction.logits.tolist()
    assert by_array.prediction.name in COLOURS.classes
    assert first.prediction.logits.tolist() == second.prediction.logits.tolist()
    assert [step.bit for step in steps] == ["a", "b", "c"]
    assert moves[0]["hidden"].shape == (3,)
    with pytest.raises(KeyError, match="colours, two-layers, walk"):
        lightwell.ask("nothing", "predict", "abc")


def choices_of(client: TestClient, model: str, probe: str, parameter: str) -> list[str]:
    """Choices of a probe's parameter that `/models/{model}` lists."""
    probes = {one["name"]: one for one in client.get(f"/models/{model}").json()["probes"]}
    choices: list[str] = probes[probe]["parameters"]["properties"][parameter]["enum"]
    return choices


def test_a_network_without_a_record_of_units_offers_no_means(client: TestClient) -> None:
    """Means over the training images are no choice where they were not measured."""
    assert choices_of(client, "colours", "sweep", "operation") == ["zero", "patch"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("attribution?target=99", "target '99' must be less than 3"),
        ("attribution?noise=much", "noise 'much' is not a number"),
        ("activations?reduce=perhaps", "reduce 'perhaps' is not one of true, false"),
    ],
)
def test_wrong_values_have_a_sentence_with_the_limit(
    client: TestClient, query: str, sentence: str
) -> None:
    """A sentence names the parameter, its value and the limit."""
    answer = client.post(f"/colours/{query}", json={"pixels": PICTURE.tolist()})

    assert (answer.status_code, answer.json()["detail"]) == (422, sentence)


def test_a_wrong_key_of_an_edit_is_named(client: TestClient) -> None:
    """A key that an edit has not is named with its place."""
    edits = [{"layer": "conv1", "channel": 1, "operation": "zero"}]
    body = {"pixels": PICTURE.tolist(), "edits": edits}
    answer = client.post("/colours/intervene", json=body)

    expected = "edits[0] has key 'channel', which is not known here."
    assert (answer.status_code, answer.json()["detail"]) == (422, expected)
