"""Stages of a request in the benchmark: the answers of the server, and both clocks."""

import json
import time

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from models.registry import ResidentModel
from models.runtime.programs import row_buckets
from probes.model_context import model_context
from scripts.bench import stages
from scripts.bench.systems import LEAN, SYSTEMS, System
from scripts.bench.workloads import workloads


def answered(client: TestClient, request: bytes) -> bytes:
    """Body of a server's answer to a complete HTTP request."""
    head, _, content = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    headers["Accept-Encoding"] = "identity"
    response = client.request("POST", first.split(" ")[1], content=content, headers=headers)
    assert response.status_code == 200
    return response.content


@pytest.mark.parametrize(
    ("system", "workload"),
    [
        *((SYSTEMS[0], name) for name in workloads()),
        *((LEAN, name) for name in ("predict", "activations-json", "activations-safetensors")),
        (LEAN, "gates-100"),
    ],
    ids=lambda value: value if isinstance(value, str) else "lean" if value is LEAN else "whole",
)
def test_stages_give_the_answer_of_the_server(
    client: TestClient, app: FastAPI, system: System, workload: str
) -> None:
    """Decoding, program and encoding give the answer to a workload's request, to the bit."""
    asked = workloads()[workload]
    model = app.state.engine.models["cnn" if asked.is_image else "lstm"]
    request = system.requests(asked)[0]
    found = stages.Stages(model, model_context(model), request)

    given = found.decode()
    [outputs] = found.program(given, 1)

    assert b"".join(found.encode(given, outputs)) == answered(client, request)


def test_lean_content_needs_no_score(cnn: ResidentModel) -> None:
    """The second network runs for the warnings of whole answers, and not for lean ones."""
    asked, context = workloads()["predict"], model_context(cnn)
    outputs = []
    for system in (SYSTEMS[0], LEAN):
        found = stages.Stages(cnn, context, system.requests(asked)[0])
        [got] = found.program(found.decode(), 1)
        outputs.append(set(got))

    assert outputs == [{"logits", "unfamiliarity"}, {"logits"}]


def test_every_bucket_of_the_program_is_timed(
    lstm: ResidentModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A measurement has both other stages, and the program with each number of rows."""
    monkeypatch.setattr(stages, "SHORTEST_S", 0.0)
    asked = workloads()["gates-100"]
    found = stages.measure(lstm, asked, LEAN.requests(asked), time.process_time)

    assert found["program_s"].keys() == set(row_buckets("sequence"))
    assert all(0 < one < 1 for one in (found["decode_s"], found["encode_s"]))
    assert all(0 < one < 1 for one in found["program_s"].values())


def test_cpu_time_has_no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that waits takes wall time, and hardly any CPU time."""
    monkeypatch.setattr(stages, "SHORTEST_S", 0.02)

    def wait() -> None:
        time.sleep(0.01)

    assert stages.seconds(wait, time.perf_counter) >= 0.01
    assert stages.seconds(wait, time.process_time) < 0.005


def test_the_stages_are_printed_as_json(
    cnn: ResidentModel,
    lstm: ResidentModel,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command prints the stages of the named workloads, by the clock and content asked for."""
    compiled = {"cnn": cnn, "lstm": lstm}
    clocks = []

    def measured(model: ResidentModel, workload: object, requests: list[bytes], clock: object):
        clocks.append(clock)
        return {"model": model.name, "lean": b"include=" in requests[0]}

    monkeypatch.setattr(stages, "load", compiled.__getitem__)
    monkeypatch.setattr(stages, "tune_garbage_collection", lambda: None)
    monkeypatch.setattr(stages, "measure", measured)
    for model in compiled.values():
        monkeypatch.setattr(model, "compile", lambda: None)
        monkeypatch.setattr(model, "compile_larger_buckets", lambda: None)

    stages.main(["--cpu", "--lean", "predict", "gates-100"])
    stages.main(["channel"])

    lean, whole = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert lean["workloads"] == {
        "predict": {"model": "cnn", "lean": True},
        "gates-100": {"model": "lstm", "lean": True},
    }
    assert whole["workloads"] == {"channel": {"model": "cnn", "lean": False}}
    assert clocks == [time.process_time, time.process_time, time.perf_counter]
