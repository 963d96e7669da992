"""Virtual environments of tests that need packages which `make test` has not."""

import subprocess
import sys
from pathlib import Path

from tests.servers import ROOT


def environment(name: str, *requirements: str) -> Path:
    """Build an environment in `build/`, unless it is there; return its Python interpreter.

    Args:
        requirements: Files in `requirements/`, installed one after another: one with hashes would
            make pip demand them of the others.
    """
    build = ROOT / "build" / name
    files = [ROOT / "requirements" / one for one in requirements]
    python, stamp = build / "bin" / "python", build / "installed.txt"
    wanted = "".join(one.read_text() for one in files)
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", build], check=True)  # noqa: S603
        for one in files:
            install = [python, "-m", "pip", "install", "--quiet", "-r", one]
            subprocess.run(install, check=True)  # noqa: S603
        stamp.write_text(wanted)
    return python
