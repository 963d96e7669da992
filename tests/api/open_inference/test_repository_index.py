"""Open Inference Protocol: the list of models, all of them or those that are ready."""

import gzip
import zlib

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.errors.problem import PROBLEMS
from api.requests.body import MAX_LIGHT_JSON

PATH = "/v2/repository/index"
READY = b'{"ready": true}'


@pytest.fixture
def names(client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the models that are ready; one more has failed to load."""
    served = app.state.engine.served
    monkeypatch.setattr(served, "failed", {"broken": "There are no weights."})
    return list(served)


def listed(client: TestClient, content: bytes = b"", **headers: str) -> list[str]:
    """Ask for the list of models; return their names."""
    answer = client.post(PATH, content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()]


@pytest.mark.parametrize("content", [b"", b"{}", b'{"ready": false}'])
def test_all_models_are_listed(content: bytes, client: TestClient, names: list[str]) -> None:
    """Those that failed too, without a body or with one that asks for no part of them."""
    assert listed(client, content) == [*names, "broken"]


def test_ready_leaves_out_models_that_failed(client: TestClient, names: list[str]) -> None:
    """The body may be compressed, as that of every request of the protocol."""
    assert listed(client, READY) == names
    assert listed(client, gzip.compress(READY), **{"Content-Encoding": "gzip"}) == names
    assert listed(client, zlib.compress(READY), **{"Content-Encoding": "deflate"}) == names


def test_no_model_of_a_server_that_is_not_ready_is(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the warm-up has ended, and while the server stops, the list is empty."""
    monkeypatch.setattr(type(app.state.engine), "ready", property(lambda _: False))

    assert listed(client, READY) == []
    assert set(listed(client)) == set(app.state.engine.served)


@pytest.mark.parametrize(
    ("content", "kind", "words"),
    [
        (b"{", "invalid-json", "not JSON"),
        (b"[]", "invalid-body", "must be an object"),
        (b'{"ready": 1}', "invalid-body", "'ready' must be true or false"),
        (b'{"redy": true}', "invalid-body", "key 'redy', which is not one of ready"),
        (b'{"ready": true, "ready": false}', "invalid-body", "twice"),
        (b" " * (MAX_LIGHT_JSON + 1), "body-too-large", "larger than"),
    ],
)
def test_other_bodies_are_refused(
    content: bytes, kind: str, words: str, client: TestClient
) -> None:
    """Plain and compressed, with the form of the protocol's errors."""
    packed = {"Content-Encoding": "gzip"}
    answers = [
        client.post(PATH, content=content),
        client.post(PATH, content=gzip.compress(content), headers=packed),
    ]

    for answer in answers:
        assert answer.status_code == PROBLEMS[kind][0], answer.text
        assert answer.json()["type"].rpartition(":")[2] == kind
        assert words in answer.json()["error"]


def test_damaged_bodies_are_refused(client: TestClient) -> None:
    """A compressed body that is cut, and one of another coding."""
    cut = client.post(PATH, content=gzip.compress(READY)[:-1], headers={"Content-Encoding": "gzip"})
    other = client.post(PATH, content=READY, headers={"Content-Encoding": "br"})

    assert (cut.status_code, other.status_code) == (422, 415)
    assert "not whole gzip" in cut.json()["error"]
