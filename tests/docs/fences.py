"""Code fences of README.md and docs/*.md, and how each language runs against a test server."""

import json
import os
import pty
import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.servers import ROOT
from tests.tools import MODULES, NODE, module, require, run

SERVER = "http://127.0.0.1:8000"
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
_FENCE = re.compile(r"^```(\S*) *(.*)\n((?s:.*?))^```$", re.MULTILINE)
_EXPECTED = {
    "python": re.compile(r"^ *print\(.*\)  # (.*)$", re.MULTILINE),
    "javascript": re.compile(r"^ *console\.log\(.*\);  // (.*)$", re.MULTILINE),
    "java": re.compile(r"^ *System\.out\.println\(.*\);  // (.*)$", re.MULTILINE),
}


class Fence(NamedTuple):
    """A block of code in a page.

    Attributes:
        info: The words after the language, such as `no-run: needs Docker`.
    """

    page: str
    language: str
    info: str
    code: str

    @property
    def not_run(self) -> str:
        """The reason for which a test does not run it; empty where it runs."""
        return self.info.removeprefix("no-run: ") if self.info.startswith("no-run:") else ""


def fences() -> list[Fence]:
    """All fences of all pages, in their order."""
    return [
        Fence(path.relative_to(ROOT).as_posix(), *found)
        for path in PAGES
        for found in _FENCE.findall(path.read_text(encoding="utf-8"))
    ]


def code_of(page: str, language: str, url: str) -> str:
    """The code of one page in one language that runs, for the server at `url`."""
    chosen = (one for one in fences() if (one.page, one.language) == (page, language))
    return "\n".join(one.code for one in chosen if not one.not_run).replace(SERVER, url)


def run_bash(code: str, folder: Path) -> None:
    """Run commands; every file that they write is whole, and none holds a problem."""
    # Commands of Python packages, such as HTTPie's, are next to the interpreter.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    for tool in re.findall(r"^(\w+) ", code, re.MULTILINE):
        require(tool, shutil.which(tool, path=path) is not None)
    # A terminal as their input, as where a person types them: HTTPie sends any other input.
    keyboard, terminal = pty.openpty()
    try:
        run("sh", "-ec", code, cwd=folder, stdin=terminal, env={"PATH": path})
    finally:
        os.close(keyboard)
        os.close(terminal)
    written = re.findall(r" -o (\S+)", code)
    assert written
    for name in written:
        content = (folder / name).read_bytes()
        if name.endswith(".png"):
            assert content.startswith(b"\x89PNG"), content[:200]
        else:
            for line in content.splitlines():
                assert "urn:lightwell:problem" not in json.loads(line).get("type", ""), line


def run_python(code: str, folder: Path) -> None:
    """Run a Python program; every `print` gives the text of the comment after it."""
    _compare("python", code, run(sys.executable, "-c", code, cwd=folder))


def run_javascript(code: str, folder: Path) -> None:
    """Run a module in Node.js; every `console.log` gives the text of the comment after it."""
    for package in re.findall(r'^import .* from "([a-z-]+)";$', code, re.MULTILINE):
        module(f"{package}/package.json")
    (folder / "node_modules").symlink_to(MODULES)
    (folder / "example.mjs").write_text(code, encoding="utf-8")
    _compare("javascript", code, run(NODE, "example.mjs", cwd=folder))


def run_java(code: str, folder: Path) -> None:
    """Run a Java file; every `println` gives the text of the comment after it."""
    # A runtime without the compiler cannot run a source file.
    require("Java's compiler", shutil.which("javac") is not None)
    (folder / "Example.java").write_text(code, encoding="utf-8")
    _compare("java", code, run("java", "Example.java", cwd=folder))


def _compare(language: str, code: str, printed: str) -> None:
    """Compare the output of a program with its comments, where `…` is any text."""
    expected = _EXPECTED[language].findall(code)
    assert len(expected) == len(re.findall(r"\b(?:print|console\.log|println)\(", code))
    for line, wanted in zip(printed.splitlines(), expected, strict=True):
        parts = (re.escape(part.strip()) for part in wanted.split("…"))
        assert re.fullmatch(".*".join(parts), line), line


RUNNERS: Mapping[str, Callable[[str, Path], None]] = {
    "bash": run_bash,
    "python": run_python,
    "javascript": run_javascript,
    "java": run_java,
}
"""Languages that run in a process of their own."""
