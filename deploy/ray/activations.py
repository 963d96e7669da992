"""Write the activations of a whole data set by Ray Data, on several workers or machines.

python -m deploy.ray.activations cnn --data test --layers relu3 --out activations --workers 2

It takes the arguments of scripts.activations, and writes the same shards with the same index. Every
machine must have the checkout, the data and the folder of the results at the same paths, such as on
a file system that all of them mount. Exit status: as that of scripts.activations.
"""

import json
import logging
import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import ray

from scripts.activations.__main__ import add_options, attempt, job_of, progress, say, say_done
from scripts.activations.job import Job, OpenJob
from scripts.command_line import fail, script_parser

ROOT = Path(__file__).parents[2]

_RAISED = re.compile(r"^(?:[a-z_]\w*\.)*[A-Z]\w*(?:Error|Exception): (.+)$", re.MULTILINE)

Batch = Mapping[str, np.ndarray]
"""Batch of Ray Data: columns by name."""


class ShardWorker:
    """Worker of Ray Data that computes and stores shards; it lives as long as the run.

    Args:
        facts: Facts of the run, which the worker must find too.

    Raises:
        RuntimeError: Its machine has other weights, data or versions.
    """

    def __init__(self, job: Job, facts: Mapping[str, Any]) -> None:
        self._opened = job.open()
        found = self._opened.plan.facts
        if other := [name for name in facts if found[name] != facts[name]]:
            msg = f"a worker has other values than the driver of: {', '.join(other)}"
            raise RuntimeError(msg)
        self._storage = self._opened.storage()

    def __call__(self, batch: Batch) -> dict[str, np.ndarray]:
        """Compute and store the shards of a batch of Ray Data; return their entries as JSON."""
        out = self._opened.job.out
        entries = [
            json.dumps(self._storage.write(out, self._opened.shard(int(number))))
            for number in batch["shard"]
        ]
        worker = np.full(len(entries), f"{platform.node()} {os.getpid()}", object)
        return {"shard": batch["shard"], "entry": np.array(entries, object), "worker": worker}


class Cluster(NamedTuple):
    """Cluster on which Ray Data runs the workers.

    Attributes:
        workers: Most workers.
        gpus: GPUs of a worker; a fraction shares one.
        address: Address of the cluster; None starts one on this machine.
    """

    workers: int
    gpus: float = 0.0
    address: str | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Connect to the cluster of Ray Data, or start it, and disconnect or stop it at last."""
        # Ray reports usage over the network unless it is switched off.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        environment = {"env_vars": {"PYTHONPATH": str(ROOT)}}
        ray.init(
            self.address, runtime_env=environment, log_to_driver=False, logging_level="warning"
        )
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        try:
            yield
        finally:
            ray.shutdown()


def write(job: Job, cluster: Cluster) -> None:
    """Write the activations of a job on workers of Ray Data, each of which has the network.

    Raises:
        FolderError: The folder holds another run's results.
        OSError: The folder cannot be written to.
        RayError: A worker has failed.
    """
    # Ray starts its processes by a fork, which JAX's threads, once they run, may not survive.
    with cluster.running():
        opened = job.open()
        with progress(opened) as (begin, report), opened.claim(job.out) as folder:
            begin(folder)
            workers = set()
            for number, entry, worker in _stored(opened, folder.missing, cluster):
                folder.enter(number, entry)
                workers.add(worker)
                report(entry["rows"])
    say(f"{len(workers)} of {cluster.workers} workers computed shards")
    say_done(opened)


def _stored(
    opened: OpenJob, missing: list[int], cluster: Cluster
) -> Iterator[tuple[int, dict[str, Any], str]]:
    """Yield number and entry of each shard that a worker of Ray Data has stored, and the worker."""
    if not missing:
        return
    # A block for each shard, so that workers take the next one when they have ended one.
    shards = ray.data.from_items(
        [{"shard": number} for number in missing], override_num_blocks=len(missing)
    )
    stored = shards.map_batches(
        ShardWorker,
        fn_constructor_args=(opened.job, dict(opened.plan.facts)),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=min(cluster.workers, len(missing))),
        num_gpus=cluster.gpus,
    )
    for row in stored.iter_rows():
        yield int(row["shard"]), json.loads(row["entry"]), row["worker"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the activations that the command line selects by Ray Data; return the exit status."""
    parser = script_parser("python -m deploy.ray.activations", __doc__)
    add_options(parser)
    parser.add_argument("--workers", type=int, default=2, help="workers, each with the network")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs of each worker")
    parser.add_argument("--address", help="address of a cluster; without it this machine is one")
    options = parser.parse_args(arguments)
    # Workers run in folders of their own, where a relative path would be another one.
    job = job_of(options).absolute()
    cluster = Cluster(options.workers, options.gpus, options.address)
    try:
        return attempt(job, partial(write, cluster=cluster))
    except ray.exceptions.RayError as error:
        return fail("deploy.ray.activations", f"a worker of Ray has failed: {_reason(error)}")


def _reason(error: ray.exceptions.RayError) -> str:
    """Return the message of the exception of a worker of Ray, which is in a traceback as text."""
    raised = _RAISED.findall(str(error))
    return raised[0] if raised else str(error).strip().partition("\n")[0]


if __name__ == "__main__":
    sys.exit(main())
