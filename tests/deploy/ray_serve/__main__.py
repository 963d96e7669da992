"""Run the Ray Serve application of deploy/ray on a cluster of this machine, and check it.

python -m tests.deploy.ray_serve                     # builds an environment with Ray
python -m tests.deploy.ray_serve --python PYTHON     # uses one that has it
python -m tests.deploy.ray_serve --only killed_replica
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.environments import environment
from tests.servers import ROOT


def main() -> int:
    """Run the checks with the interpreter of an environment that has Ray; return the status."""
    parser = argparse.ArgumentParser(prog="python -m tests.deploy.ray_serve", description=__doc__)
    parser.add_argument("--python", type=Path, help="interpreter of an environment with Ray")
    parser.add_argument("--only", action="append", default=[], help="name of a check")
    arguments = parser.parse_args()
    python = arguments.python or environment("ray", "serve.txt", "ray.txt")
    command = [python, "-m", "tests.deploy.ray_serve.checks", *arguments.only]
    # Ray reports usage over the network unless it is switched off.
    settings = {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
