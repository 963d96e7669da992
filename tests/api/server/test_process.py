"""Server process: start, announcement, drain, and refusal of wrong settings."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import numpy as np
import pytest

from models.runtime import checkpoints
from tests.oracles.parameters import draw, lstm_shapes
from tests.servers import ROOT, TIMEOUT_S, Server


@pytest.fixture
def own_weights(tmp_path: Path) -> Path:
    """A folder with an LSTM of three units."""
    checkpoints.save(tmp_path / "lstm.safetensors", draw(lstm_shapes(3), 1), {})
    return tmp_path


@pytest.fixture
def server(own_weights: Path) -> Iterator[Server]:
    """A running server with its own weights."""
    server = Server("--weights", str(own_weights))
    yield server
    server.stop()


def response_to(server: Server, request: bytes) -> bytes:
    """Send bytes to a server; return its response, up to the end of the connection."""
    host, port = server.url.removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(request)
        while part := connection.recv(65536):
            received += part
    return received


def test_a_server_starts_answers_and_drains(server: Server) -> None:
    """It prints its address, weights and examples; SIGTERM ends it with exit code 0.

    A request in flight at the signal is answered.
    """
    server.wait_for("Ready after")
    (stated,) = (line for line in server.lines if "lstm: weights" in line)
    assert stated.rstrip().endswith("test accuracy not recorded; no length of sequences was tested")
    assert b"application/problem+json" in response_to(server, b"nonsense\r\n\r\n")
    with httpx2.Client(base_url=server.url, timeout=TIMEOUT_S) as client:
        answer = client.get("/lstm/trace?sequence=101").json()
        assert [t["shape"] for t in answer["tensors"] if t["name"] == "cell"] == [[4, 3]]
        host, port = server.url.removeprefix("http://").split(":")
        body = b'{"sequence": "1011"}'
        with socket.create_connection((host, int(port))) as slow:
            head = (
                f"POST /lstm/gates HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            slow.sendall(head.encode() + body[:5])
            time.sleep(0.3)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            slow.sendall(body[5:])
            received = b""
            while part := slow.recv(65536):
                received += part
        assert received.startswith(b"HTTP/1.1 200")
    assert server.process.wait(TIMEOUT_S) == 0


DRAIN_S = 1


@pytest.mark.parametrize(
    ("path", "keeps"), [("predict", True), ("predict", False), ("gates.jsonl", True)]
)
def test_a_draining_server_answers_until_its_listener_closes(
    path: str, keeps: bool, own_weights: Path
) -> None:
    """A serial load across SIGTERM gets only whole 200s, on one connection and on new ones.

    /readyz fails from the signal on, for a load balancer to see, and the process ends with 0.
    """
    server = Server("--weights", str(own_weights), "--drain-s", str(DRAIN_S))
    body, statuses, ready = {"sequence": "10110" * 60}, [], []
    try:
        server.wait_for("Ready after")
        with httpx2.Client(base_url=server.url, timeout=TIMEOUT_S) as client:
            expected = client.post(f"/lstm/{path}", json=body).content
            server.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            with contextlib.suppress(httpx2.TransportError):  # the listener is closed
                while True:
                    headers = {} if keeps else {"Connection": "close"}
                    answer = client.post(f"/lstm/{path}", json=body, headers=headers)
                    statuses.append(answer.status_code)
                    assert answer.content == expected
                    if time.monotonic() - began > DRAIN_S / 10:
                        ready.append(client.get("/readyz"))
            lasted = time.monotonic() - began
        assert lasted >= DRAIN_S
        assert set(statuses) == {200}
        assert {one.status_code for one in ready} == {503}
        assert ready[0].json()["type"] == "urn:lightwell:problem:draining"
        assert ready[0].headers["connection"] == "close"
        assert server.process.wait(TIMEOUT_S) == 0
    finally:
        server.stop()


def refused(*flags: str, status: int = 2) -> str:
    """Start a server that must refuse to start; return its standard error."""
    done = subprocess.run(  # noqa: S603 - our own server
        [sys.executable, "-m", "api", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_wrong_setting_is_named() -> None:
    """The message has the setting and its limit, in one line."""
    assert refused("--port", "99999") == (
        "lightwell: setting port: Input should be less than or equal to 65535\n"
    )
    assert "setting weights: " in refused("--weights", "/no/such/folder")


def test_wrong_weights_stop_the_start(tmp_path: Path) -> None:
    """Weights of another shape are refused before the listener opens."""
    tensors = {**draw(lstm_shapes(3), 1), "readout.bias": np.zeros(3, np.float32)}
    checkpoints.save(tmp_path / "lstm.safetensors", tensors, {})

    said = refused("--weights", str(tmp_path), status=1)

    assert said == "lightwell: tensor readout.bias must be float32 (2,), not float32 (3,)\n"


def test_a_folder_without_weights_stops_the_start(tmp_path: Path) -> None:
    """One line names the files that are there and their format; nothing else is served."""
    (tmp_path / "digits.onnx").touch()

    assert refused("--weights", str(tmp_path), status=1) == (
        f"lightwell: weights folder {tmp_path} holds neither cnn.safetensors nor lstm.safetensors; "
        "it holds digits.onnx (an ONNX model)\n"
    )


def test_training_packages_are_never_imported() -> None:
    """No package of training alone is imported with the server."""
    # Flax itself imports Optax.
    training = (
        "tensorflow_datasets",
        "tensorflow",
        "models.runtime.training_loop",
        "models.data.datasets",
    )
    script = (
        f"import sys, api.__main__, api.app; print([n for n in {training} if n in sys.modules])"
    )

    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
