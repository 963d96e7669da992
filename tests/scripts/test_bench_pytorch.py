"""Comparison with PyTorch and Captum: ratios, targets and their bounds, slices and the command."""

import io
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from safetensors.numpy import load_file

from scripts.bench import pytorch
from scripts.bench.baselines import Baseline
from scripts.bench.environments import NotInstalledError
from scripts.bench.processes import Server, free_port
from scripts.bench.pytorch import ComparedServer
from scripts.bench.pytorch_targets import (
    BOUND,
    DROPPED,
    HOLDS,
    LIGHTWELL,
    MISSED,
    PYTORCH,
    SPEEDS,
    TARGETS,
    Comparison,
    Target,
)
from scripts.bench.servers import shipped_files
from scripts.bench.systems import LEAN, SYSTEMS
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


def comparison(target: Target, bound: float, **costs: float) -> Comparison:
    """A comparison of one round, in seconds: of the bound, and of each system."""
    found = Comparison(target)
    named = {name.replace("_", "-"): cost for name, cost in costs.items()}
    found.add(named, Baseline(target.workload, target.clients, bound, 0.0, 1, 0.0, 0.0))
    return found


def test_ratios_are_medians_over_the_rounds() -> None:
    """Each round has a ratio of its own to each PyTorch server and to the bound."""
    one = Comparison(PREDICT)
    for lightwell, careful, batched, bound in ((1, 9, 2, 1), (2, 9, 4, 1), (3, 9, 4, 1)):
        costs = {"lightwell": lightwell, "careful": careful, "careful-batched": batched}
        one.add(costs, Baseline("predict", 2, bound, 0.0, 1, 0.0, 0.0))

    assert one.ratio(LIGHTWELL, "careful") == pytest.approx(2 / 9)
    assert one.ratio(LIGHTWELL, "careful-batched") == 0.5
    assert one.ratio(LIGHTWELL, BOUND) == 2
    assert one.ratio(BOUND, "careful-batched") == 0.25


def test_a_target_is_judged_beside_each_pytorch_server() -> None:
    """It holds beside one, and is missed or dropped beside the other; the bound is in the row."""
    one = comparison(PREDICT, 3e-6, lightwell=5e-6, careful=10e-6, careful_batched=5e-6)
    [first, batched] = one.rows()

    assert first == [
        *("predict, 2 clients", "PyTorch", "5", "10", "3"),
        *("0.50", "0.30", "≤ 0.50", "1.67", HOLDS),
    ]
    # Half of the other server's cost is less than the bound.
    assert batched[3:] == ["5", "3", "1.00", "0.60", "≤ 0.50", "1.67", DROPPED]


def test_a_target_that_the_bound_allows_is_missed() -> None:
    """A target is dropped only where it is below the bound, and not where it equals it."""
    costs = {"lightwell": 6.0, "careful": 10.0, "careful_batched": 10.0}

    assert comparison(PREDICT, 5.0, **costs).verdict("careful") == MISSED
    assert comparison(PREDICT, 5.1, **costs).verdict("careful") == DROPPED
    assert comparison(Target("predict", 2, 0.6), 6.1, **costs).verdict("careful") == HOLDS


def test_the_parts_of_a_bound_are_shown() -> None:
    """Each part is the median of the rounds, in microseconds, and the program's rows are named."""
    one = Comparison(PREDICT)
    costs = dict.fromkeys((LIGHTWELL, *PYTORCH), 1.0)
    for microseconds, bucket in ((1, 2), (2, 4), (9, 2)):
        parts = (microseconds * factor * 1e-6 for factor in (1, 10, 100, 1000))
        echo, decode, program, encode = parts
        one.add(costs, Baseline("predict", 2, echo, decode, bucket, program, encode))

    assert one.bound_row() == ["predict, 2 clients", "2", "20", "200", "2,000", "2,222", "2/4"]


@pytest.mark.parametrize(
    ("bound", "status", "verdict"), [(5.0, 1, MISSED), (7.0, 0, "dropped (over the bound)")]
)
def test_only_a_missed_target_fails(
    bound: float,
    status: int,
    verdict: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit status is 1 for a missed target, and 0 where all hold or are dropped."""
    found = comparison(PREDICT, bound, lightwell=9.0, careful=99.0, careful_batched=12.0)
    monkeypatch.setattr(pytorch, "compared_servers", lambda _: nullcontext([]))
    monkeypatch.setattr(pytorch, "compare", lambda *_: [found])

    assert pytorch.main(["--only", "predict", "--python", "python"]) == status
    printed = capsys.readouterr().out
    assert verdict in printed
    assert f"{1e6 * bound:,.0f}" in printed


def test_every_target_has_a_workload_of_all_servers() -> None:
    """Each target's workload is measured on Lightwell and both PyTorch servers, with 1 and 32."""
    known = {one.name: one for one in SYSTEMS}

    for one in TARGETS:
        workload = workloads()[one.workload]
        assert all(known[name].requests(workload) for name in PYTORCH)
        assert LEAN.requests(workload)
        assert {other.clients for other in TARGETS if other.workload == one.workload} == {1, 32}


def test_lean_requests_have_the_same_inputs() -> None:
    """Requests with `include` differ from the benchmark's in their address alone."""
    for name in pytorch.WORKLOADS:
        workload = workloads()[name]
        bodies = [
            [one.partition(b"\r\n\r\n")[2] for one in system.requests(workload)]
            for system in (LEAN, SYSTEMS[0])
        ]
        assert bodies[0] == bodies[1]
        assert all(b"include=" in one for one in LEAN.requests(workload))


def test_servers_are_measured_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison has a cost of each server in each round, and compares the answers before.

    A bound has the cost of a bare server, and the stages of each round.
    """
    monkeypatch.setattr(pytorch, "SLICES", 1)
    monkeypatch.setattr(pytorch, "SLICE_S", 0.0)
    decoding = iter((1.0, 3.0))

    def stages(*asked: str) -> dict[str, Any]:
        assert asked == ("stages", "--cpu", "--lean", "predict")
        measured = {"decode_s": next(decoding), "encode_s": 0.5, "program_s": {"1": 0.25, "8": 9.0}}
        return {"workloads": {"predict": measured}}

    monkeypatch.setattr(pytorch, "measured_apart", stages)
    plain = json.dumps(PROBABILITIES)
    lightwell = json.dumps({"prediction": PROBABILITIES})  # as with include=prediction
    servers = [
        serving(tmp_path, name, lightwell if name == LIGHTWELL else plain)
        for name in (LIGHTWELL, *PYTORCH)
    ]
    try:
        console = Console(file=io.StringIO())
        [one] = pytorch.compare([PREDICT], servers, 2, console)
        bound = one.costs.pop(BOUND)
        measured = (LIGHTWELL, *PYTORCH, "echo")
        assert {name: len(costs) for name, costs in one.costs.items()} == dict.fromkeys(measured, 2)
        assert all(0 < cost < 1 for costs in one.costs.values() for cost in costs)
        echoes = zip(one.costs["echo"], (1.75, 3.75), strict=True)
        assert bound == pytest.approx([echo + rest for echo, rest in echoes])
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
    monkeypatch.setitem(SPEEDS, "occlusion", 4.7)  # type: ignore[arg-type]
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
