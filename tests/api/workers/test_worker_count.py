"""Number of worker processes by setting, processors, chips and memory."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from api import settings as settings_module
from api.settings import Settings
from api.workers import worker_count as module
from api.workers.chips import Chips
from api.workers.worker_count import WorkerCountError, worker_count
from tests.servers import ROOT, TIMEOUT_S

GIB = 2**30
NONE = Chips()
TWO_GPUS = Chips(("0", "1"), "CUDA_VISIBLE_DEVICES")

REFUSED = """
import sys
import api.__main__ as command
sys.platform = {platform!r}
sys.argv = ["api", "--workers", {workers!r}]
print(command.main(), "jax" in sys.modules)
"""


def count(workers: int | str, memory: int = 64 * GIB, chips: Chips = NONE) -> int:
    """Number of workers of a server with some settings."""
    return worker_count(Settings(workers=workers, memory=memory), chips)  # type: ignore[arg-type]


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 2), (8, 8), (64, 8)])
def test_auto_is_one_a_core_up_to_eight(
    cores: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without chips, by the processors that the process may use."""
    monkeypatch.setattr(module, "processors", lambda: cores)

    assert count("auto") == expected


def test_auto_leaves_memory_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small budget has fewer workers, and at least one."""
    monkeypatch.setattr(module, "processors", lambda: 8)

    assert count("auto", memory=GIB) == 2
    assert count("auto", memory=GIB // 8) == 1


def test_auto_is_one_a_chip() -> None:
    """However many processors there are."""
    assert count("auto", chips=TWO_GPUS) == 2


def test_a_number_is_taken_as_it_is() -> None:
    """By default one; more than processors are allowed."""
    assert worker_count(Settings(), Chips()) == 1
    assert count(5) == 5
    assert count(1, chips=TWO_GPUS) == 1


def test_more_workers_than_chips_are_refused() -> None:
    """The sentence has both numbers, and the way out."""
    with pytest.raises(WorkerCountError, match="3 processes need a chip each, and CUDA_VISIBLE_D"):
        count(3, chips=TWO_GPUS)


def test_workers_without_memory_are_refused() -> None:
    """The sentence has the least budget."""
    with pytest.raises(WorkerCountError, match="8 processes need 576MiB of memory at least"):
        count(8, memory=GIB // 2)
    assert count(8, memory=576 * 2**20) == 8


@pytest.mark.parametrize("wrong", ["0", "65", "-1", "two", "1.5", ""])
def test_a_wrong_number_is_named(wrong: str) -> None:
    """One error, of the setting alone, says which values there are."""
    with pytest.raises(ValidationError) as caught:
        Settings(workers=wrong, memory=GIB)  # type: ignore[arg-type]

    (error,) = caught.value.errors()
    assert error["loc"] == ("workers",)
    assert error["msg"].endswith("is a number of processes from 1 to 64, or auto")


def test_the_default_budget_grows_with_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is 2 GiB for each, as far as half of the machine's memory suffices."""
    limits = settings_module.default_budget.__globals__
    monkeypatch.setitem(limits, "container_memory", lambda *_: None)
    monkeypatch.setitem(limits, "machine_memory", lambda: 12 * GIB)

    assert [Settings(workers=number).memory for number in (1, 2, 8)] == [2 * GIB, 4 * GIB, 6 * GIB]


@pytest.mark.parametrize("workers", ["2", "auto"])
def test_several_processes_are_refused_without_posix(workers: str) -> None:
    """One sentence and exit code 2, before JAX is imported."""
    script = REFUSED.format(platform="win32", workers=workers)
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=True,
    )

    assert done.stdout == "2 False\n"
    assert done.stderr == (
        "lightwell: setting workers: several processes need Linux or macOS: leave it at 1 on this "
        "system\n"
    )


def test_one_process_needs_no_posix(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default is accepted everywhere."""
    monkeypatch.setattr(sys, "platform", "win32")

    assert Settings(memory=GIB).workers == 1
