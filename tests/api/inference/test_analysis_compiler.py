"""Compiler of analyses: what requests wait for goes first, in the order in which it was asked."""

import asyncio
import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.inference.analysis_compiler import AnalysisCompiler
from api.inference.errors import CompilationDeadlineError
from api.inference.memory_budget import MemoryBudget
from api.inference.served_model import ServedModel
from tests.servers import TIMEOUT_S

SIZES = {"push": (1, 4, 16), "score": (1, 64), "convolve": (1,)}
"""Batch sizes of the analyses of the model."""


class Model:
    """Resident model that notes what is compiled, and compiles nothing while it is held."""

    def __init__(self) -> None:
        self.programs: dict[str, Any] = {}
        self.analyses = {name: SimpleNamespace(name=name) for name in SIZES}
        self.compiled: list[tuple[str, Sequence[int]]] = []
        self.free = threading.Event()
        self.free.set()

    def buckets(self, program: Any) -> Sequence[int]:
        """Batch sizes of an analysis."""
        return SIZES[program.name]

    def compile_analysis(self, program: Any, buckets: Sequence[int]) -> None:
        """Compile an analysis."""
        self._compile(program, buckets)
        self.programs[program.name] = program

    def add_buckets(self, program: Any, buckets: Sequence[int]) -> None:
        """Compile further batch sizes."""
        self._compile(program, buckets)

    def add_parameter_sets(self, program: Any) -> None:
        """Add parameter sets: there are none."""

    def _compile(self, program: Any, buckets: Sequence[int]) -> None:
        assert self.free.wait(TIMEOUT_S)
        self.compiled.append((program.name, tuple(buckets)))


class Served:
    """Served model with the queues of its compiled programs."""

    def __init__(self, model: Model) -> None:
        self.name, self.model = "cnn", model
        self.queues: dict[str, Any] = {}

    def serve(self, program: Any) -> None:
        """Accept calls of a program."""
        self.queues[program.name] = program

    def serve_buckets(self) -> None:
        """Form batches of all sizes."""


class Scene:
    """Compiler on a running event loop, with one served model."""

    def __init__(self) -> None:
        self.model = Model()
        self.served = cast("ServedModel", Served(self.model))
        self.compiler = AnalysisCompiler(MemoryBudget(2**30))

    async def ask(self, name: str, seconds: float = TIMEOUT_S) -> None:
        """Wait for a program, as a request does."""
        await self.compiler.compiled(self.served, name, time.monotonic() + seconds)


async def begun(*waiting: Any) -> "list[asyncio.Task[Any]]":
    """Begin coroutines in their order, until each waits."""
    tasks = []
    for one in waiting:
        tasks.append(asyncio.ensure_future(one))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return tasks


def test_programs_are_compiled_in_the_order_in_which_they_are_asked_for() -> None:
    """The largest batches first, of all that are asked for; smaller ones when no request waits."""

    async def play() -> list[tuple[str, Sequence[int]]]:
        scene = Scene()
        scene.model.free.clear()
        asked = await begun(*(scene.ask(name) for name in ("score", "convolve", "push")))
        scene.model.free.set()
        await asyncio.gather(*asked)
        await scene.compiler.settled()
        await scene.compiler.stop()
        return scene.model.compiled

    compiled = asyncio.run(play())

    first = [("score", (64,)), ("convolve", (1,)), ("push", (16,))]
    assert compiled[:3] == first
    assert sorted(compiled[3:]) == [("push", (1, 4)), ("score", (1,))]


def test_a_request_goes_before_all_that_no_request_waits_for() -> None:
    """It overtakes what is compiled in the background, and is not compiled there again."""

    async def play() -> list[tuple[str, Sequence[int]]]:
        scene = Scene()
        scene.model.free.clear()
        rest = [scene.compiler.compile_unasked(scene.served, name) for name in SIZES]
        unasked = await begun(*rest)  # of which the first one, push, is in the thread
        asked = await begun(scene.ask("convolve"))
        scene.model.free.set()
        await asyncio.gather(*unasked, *asked)
        await scene.compiler.settled()
        await scene.compiler.stop()
        return scene.model.compiled

    compiled = asyncio.run(play())

    assert compiled[:2] == [("push", (16,)), ("convolve", (1,))]
    assert [name for name, _ in compiled].count("convolve") == 1
    assert sorted(compiled[2:]) == [("push", (1, 4)), ("score", (1,)), ("score", (64,))]


def test_requests_for_one_program_wait_for_one_compilation() -> None:
    """They share it with each other, and with the one in the background."""

    async def play() -> list[tuple[str, Sequence[int]]]:
        scene = Scene()
        scene.model.free.clear()
        waiting = await begun(
            scene.compiler.compile_unasked(scene.served, "convolve"),
            scene.ask("convolve"),
            scene.ask("convolve"),
        )
        scene.model.free.set()
        await asyncio.gather(*waiting)
        await scene.compiler.stop()
        return scene.model.compiled

    assert asyncio.run(play()) == [("convolve", (1,))]


def test_a_compilation_goes_on_after_the_deadline_of_its_request() -> None:
    """The request ends with an error that names the program; a later one finds it compiled."""

    async def play() -> None:
        scene = Scene()
        scene.model.free.clear()
        with pytest.raises(CompilationDeadlineError, match="program push of cnn is still being"):
            await scene.ask("push", 0.02)
        scene.model.free.set()
        await scene.compiler.settled()
        assert "push" in scene.served.queues
        await scene.compiler.stop()

    asyncio.run(play())


def test_a_failed_compilation_is_that_of_its_requests_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its requests get the error, the log has it, and other programs are compiled."""

    async def play() -> None:
        scene = Scene()
        del scene.model.analyses["push"]
        with pytest.raises(KeyError):
            await scene.ask("push")
        await scene.ask("score")
        await scene.compiler.settled()
        assert set(scene.served.queues) == {"score"}
        await scene.compiler.stop()

    asyncio.run(play())
    assert "an analysis could not be compiled" in caplog.text
