"""Reloading: replaced files of the user's networks, served without a stop of the engine."""

import asyncio
import logging
import math
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from api.inference.analysis_compiler import AnalysisCompiler
from api.inference.cpu_threads import CPUThreads
from api.inference.errors import DeviceHungError, EngineClosedError, EngineNotReadyError
from api.inference.jobs import Job
from api.inference.loading import Source
from api.inference.program_queues import QueueFactory
from api.inference.served_model import ServedModel
from models.registry import ResidentModel
from models.runtime.checkpoints import CheckpointError
from probes.applicable import applicable_probes

NOTHING = (
    "nothing to load again: the networks that ship are served with their own weights, and only "
    "those of --weights, --models and --model can be replaced"
)

logger = logging.getLogger("lightwell")


@dataclass(frozen=True)
class Reloaded:
    """Outcome of a reload for each model that has files of the user.

    Attributes:
        replaced: Names of models that are served with other weights from now on.
        unchanged: Names of models whose files have not changed.
        refused: Why the files of a model are not served, by its name; its old weights are.
    """

    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


class Reloader:
    """Reloader of the engine: serves replaced files of its models. Of one event loop.

    Files are read and checked while the old weights answer. Then the entry of the model in `served`
    is replaced: requests that have begun keep the old version to their end, and later ones have the
    new one. Both share their executables, so that nothing is compiled.

    Args:
        sources: Sources of the models that can be replaced, by name.
        served: Served models of the engine by name, of which it replaces entries.
        queues: Creates the queues of the new versions.
        compiler: Prepares programs while nothing is compiled.
        threads: CPU threads, in which files are read.

    Attributes:
        refused: Why the files of a model were not served by the last reload, by its name.
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        served: dict[str, ServedModel],
        queues: QueueFactory,
        compiler: AnalysisCompiler,
        threads: CPUThreads,
    ) -> None:
        self.refused: Mapping[str, str] = {}
        self._sources, self._served = sources, served
        self._queues, self._compiler, self._threads = queues, compiler, threads
        self._lock = asyncio.Lock()
        self._retired: list[weakref.ref[ResidentModel]] = []
        self._requested: asyncio.Task[None] | None = None
        self._is_waiting = False

    def request(self, begin: Callable[[], Awaitable[None]]) -> None:
        """Start a reload on the running event loop, or leave it to one that has not begun.

        Args:
            begin: As in `reload`.
        """
        if self._is_waiting:
            return
        self._is_waiting = True
        self._requested = asyncio.get_running_loop().create_task(self._request(begin))

    async def _request(self, begin: Callable[[], Awaitable[None]]) -> None:
        """Reload on request, of which the log alone has the outcome."""
        try:
            await self.reload(begin)
        except (EngineClosedError, EngineNotReadyError, DeviceHungError) as error:
            logger.warning("nothing is loaded again: %s", error)
        finally:
            self._is_waiting = False

    async def reload(self, begin: Callable[[], Awaitable[None]]) -> Reloaded:
        """Load all models that have files of the user again; serve those that have changed.

        Args:
            begin: Waits until models may be replaced; called when earlier reloads have ended.

        Raises:
            EngineClosedError, EngineNotReadyError, DeviceHungError: Raised by `begin`.
        """
        async with self._lock:
            await begin()
            self._is_waiting = False
            found = Reloaded()
            for name in [one for one in self._sources if one in self._served]:
                await self._load(name, self._sources[name], found)
            self.refused = found.refused
            if not self._sources:
                logger.info(NOTHING)
            return found

    async def _load(self, name: str, source: Source, found: Reloaded) -> None:
        """Load one model again, and add the outcome to that of the reload; log it."""
        old = self._served[name]
        before = old.model.checkpoint.digest[:12]
        try:
            served = await self._replacement(old, source)
        except CheckpointError as error:
            found.refused[name] = str(error)
            # A sentence for the user; a traceback would hide it.
            logger.error("weights %s of %s stay: %s", before, name, error)  # noqa: TRY400
        except Exception:
            found.refused[name] = "its files could not be loaded"
            logger.exception("weights %s of %s stay: its files could not be loaded", before, name)
        else:
            if served is None:
                found.unchanged.append(name)
                logger.info("weights %s of %s stay: its files have not changed", before, name)
                return
            self._replace(old, served)
            found.replaced.append(name)
            after = served.model.checkpoint.digest[:12]
            logger.info("weights %s of %s are replaced by %s", before, name, after)

    async def _replacement(self, old: ServedModel, source: Source) -> ServedModel | None:
        """Load the new version of a served model for a reload; None if its files are the same.

        Raises:
            CheckpointError: The files are damaged, or cannot be served in place of the old ones.
        """
        # After the requests that wait for these threads.
        job = Job("reload", math.inf, is_analysis=True)
        model = await self._threads.run(job, source)
        _check_replaceable(old.model, model)
        if await self._threads.run(job, _version, model) == old.version:
            return None
        await self._compiler.run_alone(model.take_over, old.model)
        served = ServedModel(model, self._queues)
        await self._threads.run(job, served.measure)
        return served

    def _replace(self, old: ServedModel, served: ServedModel) -> None:
        """Serve a new version from now on; the old one is freed after its last request."""
        served.continue_from(old)
        self._served[served.name] = served
        self._retired.append(weakref.ref(old.model))

    def take_freed(self) -> bool:
        """Tell whether a version that a reload has replaced was freed since the last call."""
        alive = [one for one in self._retired if one() is not None]
        is_freed = len(alive) < len(self._retired)
        self._retired = alive
        return is_freed

    async def stop(self) -> None:
        """Stop the reload that was requested last; the old versions stay."""
        if self._requested is not None:
            self._requested.cancel()
            await asyncio.gather(self._requested, return_exceptions=True)


def _version(model: ResidentModel) -> str:
    return model.version


def _check_replaceable(old: ResidentModel, new: ResidentModel) -> None:
    """Check that a reload may serve a model in place of another one.

    Raises:
        CheckpointError: It has another name or declaration, or other probes.
    """
    restart = "restart the server to serve them"
    if new.name != old.name:
        msg = f"its files are now those of {new.name}: {restart}"
        raise CheckpointError(msg)
    if new.architecture.declaration != old.architecture.declaration:
        msg = f"its files are of another architecture or declaration: {restart}"
        raise CheckpointError(msg)
    probes = [[one.name for one in applicable_probes(model)] for model in (old, new)]
    if differing := sorted(set(probes[0]) ^ set(probes[1])):
        verb = "gain" if differing[0] in probes[1] else "lose"
        msg = f"with its artifacts it would {verb} {', '.join(differing)}: {restart}"
        raise CheckpointError(msg)
