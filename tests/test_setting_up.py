"""Setting up a checkout: what `make serve` prints before the server starts."""

import ast
import io
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.install import Progress
from tests.servers import ROOT, TIMEOUT_S

OLD = """#!/bin/sh
test "$1" = --version && echo Python 3.9.2
"""
"""Python of an earlier version, as far as the Makefile asks it."""

LINES = """\
Ignoring jax: markers 'python_full_version >= "3.12"' don't match your environment
Collecting fastapi==0.165.0 (from -r requirements/serve.txt (line 3))
  Downloading fastapi-0.165.0-py3-none-any.whl (121 kB)
Requirement already satisfied: numpy==2.4.6 in site-packages
Collecting jaxlib==0.10.1 (from -r requirements/serve.txt (line 9))
  Using cached jaxlib-0.10.1-cp311-cp311-manylinux_2_27_x86_64.whl (85.3 MB)
Installing collected packages: jaxlib, fastapi
""".splitlines()
"""Lines of pip for four pinned packages, one of which is for another Python."""


class Terminal(io.StringIO):
    """Text that a terminal was sent."""

    def isatty(self) -> bool:
        """Tell that it is one."""
        return True


def shown(out: io.StringIO) -> str:
    """What a progress writes to a terminal or file while pip prints `LINES`."""
    progress = Progress(4, out)
    for line in LINES:
        progress.read(line)
    progress.stop()
    return out.getvalue()


def test_a_terminal_shows_each_package_with_its_size() -> None:
    """One line is written again and again: packages collected, of how many, and the present one."""
    text = shown(Terminal())

    assert "\n" not in text
    states = text.split("\r\033[K")
    assert [state.split(", 0 s")[0].strip() for state in states if "," in state] == [
        "1 of 3 packages",
        "2 of 3 packages",
        "3 of 3 packages",
        "3 packages collected, unpacking them",
    ]
    assert "jaxlib" in states[3]
    assert states[-1] == ""


def test_a_file_has_a_line_now_and_then() -> None:
    """Not one for each package."""
    assert shown(io.StringIO()) == "  3 packages collected, unpacking them, 0 s\n"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_calls_a_python_that_is_too_old_so(tmp_path: Path) -> None:
    """Before anything is created: its version, the one that is needed, and how to name another."""
    old = tmp_path / "python3"
    old.write_text(OLD)
    old.chmod(0o755)

    done = subprocess.run(  # noqa: S603 - our own Makefile
        ["make", "serve", f"VENV={tmp_path / 'venv'}", f"PYTHON={old}"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )

    assert done.returncode == 2
    assert f"needs Python 3.11 or newer, and {old} is Python 3.9.2." in done.stdout
    assert "make serve PYTHON=python3.12" in done.stdout
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("version", ["3.9", f"{sys.version_info[0]}.{sys.version_info[1]}"])
def test_make_installs_again_after_an_upgrade_of_python(tmp_path: Path, version: str) -> None:
    """An environment whose packages are those of another Python is made again, and no other."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    (venv / "lib" / f"python{version}" / "site-packages").mkdir(parents=True)
    (venv / "serve.done").touch()

    steps = steps_of_serve(venv)

    is_upgraded = version == "3.9"
    assert (f"-m venv --clear {venv}" in steps) == is_upgraded
    assert ("scripts.install requirements/serve.txt" in steps) == is_upgraded
    assert f"{venv}/bin/python -m api" in steps


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_keeps_the_files_of_a_folder_that_is_no_environment(tmp_path: Path) -> None:
    """An environment is made in it, and nothing is removed."""
    assert f"-m venv  {tmp_path}" in steps_of_serve(tmp_path)


def steps_of_serve(venv: Path) -> str:
    """Return the commands that `make serve` would run for an environment in a folder."""
    done = subprocess.run(  # noqa: S603 - our own Makefile
        ["make", "--dry-run", "serve", f"VENV={venv}"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    return done.stdout


def test_a_python_that_is_too_old_runs_no_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can parse the package that tells it, and gets a sentence instead of a syntax error."""
    package = ROOT / "api" / "__init__.py"
    ast.parse(package.read_text(encoding="utf-8"), feature_version=(3, 4))
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(sys, "version", "3.9.2 (main)")

    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, and .* is Python 3\.9\.2"):
        runpy.run_path(str(package))
