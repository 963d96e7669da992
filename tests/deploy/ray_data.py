"""Check the activations of deploy/ray on two workers of this machine against a single process.

python -m tests.deploy.ray_data                     # builds an environment with Ray
python -m tests.deploy.ray_data --python PYTHON     # uses one that has it

Exit status 0 if all files are equal to the bit, and a run that lacks a
shard goes on.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tests.environments import environment
from tests.servers import ROOT

OPTIONS = ("--layers", "relu3,relu4", "--shard-mib", "2")
TIMEOUT_S = 300


def main() -> int:
    """Run the checks; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.deploy.ray_data", description=__doc__)
    parser.add_argument("--python", type=Path, help="interpreter of an environment with Ray")
    python = parser.parse_args().python or environment("ray", "serve.txt", "ray.txt")
    with TemporaryDirectory(prefix="lightwell-ray-") as name:
        return int(not _is_equal(python, Path(name)))


def _is_equal(python: Path, folder: Path) -> bool:
    """Compare the results of two workers with those of one process, and those of a second run."""
    images = np.random.default_rng(0).integers(0, 256, (400, 28, 28), np.uint8)
    np.save(folder / "images.npy", images)
    data = ("cnn", "--data", "images.npy", *OPTIONS, "--out")
    _run(python, folder, "scripts.activations", *data, "one")
    _run(python, folder, "deploy.ray.activations", *data, "two", "--workers", "2")
    expected = _contents(folder / "one")
    if len(expected) < 4 or _contents(folder / "two") != expected:
        return _said("the files of two workers are not those of one process")
    (folder / "two" / "shard-00001.safetensors").unlink()
    again = _run(python, folder, "deploy.ray.activations", *data, "two", "--workers", "2")
    if "computed again: shard 1" not in again or _contents(folder / "two") != expected:
        return _said(f"a run without one shard did not go on: {again}")
    return True


def _run(python: Path, folder: Path, module: str, *arguments: str) -> str:
    """Run a module in a folder; return its output."""
    settings = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603
        [python, "-m", module, *arguments],
        cwd=folder,
        env=settings,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )
    return done.stdout


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _said(sentence: str) -> bool:
    sys.stderr.write(f"tests.deploy.ray_data: {sentence}\n")
    return False


if __name__ == "__main__":
    sys.exit(main())
