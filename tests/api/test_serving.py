"""The server as a whole: warm, documented, bounded."""

import asyncio
import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api import schemas
from api.app import create_app
from api.batching import DeadlineError, QueueFullError
from api.engine import Engine, Spent
from api.examples import EXAMPLES
from api.metrics import TRITON
from api.settings import Settings
from models.anatomy import LAYERS
from models.programs import CHUNKS
from models.samples import Samples
from models.zoo import ResidentModel

COMPILE = "/jax/core/compile/backend_compile_duration"


@pytest.fixture
def compiles() -> Iterator[list[str]]:
    """Every compilation from here on."""
    seen: list[str] = []

    def note(event: str, *_: Any, **__: Any) -> None:
        if event == COMPILE:
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(note)
    yield seen
    jax.monitoring.unregister_event_duration_listener(note)


def test_the_count_of_compilations_counts(compiles: list[str]) -> None:
    """A new shape is a compilation, so that none below means none."""
    jax.jit(lambda value: value * 3)(jax.numpy.zeros(7))

    assert compiles


def test_no_request_compiles(client: TestClient, digits: Samples, compiles: list[str]) -> None:
    """A thousand random requests, of every length and kind, compile nothing."""
    rng = random.Random(3)  # noqa: S311 - not for secrets
    pixels = [{"pixels": image.tolist()} for image in digits.images[:20]]
    for _ in range(1000):
        if rng.random() < 0.3:
            path = rng.choice(
                ["predict", "activations?layers=relu3", "channel?layer=pool1&channel=3"]
            )
            response = client.post(f"/cnn/{path}", json=rng.choice(pixels))
        else:
            path = rng.choice(["predict", "gates", "cell", "hidden", "trace"])
            bits = "".join(rng.choice("01") for _ in range(int(2 ** rng.uniform(0, 8.5))))
            response = client.post(f"/lstm/{path}", json={"sequence": bits})
        assert response.status_code == 200, response.text

    assert compiles == []


def test_requests_side_by_side_get_their_own_answers(app: FastAPI, client: TestClient) -> None:
    """Sequences of many lengths at once are each answered as they are alone."""
    engine: Engine = app.state.engine
    model = engine.models["lstm"]
    import numpy as np  # noqa: PLC0415 - only here

    rng = np.random.default_rng(1)
    zeros = np.zeros(model.weights["readout.kernel"].shape[0], np.float32)
    rows = [
        {"sequence": rng.integers(0, 2, length).astype(np.uint8), "cell": zeros, "hidden": zeros}
        for length in (1, 5, 31, 32, 33, 64, 100, 257, 300, 12)
    ]

    async def one(row: dict[str, Any]) -> Any:
        run = model.card.run("trace", row, frozenset({"cell", "logits"}))
        return await engine.run(run, time.monotonic() + 60, Spent())

    async def all_at_once() -> list[Any]:
        return await asyncio.gather(*(one(row) for row in rows))

    assert client.portal is not None
    together = client.portal.call(all_at_once)
    for row, made in zip(rows, together, strict=True):
        alone = client.portal.call(one, row)
        for name in ("cell", "logits"):
            np.testing.assert_allclose(made[name], alone[name], rtol=1e-4, atol=1e-4)


def test_before_it_is_warm_it_is_alive_and_says_when_to_come_back() -> None:
    """While programs compile, /livez is 200 and the rest a 503 with `Retry-After`."""
    app = create_app(Settings())
    engine: Engine = app.state.engine

    async def never() -> None:
        await asyncio.Event().wait()

    engine.warm_up = never  # type: ignore[method-assign]
    with TestClient(app) as client:
        assert client.get("/livez").status_code == 200
        for path in ("/readyz", "/lstm/gates?sequence=1", "/cnn/filters"):
            response = client.get(path)
            assert response.status_code == 503
            assert response.headers["retry-after"] == "1"
            assert response.json()["type"] == "urn:lightwell:problem:warming"


@pytest.mark.parametrize(
    ("raised", "status", "kind"), [(QueueFullError, 503, "busy"), (DeadlineError, 504, "deadline")]
)
def test_overload_is_said_and_bounded(
    raised: type[Exception],
    status: int,
    kind: str,
    app: FastAPI,
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full queue is a 503 with `Retry-After`, a deadline that passed in the queue a 504."""

    async def overloaded(*_: Any) -> Any:
        raise raised

    monkeypatch.setattr(app.state.engine, "run", overloaded)

    response = client.get("/lstm/gates?sequence=1")

    assert response.status_code == status
    assert response.json()["type"] == f"urn:lightwell:problem:{kind}"
    assert ("retry-after" in response.headers) == (status == 503)


def test_more_requests_than_may_be_worked_on_are_refused(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound on requests in flight refuses before anything is done for them."""
    monkeypatch.setattr(app.state.engine, "_max_requests", 0)

    response = client.get("/lstm/gates?sequence=1")

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert client.get("/readyz").status_code == 200


def test_work_for_a_client_who_has_gone_is_dropped(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the connection closes while a row waits, the wait is cancelled: nobody runs it."""
    messages = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/lstm/gates",
        "query_string": b"sequence=1",
        "headers": [],
    }

    async def scene() -> bool:
        dropped = asyncio.Event()

        async def waits(*_: Any) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                dropped.set()
                raise

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.01)
            return messages.pop(0)

        async def send(_: Any) -> None:
            pass

        monkeypatch.setattr(app.state.engine, "run", waits)
        await app(scope, receive, send)
        return dropped.is_set()

    assert client.portal is not None
    assert client.portal.call(scene)


def test_a_bug_is_a_500_that_says_nothing(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception nobody expected is logged, and answered without its text."""

    async def broken(*_: Any) -> Any:
        message = "secret"
        raise RuntimeError(message)

    monkeypatch.setattr(app.state.engine, "run", broken)

    response = client.get("/lstm/gates?sequence=1")

    assert response.status_code == 500
    assert response.json()["type"] == "urn:lightwell:problem:internal"
    assert "secret" not in response.text
    assert client.get("/livez").status_code == 200


def test_negotiation_follows_the_accept_header(client: TestClient) -> None:
    """An <img> gets a picture, a program JSON, and the query goes before both."""
    path = "/lstm/gates?sequence=101"
    browser = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"

    def kind(accept: str, query: str = "") -> str:
        return str(client.get(path + query, headers={"Accept": accept}).headers["content-type"])

    assert kind("*/*") == "application/json"
    assert kind(browser) == "image/png"
    assert kind("image/png;q=0.5, application/json;q=0.4") == "image/png"
    assert kind("application/x-npz") == "application/x-npz"
    assert kind("image/png", "&format=json") == "application/json"


def test_openapi_is_what_generators_like(client: TestClient) -> None:
    """Unique operation ids, tags, bodies with examples, binary schemas, problems, no loose ends."""
    text = client.get("/openapi.json").json()

    operations = [one for path in text["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    assert {"cnn_activations", "cnn_activations_png", "lstm_gates", "get_lstm_gates"} <= set(names)
    for one in operations:
        assert one["tags"]
        assert "HTTPValidationError" not in json.dumps(one)
        for media, described in one["responses"]["200"]["content"].items():
            binary = described.get("schema", {}).get("format") == "binary"
            worded = media in {"application/json", "application/jsonl", "text/plain"}
            assert binary != worded, one["operationId"]
            assert "example" in described or media != "application/json", one["operationId"]
        for parameter in one.get("parameters", []):
            if "array" in json.dumps(parameter["schema"]):
                assert parameter["explode"] is False
        body = one.get("requestBody", {}).get("content", {}).get("application/json")
        assert body is None or body["examples"]
    wanted = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(text)))
    assert wanted <= set(text["components"]["schemas"])


def test_examples_are_what_their_schemas_say() -> None:
    """Every example in the OpenAPI text would pass for a real answer."""
    kinds = {
        "image": schemas.ImageAnswer,
        "sequence": schemas.SequenceAnswer,
        "query": schemas.SequenceAnswer,
        "weights": schemas.WeightsAnswer,
        "model": schemas.ModelEntry,
        "models": schemas.ModelList,
        "findings": schemas.FindingList,
        "samples": schemas.SampleList,
        "colormaps": schemas.ColourMapList,
        "livez": schemas.Status,
        "readyz": schemas.Status,
        "problem": schemas.ProblemAnswer,
    }

    assert set(kinds) == set(EXAMPLES)
    for name, kind in kinds.items():
        kind.model_validate(EXAMPLES[name])


def test_the_committed_openapi_text_is_the_servers(client: TestClient) -> None:
    """openapi.json in the repository is what the app serves."""
    committed = Path(__file__).parents[2] / "openapi.json"

    assert json.loads(committed.read_text()) == client.get("/openapi.json").json()


def test_docs_need_no_internet(client: TestClient) -> None:
    """The page at /docs loads its script and style from this server alone."""
    page = client.get("/docs").text

    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    for source in sources:
        assert not source.startswith(("http", "//")), source
        assert client.get(source).status_code == 200, source


def test_local_pages_may_call_and_others_not(client: TestClient) -> None:
    """A page of this machine is allowed; another origin gets no permission."""
    for origin, allowed in (("http://localhost:5173", True), ("https://example.com", False)):
        response = client.get("/livez", headers={"Origin": origin})
        assert (response.headers.get("access-control-allow-origin") == origin) == allowed


def test_metrics_count_by_template_and_outcome(client: TestClient) -> None:
    """Prometheus sees routes, never paths, and every program's rows."""
    before = prometheus(client.get("/metrics").text)
    client.get("/lstm/gates?sequence=101")
    client.get("/no/such/path")

    text = client.get("/metrics").text
    after = prometheus(text)

    assert 'lightwell_requests_total{method="GET",route="/lstm/gates",status="200"}' in text
    assert 'route="unmatched"' in text
    assert "/no/such/path" not in text
    assert "lightwell_ready 1.0" in text

    def grew(name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return after[key] - before.get(key, 0)

    program = f"lstm.trace.{CHUNKS[0]}"
    assert grew("lightwell_rows_total", outcome="completed", program=program) == 1
    assert grew("lightwell_batch_rows_count", program=program) == 1
    assert grew("lightwell_batch_rows_sum", program=program) == 1
    for stage in ("queue", "program", "encode"):
        assert grew("lightwell_stage_seconds_count", stage=stage) == 1
        assert 0 < grew("lightwell_stage_seconds_sum", stage=stage) < 1


def test_metrics_have_tritons_names(client: TestClient, lstm: ResidentModel) -> None:
    """A dashboard made for Triton reads the counters of a model: names, labels, microseconds."""
    before = prometheus(client.get("/metrics").text)
    client.get("/lstm/gates?sequence=1011")
    text = client.get("/metrics").text
    after = prometheus(text)
    labels = {"model": "lstm", "version": lstm.checkpoint.digest[:12]}

    for name, (kind, _) in TRITON.items():
        # The parser calls a counter what Prometheus' own libraries would have called it.
        key = (name + "_total" * (kind == "counter"), frozenset(labels.items()))
        assert f"# TYPE {name} {kind}\n{name}{{" in text
        if name.endswith("_us"):
            assert 0 < after[key] - before[key] < 1e6
        elif name != "nv_inference_request_failure":
            expected = 0 if "pending" in name else 1
            assert after[key] - before[key] == expected, name
    for reason in ("REJECTED", "CANCELED", "BACKEND", "OTHER"):
        key = (
            "nv_inference_request_failure_total",
            frozenset({**labels, "reason": reason}.items()),
        )
        assert key in after


def prometheus(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Read Prometheus' text format with its own parser."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_answer_says_where_its_time_went(client: TestClient) -> None:
    """`Server-Timing` has the stages of a probe, and the total of whatever else was asked."""
    stages = client.get("/lstm/gates?sequence=1011").headers["server-timing"]
    assert [part.partition(";dur=")[0] for part in stages.split(", ")] == [
        *("prepare", "queue", "program", "encode", "total"),
    ]
    times = [float(part.partition(";dur=")[2]) for part in stages.split(", ")]
    assert sum(times[:-1]) <= times[-1] + 0.05
    for path in ("/livez", "/models", "/no/such/path", "/lstm/gates"):
        assert client.get(path).headers["server-timing"].startswith("total;dur=")


def test_models_say_what_is_resident(client: TestClient) -> None:
    """Parameters add up, and every probe is listed with its path."""
    models = {one["name"]: one for one in client.get("/models").json()["models"]}

    assert models["cnn"] == client.get("/models/cnn").json()
    assert models["cnn"]["parameters"] == 458_570
    for model in models.values():
        assert sum(layer["parameters"] for layer in model["layers"]) == model["parameters"]
        assert model["training"]["metrics"]
        for probe in model["probes"]:
            assert probe["path"] in client.get("/openapi.json").json()["paths"]


def test_samples_are_mnists(client: TestClient, digits: Samples) -> None:
    """Samples come with labels, digit by digit in turn, and each as a PNG of its own."""
    listed = client.get("/samples?count=10").json()["samples"]

    assert [one["label"] for one in listed] == list(range(10))
    chosen = client.get("/samples?label=7&count=3").json()["samples"]
    assert [one["label"] for one in chosen] == [7, 7, 7]
    png = client.get(f"/samples/{chosen[0]['index']}.png").content
    echoed = client.post("/cnn/predict", content=png, headers={"Content-Type": "image/png"})
    assert echoed.json()["input"]["pixels"] == chosen[0]["pixels"]
    assert client.get("/samples.png").headers["content-type"] == "image/png"


def test_a_known_request_line_is_answered_as_a_new_one(
    client: TestClient, app: FastAPI, digit_png: bytes
) -> None:
    """Answers, refusals and headers do not depend on who asked before, nor do other origins."""
    png, ignored = {"Content-Type": "image/png"}, {"instance", "request_id"}
    app.state.dispatch._known.clear()

    def asked(content: bytes) -> tuple[int, dict[str, Any], str]:
        response = client.post("/cnn/predict?precision=4", content=content, headers=png)
        said = {key: value for key, value in response.json().items() if key not in ignored}
        return response.status_code, said, response.headers["vary"]

    refused, answered = asked(b"no picture"), asked(digit_png)
    assert (refused[0], answered[0]) == (422, 200)
    assert len(app.state.dispatch._known) == 1
    assert (asked(b"no picture"), asked(digit_png)) == (refused, answered)
    foreign = {**png, "Origin": "https://example.com"}
    response = client.post("/cnn/predict?precision=4", content=digit_png, headers=foreign)
    assert "access-control-allow-origin" not in response.headers


def test_a_page_can_place_receptive_fields(client: TestClient) -> None:
    """Stride and offset say which rows a value sees; what sees everything has no field."""
    layers = {one["name"]: one for one in client.get("/models/cnn").json()["layers"]}

    for name, layer in LAYERS.items():
        told = layers[name]["receptive_field"]
        assert (told is None) == (layer.field is None)
        for row in range(layer.shape[0] if layer.field else 0):
            first = told["stride"] * row - told["offset"]
            span = max(first, 0), min(first + told["size"] - 1, 27)
            assert span == layer.field.span(row)
