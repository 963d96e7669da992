"""Comparison with PyTorch and Captum: ratios, targets, slices and the command."""

import io
import json
import sys
from pathlib import Path

import pytest
from rich.console import Console
from safetensors.numpy import load_file

from scripts.bench import pytorch
from scripts.bench.environments import NotInstalledError
from scripts.bench.processes import Server, free_port
from scripts.bench.pytorch import LEAN, NAMES, TARGETS, ComparedServer, Comparison, Target
from scripts.bench.servers import shipped_files
from scripts.bench.systems import SYSTEMS
from scripts.bench.workloads import WrongAnswerError, post, workloads
from tests.scripts.responders import RESPONDER

PREDICT = Target("predict", 2, 0.5)
PROBABILITIES = {"label": 3, "probabilities": [0.5, 0.5], "logits": [0.5, 0.5]}


def serving(tmp_path: Path, name: str, answer: str) -> ComparedServer:
    """A suspended server that answers every request with the same JSON."""
    (tmp_path / "server.py").write_text(RESPONDER)
    [system] = [one for one in SYSTEMS if one.name == name]
    port = free_port()
    command = [sys.executable, str(tmp_path / "server.py"), str(port), answer]
    ready = post("/", "text/plain", b"ready")
    server = Server(command, port, ready, tmp_path / f"{name}.log", {}, tmp_path)
    server.suspend()
    return ComparedServer(system, server)


def test_a_target_holds_for_both_pytorch_servers() -> None:
    """A ratio is the median over the rounds; one above the target misses it."""
    costs = {"lightwell": [1.0, 2.0, 3.0], "careful": [9.0, 9.0, 9.0]}
    one = Comparison(PREDICT, costs | {"careful-batched": [2.0, 4.0, 4.0]})

    assert one.ratios == [pytest.approx(2 / 9), 0.5]
    assert one.row()[0] == "predict, 2 clients"
    assert one.row()[-4:] == ["0.22", "0.50", "≤ 0.50", "holds"]
    missed = Comparison(PREDICT, costs | {"careful-batched": [1.0, 2.0, 3.0]})
    assert missed.row()[-4:] == ["0.22", "1.00", "≤ 0.50", "MISSED"]


def test_every_target_has_a_workload_of_all_servers() -> None:
    """Each target's workload is measured on Lightwell and both PyTorch servers, with 1 and 32."""
    known = {one.name: one for one in SYSTEMS}

    assert {one.workload for one in TARGETS} == LEAN.keys()
    for one in TARGETS:
        workload = workloads()[one.workload]
        assert all(known[name].requests(workload) for name in NAMES)
        assert {other.clients for other in TARGETS if other.workload == one.workload} == {1, 32}


def test_lean_requests_have_the_same_inputs() -> None:
    """Requests with `include` differ from the benchmark's in their address alone."""
    lean = ComparedServer(SYSTEMS[0], None, is_lean=True)  # type: ignore[arg-type]
    for name in LEAN:
        workload = workloads()[name]
        bodies = [
            [one.partition(b"\r\n\r\n")[2] for one in requests]
            for requests in (lean.requests(workload), SYSTEMS[0].requests(workload))
        ]
        assert bodies[0] == bodies[1]
        assert all(b"include=" in one for one in lean.requests(workload))


def test_servers_are_measured_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison has a cost of each server in each round, and compares the answers before."""
    monkeypatch.setattr(pytorch, "SLICES", 1)
    monkeypatch.setattr(pytorch, "SLICE_S", 0.0)
    plain = json.dumps(PROBABILITIES)
    lightwell = json.dumps({"prediction": PROBABILITIES})  # as with include=prediction
    servers = [
        serving(tmp_path, name, lightwell if name == "lightwell" else plain) for name in NAMES
    ]
    try:
        console = Console(file=io.StringIO())
        [one] = pytorch.compare([PREDICT], servers, 2, console)
        assert {name: len(costs) for name, costs in one.costs.items()} == dict.fromkeys(NAMES, 2)
        assert all(0 < cost < 1 for costs in one.costs.values() for cost in costs)
        wrong = serving(tmp_path, "careful", json.dumps(PROBABILITIES | {"label": 4}))
        servers.append(wrong)
        with pytest.raises(WrongAnswerError, match="label is off by 1"):
            servers[0].check(workloads()["predict"], [wrong])
    finally:
        for one in servers:
            one.server.stop()


def test_speeds_of_attributions_are_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The median speed of each method is compared with its target; a miss is exit status 1."""
    rounds = iter([1.0, 9.0, 4.0, 3.0])

    def measured(python: str) -> dict[str, dict[str, float]]:
        assert Path(python).is_absolute()
        captum = next(rounds)
        return {
            "lightwell": {"integrated_gradients": 1.0, "occlusion": 1.0},
            "captum": {"integrated_gradients": captum, "occlusion": 4.6},
        }

    monkeypatch.setattr(pytorch, "measured_once", measured)
    asked = ["--only", "attributions", "--python", "python"]
    assert pytorch.main([*asked, "--rounds", "3"]) == 0
    assert "≥ 1.50 │ holds" in capsys.readouterr().out
    monkeypatch.setitem(pytorch.SPEEDS, "occlusion", 4.7)  # type: ignore[arg-type]
    assert pytorch.main([*asked, "--rounds", "1"]) == 1
    assert "MISSED" in capsys.readouterr().out


def test_files_that_pytorch_reads_are_in_the_checkout() -> None:
    """Weights and images of the PyTorch servers and of Captum have the keys that they read."""
    files = (shipped_files.CNN_WEIGHTS, shipped_files.LSTM_WEIGHTS, shipped_files.SAMPLES)
    found = [load_file(path).keys() for path in files]

    assert found[0] >= {"conv1.kernel", "dense1.kernel", "output.bias"}
    assert found[1] >= {"cell.dense_i.kernel", "cell.dense_h.bias", "readout.kernel"}
    assert "images" in found[2]


def test_a_missing_environment_is_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An environment that cannot be built ends the comparison with exit status 2."""

    def fail(_: str) -> Path:
        raise NotInstalledError("no such package")

    monkeypatch.setattr(pytorch, "python_of", fail)
    assert pytorch.main([]) == 2
    assert "scripts.bench.pytorch: no such package" in capsys.readouterr().err
