"""SIGHUP under load: replaced weights are served, and no request fails."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.runtime import checkpoints
from tests.networks import GREY_TOML, write_network
from tests.reliability.wire import JSON, get, post
from tests.servers import TIMEOUT_S, Server

BODY = json.dumps({"values": [[[0.5]] * 6] * 4}).encode()
CLIENTS = 4

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a signal of POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of one network."""
    return write_network(tmp_path / "grey", GREY_TOML)


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """A server of that network, which was started a moment ago."""
    server = Server("--model", str(folder))
    try:
        yield server
    finally:
        server.stop()


def replace(folder: Path, factor: float) -> str:
    """Replace the weights by multiples of them; return the new digest."""
    held = checkpoints.load(folder / "weights.safetensors").tensors
    tensors = {name: (value * factor).astype("float32") for name, value in held.items()}
    checkpoints.save(folder / "weights.safetensors", tensors, {})
    return checkpoints.digest(tensors)


def hang_up(server: Server) -> None:
    """Send SIGHUP."""
    os.kill(server.process.pid, signal.SIGHUP)


def served_digest(server: Server) -> str:
    """Digest of the weights that are served."""
    digest: str = json.loads(get(server.url, "/models/grey").body)["weights"]
    return digest


def test_42_61_weights_are_replaced_under_load(folder: Path, server: Server) -> None:
    """Four clients ask without a pause through ten reloads: each answer is a 200 of one version."""
    server.wait_for("Analyses ready after")
    answers: Counter[tuple[int, str, str]] = Counter()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            answer = post(server.url, "/grey/predict", JSON, BODY)
            found = json.loads(answer.body)
            logits = str(found.get("prediction", found).get("logits"))
            answers[answer.status, found.get("weights", ""), logits] += 1

    clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for one in clients:
        one.start()
    digests = [served_digest(server)]
    try:
        for number in range(10):
            digests.append(replace(folder, (0.5, 2.0)[number % 2]))
            hang_up(server)
            until = time.monotonic() + TIMEOUT_S
            while served_digest(server) != digests[-1]:
                assert time.monotonic() < until
                time.sleep(0.01)
    finally:
        stop.set()
        for one in clients:
            one.join()

    assert {status for status, _, _ in answers} == {200}, answers
    versions = {digest: {x for _, one, x in answers if one == digest} for digest in digests}
    assert {digest for _, digest, _ in answers} <= set(digests)
    assert all(len(logits) <= 1 for logits in versions.values())
    server.process.terminate()
    assert server.process.wait(TIMEOUT_S) == 0


def test_a_broken_file_leaves_the_old_weights(folder: Path, server: Server) -> None:
    """The log has one sentence, /models too; weights without finite logits are refused alike."""
    server.wait_for("Ready after")
    before = served_digest(server)
    whole = (folder / "weights.safetensors").read_bytes()
    (folder / "weights.safetensors").write_bytes(whole[:-9])
    hang_up(server)
    server.wait_for(f"weights {before[:12]} of grey stay: grey: weights.safetensors is not a whole")
    (folder / "weights.safetensors").write_bytes(whole)
    replace(folder, 1e38)
    hang_up(server)
    server.wait_for("of grey stay: grey: its weights give logits that are not finite")

    assert served_digest(server) == before
    failed = json.loads(get(server.url, "/models").body)["failed"]
    assert [one["name"] for one in failed] == ["grey"]
    assert post(server.url, "/grey/predict", JSON, BODY).status == 200
    assert not any("Traceback" in line for line in server.lines)


def test_a_signal_during_the_start_is_followed_after_it(folder: Path, server: Server) -> None:
    """Weights that are replaced while programs compile are served when the server is ready."""
    digest = replace(folder, 0.5)
    hang_up(server)
    server.wait_for("Ready after")
    server.wait_for(rf"of grey are replaced by {digest[:12]}")

    assert served_digest(server) == digest
