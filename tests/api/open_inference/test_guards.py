"""Open Inference Protocol: token, rates, readiness, classes of work and memory, as elsewhere."""

from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.inference.errors import EngineBusyError
from api.inference.jobs import Job
from api.inference.memory_budget import HeldBytes
from api.settings import Settings
from tests.api.open_inference.tensors import json_request

PATH = "/v2/models/lstm/infer"
STEPS = json_request({"sequence": np.array([[1, 0, 1]], np.uint8)})
TOKEN = "correct-horse-battery"  # noqa: S105 - of the tests


@pytest.fixture(scope="module")
def guarded() -> TestClient:
    """Client of a server with a token and a rate, which is not warm."""
    settings = Settings(token=TOKEN, rate=0.001, burst=3, memory=16 * 2**30)
    return TestClient(create_app(settings), raise_server_exceptions=False)


def test_the_token_is_needed_except_for_health(guarded: TestClient) -> None:
    """A request without it is a 401 with `error`; live and ready are for every monitor."""
    for method, path in (("GET", "/v2"), ("GET", "/v2/models/cnn"), ("POST", PATH)):
        answer = guarded.request(method, path, json=STEPS if method == "POST" else None)
        assert answer.status_code == 401
        assert "needs a token" in answer.json()["error"]
        assert answer.headers["content-type"] == "application/json"
    assert guarded.get("/v2/health/live").json() == {"live": True}


def test_a_cold_server_is_not_ready(guarded: TestClient) -> None:
    """Readiness and inference are 503 until the lifespan has run, with `error`."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    ready = guarded.get("/v2/health/ready")
    model = guarded.get("/v2/models/cnn/ready", headers=headers)
    infer = guarded.post(PATH, json=STEPS, headers=headers)

    for answer in (ready, model, infer):
        assert answer.status_code == 503
        assert "lifespan" in answer.json()["error"]


def test_rates_are_those_of_other_routes(guarded: TestClient) -> None:
    """A client over its rate gets a 429 with `error` and `Retry-After`."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answers = [guarded.get("/v2", headers=headers) for _ in range(8)]

    assert answers[-1].status_code == 429
    assert "more requests than its rate" in answers[-1].json()["error"]
    assert int(answers[-1].headers["retry-after"]) >= 1


@pytest.fixture
def jobs(client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """Jobs that the workload was asked to admit."""
    found: list[Job] = []
    admitted = app.state.engine.workload.admitted

    def spy(job: Job, kinds: Any, rows: int) -> Any:
        found.append(job)
        return admitted(job, kinds, rows)

    monkeypatch.setattr(app.state.engine.workload, "admitted", spy)
    return found


@pytest.mark.parametrize(
    ("rows", "steps", "is_analysis"), [(1, 512, False), (1, 513, True), (2, 3, True)]
)
def test_rows_and_steps_decide_the_class_of_work(
    rows: int, steps: int, is_analysis: bool, client: TestClient, jobs: list[Job]
) -> None:
    """One row of at most 512 steps goes before analyses; more are admitted as those are."""
    body = json_request({"sequence": np.ones((rows, steps), np.uint8)})

    assert client.post(PATH, json=body).status_code == 200
    assert [job.is_analysis for job in jobs] == [True] * is_analysis


def test_a_refusal_says_when_to_come_back(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that the workload refuses are a 503 with `error` and `Retry-After`."""

    def refuse(*_: Any) -> Any:
        msg = "Work of 9 requests is in front of this one."
        raise EngineBusyError(msg, 3)

    monkeypatch.setattr(app.state.engine.workload, "admitted", refuse)
    answer = client.post(PATH, json=json_request({"sequence": np.ones((2, 3), np.uint8)}))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.json()["error"] == "Work of 9 requests is in front of this one."


def test_memory_is_held_until_the_answer_is_sent(
    client: TestClient, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request holds its outputs at least, and nothing afterwards."""
    held: list[int] = []
    add = HeldBytes.add

    def spy(self: HeldBytes, nbytes: int) -> None:
        held.append(nbytes)
        add(self, nbytes)

    monkeypatch.setattr(HeldBytes, "add", spy)
    images = {"image": np.zeros((4, 28, 28), np.uint8)}
    answer = client.post("/v2/models/cnn/infer", json=json_request(images, ["conv1"]))

    assert answer.status_code == 200
    assert max(held) >= 4 * 4 * 32 * 28 * 28 + len(answer.content)
    assert app.state.engine.admission.memory.held == 0


def test_requests_have_the_template_of_their_route(client: TestClient) -> None:
    """Metrics count every model and version under one template, also when the route is cached."""
    for _ in range(2):
        client.post(PATH, json=STEPS)
        client.post("/v2/models/lstm/versions/1/infer", json=STEPS)

    text = client.get("/metrics").text

    for path in ("/v2/models/{model}/infer", "/v2/models/{model}/versions/{version}/infer"):
        assert f'lightwell_requests_total{{method="POST",route="{path}",status="200"}}' in text
    assert "/v2/models/lstm" not in text


def test_problems_of_other_routes_are_as_they_were(client: TestClient) -> None:
    """Beside the protocol's paths a problem has no `error`, and its own media type."""
    for path in ("/v2x", "/models/v2", "/cnn/v2"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert "error" not in answer.json()
