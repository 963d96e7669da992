"""Start of the server: cached executables, and no unneeded imports."""

import pwd
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from api.inference.loading import use_cache
from api.settings import Settings
from models.runtime.executable_cache import ExecutableCache
from tests.servers import ROOT, TIMEOUT_S, Server


def started(folder: Path) -> tuple[str, bytes]:
    """Start a server with a cache; return its line on executables, and one response."""
    server = Server("--cache", str(folder))
    try:
        said = server.wait_for(r"Ready after [\d.]+ s \((.*)\)")
        with httpx2.Client(base_url=server.url, timeout=TIMEOUT_S) as client:
            assert client.get("/readyz").status_code == 200
            # XLA would warn of each cached executable, in lines of a thousand characters.
            assert not [line for line in server.lines if "cpu_aot_loader" in line]
            return said, client.get("/lstm/trace?sequence=10110").content
    finally:
        server.stop()


def test_a_second_start_compiles_nothing(tmp_path: Path) -> None:
    """It prints so, and responds with the same bytes."""
    first, answer = started(tmp_path / "cache")
    second, same = started(tmp_path / "cache")

    assert first.endswith(" executables compiled")
    assert second == first.replace("compiled", "from the cache")
    assert same == answer


def test_starting_imports_neither_flax_nor_optax() -> None:
    """Flax, and Optax through it, are imported when something must be compiled: not before."""
    unneeded = (
        "flax",
        "optax",
        "orbax",
        "rich",
        "tensorflow_datasets",
        "models.runtime.training_loop",
    )
    script = (
        "import sys, api.__main__; from api.app import create_app; from api.settings import "
        f"Settings; create_app(Settings()); print([n for n in {unneeded} if n in sys.modules])"
    )

    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


@pytest.fixture
def model() -> Any:
    """Substitute for a loaded model."""
    return SimpleNamespace(cache=None)


def test_the_models_are_given_the_cache(model: Any, tmp_path: Path) -> None:
    """A usable folder becomes the cache of each model."""
    use_cache([model], tmp_path / "cache")

    assert isinstance(model.cache, ExecutableCache)


def test_a_folder_that_cannot_be_used_is_said(
    model: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says why; the server starts without."""
    tmp_path.chmod(0o777)
    use_cache([model], tmp_path)

    assert model.cache is None
    assert [record.message for record in caplog.records] == [
        f"the cache {tmp_path} is not used: others may write to it (mode 777)"
    ]


@pytest.mark.parametrize("off", ["", "none"])
def test_the_cache_can_be_switched_off(
    off: str, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the empty text, or by name."""
    monkeypatch.setenv("LIGHTWELL_CACHE", off)
    use_cache([model], Settings().cache)

    assert model.cache is None


@pytest.mark.parametrize("home", ["", "relative"])
def test_a_user_without_a_home_has_no_cache(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a folder named ~ nor one in the working directory is made."""

    def unknown(_: int) -> None:
        raise KeyError

    for name in ("LIGHTWELL_CACHE", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if home:
        monkeypatch.setenv("HOME", home)
        monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setattr(pwd, "getpwuid", unknown)

    assert Settings().cache is None


def test_the_cache_is_named_after_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default it is a folder of its own among the user's caches."""
    monkeypatch.delenv("LIGHTWELL_CACHE")
    folder = Settings().cache

    assert folder is not None
    assert folder.name == "lightwell"
