"""Job of scripts.activations: the arguments of a run, from which any process can compute shards."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import jax

from models.declaration.declaration import FILE
from models.model_files import SUFFIX, shipped_names
from models.printable import printable
from models.registry import ResidentModel, load, load_folder
from models.runtime.checkpoints import CheckpointError
from models.weights_folder import find_weights
from scripts.activations.computation import ShardComputer
from scripts.activations.inputs import InputOptions, Inputs, read_inputs
from scripts.activations.plan import Plan, PlanOptions, make_plan
from scripts.activations.shard_folder import ShardFolder, claim
from scripts.activations.source import parse_source
from scripts.activations.storage import (
    ParquetStorage,
    SafetensorsStorage,
    Shard,
    Storage,
    ZarrStorage,
)

FACTS = ("model", "weights", "declaration", "bucket")
"""Facts of the plan of scripts.activations that are stored beside values, too."""

Report = Callable[[int], None]
"""Function of scripts.activations that is called with the number of rows that were computed."""


@dataclass(frozen=True)
class Job:
    """Job of scripts.activations: its arguments, which can be sent to other processes.

    Attributes:
        model: Name of a network, or a folder with its declaration.
        models: Model repository, whose folders are networks too.
        folder: Folder with other weights of the shipped networks.
        out: Folder of the results.
    """

    model: str
    inputs: InputOptions
    plan: PlanOptions
    out: Path
    models: Path | None = None
    folder: Path | None = None

    def absolute(self) -> "Job":
        """Return a job of scripts.activations whose paths do not depend on the current folder."""
        source = parse_source(self.inputs.data)
        place = Path(source.place)
        data = self.inputs.data
        if place.exists():
            data = str(place.absolute()) + data[len(source.place) :]
        return replace(
            self,
            model=str(Path(self.model).absolute()) if Path(self.model).is_dir() else self.model,
            inputs=self.inputs._replace(data=data),
            out=self.out.absolute(),
            models=self.models and self.models.absolute(),
            folder=self.folder and self.folder.absolute(),
        )

    def open(self) -> "OpenJob":
        """Load the network and the data set of a job of scripts.activations.

        Raises:
            CheckpointError: The network cannot be loaded.
            DatasetError: The data set cannot be read.
            PlanError: The network has no such layer, bucket or checkpoint.
        """
        # Each call waits for its result, as in the server. JAX reads this when it is first used.
        jax.config.update("jax_cpu_enable_async_dispatch", False)
        model = load_model(self.model, self.models, self.folder)
        inputs = read_inputs(self.inputs, model.architecture)
        return OpenJob(self, model, inputs, make_plan(model, inputs, self.plan))


@dataclass(frozen=True)
class OpenJob:
    """Job of scripts.activations with its network and data set, in the process that runs it."""

    job: Job
    model: ResidentModel
    inputs: Inputs
    plan: Plan

    @cached_property
    def _computer(self) -> ShardComputer:
        return ShardComputer(self.model, self.plan, self.inputs, self.job.plan.checkpoint)

    def storage(self) -> Storage:
        """Return the storage of a job of scripts.activations.

        Raises:
            MissingExtraError: It needs a package that is not installed.
        """
        match self.job.plan.storage:
            case "parquet":
                return ParquetStorage()
            case "zarr":
                plan, metadata = self.plan, self._metadata(0, self.plan.rows)
                return ZarrStorage(plan.tensors, plan.rows, plan.shard_rows, metadata)
        return SafetensorsStorage()

    def claim(self, out: Path) -> AbstractContextManager[ShardFolder]:
        """Lock a folder for the results of a job of scripts.activations, and check its shards."""
        return claim(out, self.plan.facts, self.plan.shards, self.storage)

    def shard(self, number: int, report: Report = lambda _: None) -> Shard:
        """Compute a shard of scripts.activations, in a buffer that the next one overwrites."""
        first, last = self.plan.span(number)
        metadata = {**self._metadata(first, last), "first_row": first}
        return Shard(number, first, self._computer.shard(number, report), metadata)

    def _metadata(self, first: int, last: int) -> dict[str, Any]:
        """Return the metadata of a shard: facts of the network, and names of its pictures."""
        names = self.inputs.names[first:last]
        facts = {key: self.plan.facts[key] for key in FACTS}
        return facts | ({"names": list(names)} if names else {})

    def run(
        self, begin: Callable[[ShardFolder], None] = lambda _: None, report: Report = lambda _: None
    ) -> ShardFolder:
        """Compute and store the shards that the folder of a job of scripts.activations lacks.

        Args:
            begin: Is called with the folder, whose stored shards have been checked.
            report: Is called with the number of rows of each batch.

        Raises:
            FolderError: The folder holds another run's results.
            OSError: The folder cannot be written to.
        """
        with self.claim(self.job.out) as folder:
            begin(folder)
            for number in folder.missing:
                folder.store(self.shard(number, report))
        return folder


def load_model(name: str, models: Path | None, folder: Path | None) -> ResidentModel:
    """Load a network for scripts.activations: of a repository, a folder, or that ships.

    Raises:
        CheckpointError: There is none of this name, it cannot be loaded, or the folder has no
            weights of it.
    """
    places = [*([models / name] if models else []), Path(name)]
    for place in places:
        if (place / FILE).is_file():
            if folder is not None:
                ours = " and ".join(shipped_names())
                msg = f"--folder is for {ours}; {printable(name, None)} has weights of its own"
                raise CheckpointError(msg)
            return load_folder(place)
    if name in shipped_names():
        # The server takes the shipped weights then; here they would pass for the user's.
        if folder is not None and find_weights(folder, name) is None:
            msg = f"weights folder {printable(folder, None)} has no {name}{SUFFIX}"
            raise CheckpointError(msg)
        return load(name, folder)
    found = sorted(one.parent.name for one in models.glob(f"*/{FILE}")) if models else []
    listed = ", ".join((*found, *shipped_names()))
    msg = f"'{printable(name)}' is not one of {listed}, and no folder with a {FILE}"
    raise CheckpointError(msg)
