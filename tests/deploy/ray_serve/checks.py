"""Checks of the Ray Serve application; `tests.deploy.ray_serve` runs them in Ray's environment."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import ray

from deploy.ray.arguments import Arguments
from models.model_files import shipped_files
from models.runtime import checkpoints
from scripts.compare import contract, plan
from scripts.compare.__main__ import material_of
from scripts.compare.differences import compare
from scripts.compare.wire import Answer, Request, exchange
from tests.deploy.ray_serve.cluster import cluster, is_running
from tests.deploy.ray_serve.load import load
from tests.servers import started

OK = 200
TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a test server
DEADLINE_S = 120
"""Deadline of a request in seconds, also where other processes run at the same time."""

MOMENTARY = {"GET /metrics", "GET /models", "GET /models/{model}", "GET /signed"}
"""Operations whose answers have times, of this moment or of the start."""


def every_route() -> None:
    """Each operation answers 200, and pages as well, with the values of `python -m api`."""
    # Replicas compile at the same time: the first request of an analysis waits for its compile.
    settings = {"cors_origins": plan.ALLOWED, "token": TOKEN, "deadline_s": str(DEADLINE_S)}
    flags = ["--cors-origins", plan.ALLOWED, "--token", TOKEN, "--deadline-s", str(DEADLINE_S)]
    with cluster() as ours, started(*flags) as server:
        ours.deploy(min_replicas=2, settings=settings)
        port = int(server.url.rpartition(":")[2])
        document = json.loads(sent_to(port, Request("", "GET", "/openapi.json")).body)
        material = material_of(partial(sent_to, port))
        operations = contract.operations(document)
        requests = [*(plan.base(one, material) for one in operations), *plan.pages()]
        for request in requests:
            theirs, answer = sent_to(port, request), sent_to(ours.port, request)
            assert theirs.status == answer.status, (request.name, answer.body)
            # Among the pages are some that are missing, or known by their ETag.
            assert answer.status == OK or not request.operation, (request.name, answer.body)
            differences = list(compare(request, plain(theirs), plain(answer), [None, None]))
            assert request.operation in MOMENTARY or not differences, differences
        print(f"  {len(requests)} requests, {len(operations)} operations: all answered and equal")


def plain(answer: Answer) -> Answer:
    """Return an answer without the headers that Ray's proxy adds, or adds once more."""
    kept = [one for one in answer.headers if one[0] not in {"server", "x-request-id"}]
    return replace(answer, headers=tuple(kept))


def sent_to(port: int, request: Request) -> Answer:
    """Send a request with the token, again until its program is compiled; return the answer."""
    whole = replace(request, headers=(*request.headers, ("Authorization", f"Bearer {TOKEN}")))
    for _ in range(300):
        answer = exchange(port, whole)
        if answer.problem != "warming":
            break
        time.sleep(0.2)
    return answer


def killed_replica() -> None:
    """While one of two replicas is killed, every serial request is answered; Ray starts another."""
    with cluster() as ours:
        ours.deploy(min_replicas=2)
        first = ours.replicas()
        assert len(first) == 2
        with load(ours.port) as sent:
            ours.wait(lambda: sent.answered > 50, "requests before the kill")
            os.kill(next(iter(first.values())), signal.SIGKILL)
            ours.wait(lambda: len(set(ours.replicas()) - set(first)) == 1, "another replica")
            seen = sent.answered
            ours.wait(lambda: sent.answered > seen + 50, "requests after the kill")
        assert set(sent.statuses) == {OK}, sent.statuses


def replaced_weights() -> None:
    """Another `weights_version` makes both replicas serve replaced files; none is restarted."""
    with TemporaryDirectory() as name, cluster() as ours:
        folder = Path(name)
        old, new = write(folder, 1), half(folder / "later")
        settings = {"weights": str(folder)}
        ours.deploy_file("1", min_replicas=2, settings=settings)
        replicas = ours.replicas()
        with load(ours.port, 4) as sent:
            ours.wait(lambda: sent.answered > 50, "requests before the new weights")
            (folder / "later" / "lstm.safetensors").rename(folder / "lstm.safetensors")
            ours.deploy_file("2", min_replicas=2, settings=settings)
            ours.wait(lambda: set(sent.weights[-50:]) == {new}, "only new weights")
        assert set(sent.statuses) == {OK}, sent.statuses
        assert set(sent.weights) == {old, new}
        # A replica is not `RUNNING` while it takes the new version over.
        ours.wait(lambda: ours.replicas() == replicas, "the same replicas")


def new_version() -> None:
    """Another folder of weights restarts the replicas one by one; all requests are answered."""
    with TemporaryDirectory() as name, cluster() as ours:
        old, new = write(Path(name, "old"), 1), half(Path(name, "new"))
        ours.deploy(min_replicas=2, settings={"weights": f"{name}/old"})
        replicas = ours.replicas()
        with load(ours.port, 4) as sent:
            ours.wait(lambda: sent.answered > 50, "requests before the new version")
            ours.deploy(min_replicas=2, settings={"weights": f"{name}/new"})
            ours.wait(lambda: not any(map(is_running, replicas.values())), "the end of the old")
            ours.wait(lambda: set(sent.weights[-50:]) == {new}, "only the new version")
        assert set(sent.statuses) == {OK}, sent.statuses
        assert set(sent.weights) == {old, new}
        assert set(ours.replicas()).isdisjoint(replicas)


def autoscaling() -> None:
    """Load adds a replica; without it one drains: requests in flight, too, are answered."""
    with cluster() as ours:
        ours.deploy(
            min_replicas=1,
            max_replicas=2,
            target_ongoing_requests=2,
            upscale_delay_s=0,
            downscale_delay_s=1,
        )
        assert len(ours.replicas()) == 1
        # Long sequences: some are in flight when the replica is removed.
        path = "/lstm/gates?sequence=" + "10110" * 100
        with load(ours.port, 12, path) as sent:
            ours.wait(lambda: len(ours.replicas()) == 2, "a second replica")
        with load(ours.port, 1, path) as rest:
            ours.wait(lambda: len(ours.replicas()) == 1, "one replica again")
        assert set(sent.statuses) == set(rest.statuses) == {OK}, (sent.statuses, rest.statuses)


def failed_warm_up() -> None:
    """A version whose weights cannot be served is not put in the place of the old one."""
    with TemporaryDirectory() as name, cluster() as ours:
        write(Path(name, "old"), 1)
        # The weights are finite, and what is computed with them is not: the warm-up tells.
        write(Path(name, "bad"), 1e20, "cnn")
        ours.deploy(min_replicas=2, settings={"weights": f"{name}/old"})
        with load(ours.port) as sent:
            ours.deploy(wait=False, min_replicas=2, settings={"weights": f"{name}/bad"})
            ours.wait(lambda: "not finite" in str(ours.details), "the reason")
        assert set(sent.statuses) == {OK}, sent.statuses
        print(f"  {ours.details['deployments']['lightwell']['message'][-300:]}")


def resources() -> None:
    """Half a GPU is shared by two replicas, with less memory for each; each TPU chip has one."""
    with cluster():
        halves = [seen_by(Arguments(num_gpus=0.5)) for _ in range(3)]
        assert sorted(one["CUDA_VISIBLE_DEVICES"] for one in halves) == ["0", "0", "1"]
        assert {one["XLA_PYTHON_CLIENT_MEM_FRACTION"] for one in halves} == {"0.45"}
        chips = [seen_by(Arguments(resources={"TPU": 1})) for _ in range(4)]
        assert sorted(one["TPU_VISIBLE_CHIPS"] for one in chips) == ["0", "1", "2", "3"]
        assert {one["OPENBLAS_NUM_THREADS"] for one in chips} == {"1"}


ACTORS = []
"""Actors that hold their resources until the cluster ends."""


@ray.remote
class Environment:
    """Actor that has the options of a replica."""

    def variables(self) -> dict[str, str]:
        """Environment variables of the actor's process."""
        return dict(os.environ)


def seen_by(arguments: Arguments) -> dict[str, str]:
    """Environment variables that a replica would have; it keeps its resources."""
    actor = Environment.options(**arguments.deployment["ray_actor_options"]).remote()
    ACTORS.append(actor)
    return ray.get(actor.variables.remote())


def half(folder: Path) -> str:
    """Write the LSTM's weights, halved, which is another network; return the digest."""
    return write(folder, 0.5)


def write(folder: Path, factor: float, network: str = "lstm") -> str:
    """Write weights of a network, multiplied by a factor, into a folder; return their digest."""
    folder.mkdir(exist_ok=True)
    loaded = checkpoints.load(shipped_files(network).weights).tensors
    weights = {name: np.float32(factor) * value for name, value in loaded.items()}
    checkpoints.save(folder / f"{network}.safetensors", weights, {})
    return checkpoints.digest(weights)


CHECKS: dict[str, Callable[[], None]] = {
    one.__name__: one
    for one in (
        every_route,
        killed_replica,
        replaced_weights,
        new_version,
        autoscaling,
        failed_warm_up,
        resources,
    )
}


def main() -> int:
    """Run the checks that are named, or all; return the exit code."""
    for name in sys.argv[1:] or CHECKS:
        began = time.monotonic()
        print(f"{name}: {CHECKS[name].__doc__}", flush=True)
        CHECKS[name]()
        print(f"  passed in {time.monotonic() - began:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
