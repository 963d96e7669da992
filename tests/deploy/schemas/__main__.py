"""Validate the manifests of `deploy/` by Kubernetes' schemas and KServe's own models.

python -m tests.deploy.schemas                     # builds an environment with both
python -m tests.deploy.schemas --python PYTHON     # uses one that has them
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.environments import environment
from tests.servers import ROOT


def main() -> int:
    """Validate with the interpreter of an environment that has the schemas; return the status."""
    parser = argparse.ArgumentParser(prog="python -m tests.deploy.schemas", description=__doc__)
    parser.add_argument("--python", type=Path, help="interpreter of an environment with schemas")
    python = parser.parse_args().python or environment("clients", "clients.txt")
    command = [python, "-m", "tests.deploy.schemas.validate"]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603
    return status or compose()


def compose() -> int:
    """Let Docker Compose read its file, where it is installed; return its exit code."""
    if (program := shutil.which("docker-compose")) is None:
        print("compose.yaml: not validated, docker-compose is not installed")
        return 0
    settings = {**os.environ, "LIGHTWELL_TOKEN": "secret-of-a-test"}
    command = [program, "--file", ROOT / "deploy" / "compose.yaml", "config", "--quiet"]
    status = subprocess.run(command, env=settings, check=False).returncode  # noqa: S603
    print(f"compose.yaml: docker-compose config exited with {status}")
    return status


if __name__ == "__main__":
    sys.exit(main())
