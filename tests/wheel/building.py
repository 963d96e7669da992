"""Wheel of the checkout: built and installed without isolation, network and dependencies."""

import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.servers import ROOT, TIMEOUT_S

OFFLINE = ("--quiet", "--no-index", "--no-deps", "--disable-pip-version-check")


def build(folder: Path) -> Path:
    """Build the wheel of the checkout into a folder; return its path."""
    pip("wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (path,) = folder.glob("*.whl")
    return path


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel into a folder, which is returned."""
    pip("install", *OFFLINE, "--target", str(folder), str(wheel))
    return folder


def pip(*arguments: str) -> None:
    """Run pip, which must succeed."""
    done = subprocess.run(  # noqa: S603 - constant arguments
        [sys.executable, "-m", "pip", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def closure(names: set[str]) -> set[str]:
    """Return distributions with all those that they need here, without their extras."""
    found: set[str] = set()
    while names := names - found:
        found |= names
        needed = (Requirement(line) for name in names for line in requires(name) or ())
        names = {
            canonicalize_name(one.name)
            for one in needed
            if one.marker is None or one.marker.evaluate({"extra": ""})
        }
    return found
