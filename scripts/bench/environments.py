"""Virtual environments of the benchmarked systems; rebuilt when pinned versions change."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent / "servers"
BUILD = Path(__file__).parents[2] / "build" / "bench"


class NotInstalledError(Exception):
    """A system's virtual environment could not be built; the message is the end of pip's output."""


def python_of(name: str) -> Path:
    """Return the Python interpreter of a system's virtual environment; build it if necessary.

    The packages are pinned in `servers/NAME.txt`. Those in `servers/NAME.no-deps.txt` are installed
    with `pip install --no-deps`.

    Raises:
        NotInstalledError: pip failed.
    """
    folder = BUILD / "venvs" / name
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join(versions(name))
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    _run([sys.executable, "-m", "venv", "--clear", str(folder)])
    for path in _requirements(name):
        options = ["--no-deps"] if path.name.endswith(".no-deps.txt") else []
        _run([str(python), "-m", "pip", "install", "--quiet", *options, "-r", str(path)])
    # Written last, so that an interrupted installation is repeated.
    stamp.write_text(wanted)
    return python


def versions(name: str) -> list[str]:
    """Return the packages pinned for a system's virtual environment, as `package==version`."""
    return [line for path in _requirements(name) for line in _lines(path)]


def _requirements(name: str) -> list[Path]:
    found = [HERE / f"{name}.txt", HERE / f"{name}.no-deps.txt"]
    return [path for path in found if path.exists()]


def _lines(path: Path) -> list[str]:
    """Return the packages of a pip requirements file, including files that it refers to by `-r`."""
    lines = []
    for line in path.read_text().splitlines():
        if line.startswith("-r "):
            lines += _lines(HERE / line.removeprefix("-r "))
        elif not line.startswith("#"):
            lines.append(line)
    return lines


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise NotInstalledError("\n".join((done.stdout + done.stderr).strip().splitlines()[-5:]))
