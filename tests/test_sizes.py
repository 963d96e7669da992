"""Length limit of source, test, style and page files."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.servers import ROOT

LIMIT = 400
"""Lines of one file."""

SUFFIXES = {".py", ".js", ".css", ".html"}
EXCEPTIONS: dict[str, str] = {}
"""Path of a longer file → the reason why it is not split, such as the command that generates it."""

INSTALLED = {".venv", "node_modules", "build", "dist"}
"""Folders of a working copy that are not part of the repository."""


def tracked() -> Iterator[Path]:
    """Paths that git tracks; without git, such as in an archive, every path but `INSTALLED`."""
    if (ROOT / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(  # noqa: S603 - constant arguments
            command, cwd=ROOT, capture_output=True, text=True, check=True
        )
        yield from (ROOT / name for name in listed.stdout.split("\0") if name)
        return
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name not in INSTALLED]
        yield from (Path(folder, name) for name in files)


def lengths() -> dict[str, int]:
    """Lines of every source, test, style and page file, by its path in the repository."""
    return {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in tracked()
        if path.suffix in SUFFIXES and path.is_file()
    }


def test_no_file_is_longer_than_the_limit() -> None:
    """Every file has at most `LIMIT` lines, but for the exceptions."""
    found = lengths()
    longer = {name: lines for name, lines in found.items() if lines > LIMIT}

    assert {"api/static/sdk/lightwell.js", "tests/test_sizes.py"} <= set(found)
    assert set(longer) <= set(EXCEPTIONS), longer


def test_every_exception_is_needed() -> None:
    """Each exception names a file that is longer than the limit."""
    found = lengths()

    assert [name for name in EXCEPTIONS if found.get(name, 0) <= LIMIT] == []
