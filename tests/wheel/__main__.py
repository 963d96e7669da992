"""Run the API tests against the installed wheel, in a folder that is no checkout.

python -m tests.wheel                             # those of the API and of the Python client
python -m tests.wheel tests/api/routes -k colours # some of them, with flags of pytest
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hatch_build import module_name, rewrite, wheel_files
from tests.servers import ROOT
from tests.wheel.building import build, install

SELECTED = (
    "tests/api",
    *(f"tests/clients/test_client{part}.py" for part in ("", "_answers", "_errors", "_inputs")),
    # It copies packages of the checkout without their weights.
    "--ignore=tests/api/test_without_shipped_networks.py",
)

SETTINGS = """[pytest]
strict = true
pythonpath = .
addopts = -ra --import-mode=importlib
    --jaxtyping-packages=lightwell.models,lightwell.probes,beartype.beartype
filterwarnings = error
"""


def main() -> int:
    """Install the wheel, copy the tests with its names, and run them; return the exit status."""
    with TemporaryDirectory(prefix="lightwell-wheel-") as name:
        folder = Path(name)
        copy_tests(folder)
        (folder / "pytest.ini").write_text(SETTINGS)
        installed = install(build(folder / "built"), folder / "installed")
        return subprocess.run(  # noqa: S603 - constant arguments
            [sys.executable, "-m", "pytest", *selected(sys.argv[1:])],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(installed)},
            check=False,
        ).returncode


def selected(arguments: Sequence[str]) -> Sequence[str]:
    """Return the arguments of pytest: those given, with the selected tests unless they name some.

    Others than the selected ones need the checkout, and fail as they are collected.
    """
    names_some = any(one.startswith("tests/") for one in arguments)
    return arguments if names_some else [*SELECTED, *arguments]


def copy_tests(folder: Path) -> None:
    """Copy the tests into a folder, with the names of the wheel's modules; link what they read."""
    shutil.copytree(
        ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__", "wheel")
    )
    for name in ("docs", "examples"):  # which some tests read
        (folder / name).symlink_to(ROOT / name)
    modules = {module_name(file) for file in wheel_files(ROOT) if file.suffix == ".py"}
    for path in (folder / "tests").rglob("*.py"):
        path.write_text(rewrite(path.read_text(encoding="utf-8"), modules), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
