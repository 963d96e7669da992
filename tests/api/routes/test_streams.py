"""Stream of gates as JSON lines: the values of a trace, sent as they are computed."""

import asyncio
import json
from contextlib import ExitStack
from typing import Any

import numpy as np
import orjson
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.inference.batching import DeadlineError, QueueFullError
from api.inference.engine import Engine
from api.openapi.examples import LINES
from api.routes.streams import STEPS, Lines
from models.registry import ResidentModel

GATES = ["input_gate", "forget_gate", "candidate", "output_gate"]
LONG = "1011000" * 200
"""A sequence of more than two chunks of the device."""

STATE = {"cell": [0.5] * 8, "hidden": [-0.25] * 8}
BUCKETS = {"rtol": 2e-5, "atol": 2e-5}
PATH = "/lstm/gates.jsonl"


def lines_of(content: str | bytes) -> list[dict[str, Any]]:
    """Read JSON lines."""
    return [json.loads(line) for line in content.splitlines()]


def traced(client: TestClient, body: dict[str, Any], query: str = "") -> dict[str, np.ndarray]:
    """Values of a sequence from `/lstm/trace`; of states, from step 1 on."""
    answer = client.post(f"/lstm/trace?{query}", json=body).json()
    values = {one["name"]: np.array(one["data"]) for one in answer["tensors"]}
    return {name: each[1:] if name in STATE else each for name, each in values.items()}


@pytest.mark.parametrize(
    "body",
    [{"sequence": "1"}, {"sequence": [1, 0, 1, 1, 0], "initial_state": STATE}, {"sequence": LONG}],
    ids=["one step", "state", "long"],
)
def test_lines_are_what_a_trace_says(body: dict[str, Any], client: TestClient) -> None:
    """One line for each step in order, with its bit and the four gates."""
    response = client.post(PATH, json=body)

    assert response.headers["content-type"] == "application/jsonl"
    lines, expected = lines_of(response.text), traced(client, body)
    warned = ["warnings"] if "initial_state" in body else []
    assert list(lines[0]) == ["input", "step", "bit", *warned, *GATES]
    assert all(list(line) == ["input", "step", "bit", *GATES] for line in lines[1:])
    assert [line["step"] for line in lines] == list(range(1, len(body["sequence"]) + 1))
    assert [line["bit"] for line in lines] == [int(bit) for bit in body["sequence"]]
    assert {line["input"] for line in lines} == {0}
    for name in GATES:
        np.testing.assert_allclose([line[name] for line in lines], expected[name], **BUCKETS)


def test_values_units_and_precision_select(client: TestClient) -> None:
    """States and logits are those after the step; `values` and `units` set the order."""
    body = {"sequence": LONG[:600]}
    query = "?values=logits,hidden,cell,forget_gate,cell&units=5,2"

    lines = lines_of(client.post(PATH + query, json=body).text)
    rounded = lines_of(client.post(f"{PATH}{query}&precision=2", json=body).text)

    expected = traced(client, body, "units=5,2")
    assert list(lines[0]) == ["input", "step", "bit", "logits", "hidden", "cell", "forget_gate"]
    for name in ("logits", "hidden", "cell", "forget_gate"):
        made = np.array([line[name] for line in lines])
        assert made.shape == (600, 2)
        np.testing.assert_allclose(made, expected[name], err_msg=name, **BUCKETS)
        np.testing.assert_allclose([line[name] for line in rounded], made, atol=0.00501)
    assert all(round(value, 2) == value for line in rounded for value in line["cell"])


def test_lines_of_several_sequences_are_each_in_order(client: TestClient) -> None:
    """`input` is the index of the sequence of a line; each sequence has all its steps, in order."""
    inputs = [{"sequence": LONG}, {"sequence": "10"}, {"sequence": "0" * 700}]

    lines = lines_of(client.post(PATH, json={"inputs": inputs}).text)

    for at, body in enumerate(inputs):
        own, expected = [line for line in lines if line["input"] == at], traced(client, body)
        assert [line["step"] for line in own] == list(range(1, len(body["sequence"]) + 1))
        for name in GATES:
            np.testing.assert_allclose([line[name] for line in own], expected[name], **BUCKETS)


def test_headers_say_which_weights_answered(client: TestClient, lstm: ResidentModel) -> None:
    """Lines have no fields that belong to the whole response."""
    headers = client.post(PATH, json={"sequence": "1"}).headers

    assert headers["lightwell-weights"] == lstm.checkpoint.digest
    assert headers["cache-control"] == "no-store"
    assert headers["server-timing"].startswith("prepare;dur=")


@pytest.mark.parametrize(
    ("query", "body", "status", "place"),
    [
        ("units=8", {"sequence": "1"}, 422, ["query", "units"]),
        ("values=sequence", {"sequence": "1"}, 422, ["query", "values"]),
        ("steps=1", {"sequence": "1"}, 422, ["query", "steps"]),
        ("precision=10", {"sequence": "1"}, 422, ["query", "precision"]),
        ("", {"sequence": "2"}, 422, ["body", "sequence", 0]),
        (
            "",
            {"inputs": [{"sequence": "1"}, {"sequence": ""}]},
            422,
            ["body", "inputs", 1, "sequence"],
        ),
    ],
)
def test_what_is_wrong_is_said_before_the_stream(
    query: str, body: Any, status: int, place: list[Any], client: TestClient
) -> None:
    """A wrong request is an ordinary problem."""
    response = client.post(f"{PATH}?{query}", json=body)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["errors"][0]["location"] == place


def test_the_example_is_what_the_server_says(client: TestClient) -> None:
    """The lines in the OpenAPI text have the fields of real ones."""
    real = lines_of(client.post(f"{PATH}?units=0", json={"sequence": "10"}).text)

    for example, line in zip(lines_of(LINES), real, strict=True):
        assert list(example) == list(line)
        assert [type(value) for value in example.values()] == [type(one) for one in line.values()]
        assert [example[key] for key in ("input", "step", "bit")] == [
            line[key] for key in ("input", "step", "bit")
        ]


class Caller:
    """Client that posts a sequence and reads the stream in the server's event loop."""

    def __init__(self, client: TestClient, sequence: str) -> None:
        self.client = client
        self.content = orjson.dumps({"sequence": sequence})
        self.sent: list[dict[str, Any]] = []
        self.posted = False
        self.gone = asyncio.Event()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Lines received so far."""
        return lines_of(b"".join(message.get("body", b"") for message in self.sent))

    async def receive(self) -> dict[str, Any]:
        """Send the body, then nothing until the client disconnects."""
        if not self.posted:
            self.posted = True
            return {"type": "http.request", "body": self.content}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Receive one message of the server."""
        self.sent.append(message)

    def ask(self) -> None:
        """Send the request, and wait for the end of the response."""
        scope = {
            "type": "http",
            "method": "POST",
            "path": PATH,
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
        }
        assert self.client.portal is not None
        self.client.portal.call(self.client.app, scope, self.receive, self.send)


def test_lines_are_sent_before_the_last_steps_have_run(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next steps are computed only when the lines of the last ones are sent."""
    caller, engine = Caller(client, LONG), app.state.engine
    run, lines_before = engine.run, []

    async def noted(*args: Any) -> Any:
        lines_before.append(len(caller.lines))
        return await run(*args)

    monkeypatch.setattr(engine, "run", noted)
    caller.ask()

    assert lines_before == [0, STEPS, 2 * STEPS]
    assert len(caller.lines) == len(LONG)
    assert engine.admission.in_flight == 0


def failing(engine: Engine, monkeypatch: pytest.MonkeyPatch, call: int, fault: Any) -> None:
    """Replace one run of the engine, counted from 1, by a fault."""
    run, calls = engine.run, []

    async def fails(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == call:
            await fault()
        return await run(*args)

    monkeypatch.setattr(engine, "run", fails)


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [(DeadlineError, 504, "deadline"), (QueueFullError, 503, "busy"), (KeyError, 500, "internal")],
)
def test_a_fault_after_the_first_line_is_the_last_line(
    error: type[Exception],
    status: int,
    kind: str,
    app: FastAPI,
    client: TestClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The problem is the last line after others; before the first line it is the response."""

    async def fault() -> None:
        raise error

    failing(app.state.engine, monkeypatch, 2, fault)
    response = client.post(PATH, json={"sequence": LONG})
    *lines, last = lines_of(response.text)
    failing(app.state.engine, monkeypatch, 1, fault)
    refused = client.post(PATH, json={"sequence": LONG})

    assert response.status_code == 200
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert list(last) == ["problem"]
    assert last["problem"]["type"] == f"urn:lightwell:problem:{kind}"
    assert last["problem"]["status"] == status
    assert last["problem"]["request_id"] == response.headers["x-request-id"]
    assert refused.status_code == status
    assert refused.json().keys() == last["problem"].keys()
    assert app.state.engine.admission.in_flight == 0


def test_a_server_that_stops_ends_its_streams(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that is still sent when the engine closes has a last line that says why."""

    async def stopping() -> None:
        monkeypatch.setattr(app.state.engine, "closed", True)

    failing(app.state.engine, monkeypatch, 2, stopping)
    *lines, last = lines_of(client.post(PATH, json={"sequence": LONG}).text)

    assert len(lines) == 2 * STEPS
    assert last["problem"]["type"] == "urn:lightwell:problem:draining"


@pytest.mark.parametrize("call", [1, 2])
def test_the_work_stops_when_the_client_goes(
    call: int, app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Queued work is cancelled when the client disconnects, before the first line and after it."""
    caller, dropped = Caller(client, LONG), []

    async def waits() -> None:
        caller.gone.set()
        try:
            await asyncio.Event().wait()
        finally:
            dropped.append(call)

    failing(app.state.engine, monkeypatch, call, waits)
    caller.ask()

    assert dropped == [call]
    assert len([line for line in caller.lines if "step" in line]) == (call - 1) * STEPS
    assert app.state.engine.admission.in_flight == 0


def test_a_stream_is_in_flight_until_it_ends(app: FastAPI, client: TestClient) -> None:
    """A stream counts as in flight while its lines are sent."""
    caller, engine, seen = Caller(client, LONG), app.state.engine, []
    send = caller.send

    async def send_noted(message: Any) -> None:
        seen.append(engine.admission.in_flight)
        await send(message)

    caller.send = send_noted  # type: ignore[method-assign]
    caller.ask()

    assert set(seen) == {1}
    assert engine.admission.in_flight == 0


def test_a_client_that_reads_nothing_is_let_go() -> None:
    """A stream whose client takes no line is cut, and releases its resources."""
    let_go = []

    async def blocks() -> Any:
        try:
            yield b"{}\n"
        finally:
            let_go.append("blocks")

    async def never(*_: Any) -> Any:
        await asyncio.Event().wait()

    held = ExitStack()
    held.callback(let_go.append, "held")
    stream = Lines(blocks(), {}, 0.01, held)
    taken: list[Any] = []

    async def send(message: Any) -> None:
        taken.append(message)
        if message["type"] == "http.response.body":
            await never()

    asyncio.run(stream({"type": "http"}, never, send))

    assert let_go == ["blocks", "held"]
    assert [message["type"] for message in taken] == [
        *("http.response.start", "http.response.body"),
    ]


def test_a_known_request_line_streams_too(app: FastAPI, client: TestClient) -> None:
    """A cached request line streams the same lines as the first."""
    app.state.route_cache.clear()
    first, second = (client.post(PATH, json={"sequence": "10110"}) for _ in range(2))

    assert len(app.state.route_cache) == 1
    assert first.content == second.content


@pytest.mark.parametrize("name", [*GATES, "cell", "hidden", "logits"])
def test_a_trace_of_one_value_is_that_value(
    name: str, app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`values` picks tensors of a trace, and nothing else is fetched from the device."""
    body, fetched = {"sequence": "10110"}, set()
    whole = {one["name"]: one for one in client.post("/lstm/trace", json=body).json()["tensors"]}
    trace = app.state.engine.queues["lstm.trace.128"]
    work = trace._work

    def noted(calls: Any) -> Any:
        fetched.update(*(call.outputs for call in calls))
        return work(calls)

    monkeypatch.setattr(trace, "_work", noted)
    made = client.post(f"/lstm/trace?values={name}", json=body).json()["tensors"]

    assert [one["name"] for one in made] == ["sequence", name]
    assert made[1] == whole[name]
    assert fetched == {name, "logits", "final_cell", "final_hidden"}


def test_values_of_a_trace_come_in_the_order_asked_for(client: TestClient) -> None:
    """Each once; the initial state alone is refused where no value has it."""
    ask = "/lstm/trace?sequence=10110&values=hidden,input_gate,hidden"

    assert [one["name"] for one in client.get(ask).json()["tensors"]] == [
        *("sequence", "hidden", "input_gate"),
    ]
    assert client.get(f"{ask}&steps=0").status_code == 200
    refused = client.get("/lstm/trace?sequence=10110&values=input_gate&steps=0")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"] == ["query", "steps"]
