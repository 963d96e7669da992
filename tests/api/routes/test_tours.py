"""Tours of `/models/{model}/tour`: tours of the user's networks, right and wrong."""

import logging
from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.inference import loading
from api.settings import Settings
from models.registry import load_folder
from tests.networks import COLOURS_TOML, LETTERS_TOML, write_network

TOUR = """format = 1
[[steps]]
outline = "answer"
text = "It answers."
ask = "Choose layer relu1."
done = { layer = "relu1" }
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A client of three networks of the user: with a tour, with a wrong one, and without one."""
    folder = tmp_path_factory.mktemp("models")
    for name, text in (("right", COLOURS_TOML), ("wrong", COLOURS_TOML), ("none", LETTERS_TOML)):
        write_network(folder / name, text)
    (folder / "right" / "tour.toml").write_text(TOUR)
    (folder / "wrong" / "tour.toml").write_text(TOUR.replace("relu1", "relu9"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "shipped_names", lambda: ())
        with TestClient(create_app(Settings(models=folder))) as client:
            yield client


def test_a_tour_is_described(client: TestClient) -> None:
    """The steps are those of the file, and the list of models has their number."""
    answer = client.get("/models/right/tour")
    (step,) = answer.json()["steps"]

    assert client.get("/models/right").json()["tour"] == 1
    assert step["state"] == {}
    assert step["outline"] == "answer"
    assert step["done"] == {"layer": "relu1"}
    assert answer.json()["weights"] == client.get("/models/right").json()["weights"]
    tag = {"If-None-Match": answer.headers["ETag"]}
    assert client.get("/models/right/tour", headers=tag).status_code == 304


def test_a_wrong_tour_leaves_the_network_served(client: TestClient) -> None:
    """Without its tour, and with the sentence in its description and in the 404."""
    listed = client.get("/models").json()
    described = client.get("/models/wrong").json()
    answer = client.get("/models/wrong/tour")

    assert listed["failed"] == []
    assert described["tour"] == 0
    assert "step 1: done: layer 'relu9' is not one of" in described["tour_error"]
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("wrong has no tour: tour.toml: step 1: done: layer")


def test_a_network_without_a_tour_has_none(client: TestClient) -> None:
    """It is described with no steps and no fault; an unknown network has no tour either."""
    described = client.get("/models/none").json()

    assert (described["tour"], described["tour_error"]) == (0, None)
    assert client.get("/models/none/tour").json()["detail"] == "none has no tour."
    assert "is not one of" in client.get("/models/nonsense/tour").json()["detail"]


def test_the_log_names_network_and_fault(
    tmp_path_factory: pytest.TempPathFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """One line, when the network is loaded; another tour is another version of the network."""
    folder = write_network(tmp_path_factory.mktemp("models") / "mine", COLOURS_TOML)
    before = load_folder(folder).version
    (folder / "tour.toml").write_text("format = 2")
    with caplog.at_level(logging.WARNING, "lightwell"):
        model = load_folder(folder)

    assert model.tour is None
    assert [one.getMessage() for one in caplog.records] == [f"mine has no tour: {model.tour_error}"]
    assert model.version != before
