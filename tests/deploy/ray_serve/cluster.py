"""A Ray cluster of this machine with Ray Serve, for the checks; both end with their check."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ray
import yaml
from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.schema import ServeDeploySchema

from deploy.ray.application import application
from deploy.ray.arguments import Arguments
from scripts.bench.processes import free_port
from tests.servers import ROOT

TIMEOUT_S = 120
NAME = "lightwell"


@contextmanager
def cluster() -> Iterator["Cluster"]:
    """Start a cluster with eight CPUs, two GPUs and four TPU chips that do not exist."""
    ray.init(
        num_cpus=8,
        num_gpus=2,
        resources={"TPU": 4},
        include_dashboard=False,
        object_store_memory=100 * 2**20,
        log_to_driver=False,
        logging_level="WARNING",
    )
    try:
        yield Cluster()
    finally:
        began = time.monotonic()
        serve.shutdown()
        ray.shutdown()
        print(f"  cluster stopped in {time.monotonic() - began:.1f} s", flush=True)


class Cluster:
    """Cluster with Ray Serve, whose proxy listens on a free port of loopback."""

    def __init__(self) -> None:
        self.port = free_port()
        # Without `proxy_location` a proxy would be started on every node.
        serve.start(
            proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": self.port}
        )

    def deploy(self, *, wait: bool = True, **arguments: Any) -> None:
        """Deploy the application, or a new version of it; wait until its replicas are ready."""
        deployed = application(Arguments(num_cpus=0.5, **arguments))
        began = time.monotonic()
        if wait:
            serve.run(deployed, name=NAME)
        else:
            serve._run(deployed, name=NAME, _blocking=False)
        print(f"  deployed in {time.monotonic() - began:.1f} s", flush=True)

    def deploy_file(self, weights_version: str, **arguments: Any) -> None:
        """Deploy the application as `serve deploy` does with a file such as `serve.yaml`."""
        (written,) = yaml.safe_load((ROOT / "deploy/ray/serve.yaml").read_text())["applications"]
        written["args"] = {"num_cpus": 0.5, **arguments}
        written["deployments"][0]["user_config"]["weights_version"] = weights_version
        client = _get_global_client()
        assert client is not None
        client.deploy_apps(ServeDeploySchema(applications=[written]))
        self.wait(lambda: self._has(weights_version), f"version {weights_version}")

    def _has(self, weights_version: str) -> bool:
        """Whether the application runs with a version of weights."""
        if self.details["status"] != "RUNNING":
            return False
        configured = self.details["deployments"]["lightwell"]["deployment_config"]
        return bool(configured["user_config"] == {"weights_version": weights_version})

    @property
    def details(self) -> Any:
        """State of the application, as Ray Serve's controller has it."""
        client = _get_global_client()
        assert client is not None
        return client.get_serve_details()["applications"][NAME]

    def replicas(self) -> dict[str, int]:
        """Process ID of each running replica, by the replica's ID."""
        found = self.details["deployments"]["lightwell"]["replicas"]
        return {one["replica_id"]: one["pid"] for one in found if one["state"] == "RUNNING"}

    def wait(self, until: Callable[[], bool], about: str) -> None:
        """Wait for a state of the cluster.

        Raises:
            AssertionError: It does not come about.
        """
        end = time.monotonic() + TIMEOUT_S
        while not until():
            if time.monotonic() > end:
                seen = self.details["deployments"]["lightwell"]
                msg = f"{about}: {seen['status']}, {seen['message']}, {seen['replicas']}"
                raise AssertionError(msg)
            time.sleep(0.2)


def is_running(pid: int) -> bool:
    """Whether a process of this machine has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
