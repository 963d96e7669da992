"""Run docs/own-network.md as a reader would: networks of PyTorch, Keras and Flax, to a server.

python -m tests.imports                    # builds an environment with the libraries
python -m tests.imports --python PYTHON    # uses one that has them
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import Request, urlopen

from tests.docs.fences import Fence, fences
from tests.environments import environment
from tests.servers import ROOT, started

PAGE = "docs/own-network.md"
NETWORKS = ("mine", "digits", "shapes")
STEPS = ("make check-imports runs it", "tests run it")
"""Ends of the reasons for which other tests do not run a block of this page."""


def main() -> int:
    """Run every block of the page in a folder of its own, then ask a server; return the status."""
    parser = argparse.ArgumentParser(prog="python -m tests.imports", description=__doc__)
    parser.add_argument("--python", type=Path, help="interpreter that has the libraries")
    python = parser.parse_args().python or environment("imports", "imports.txt")
    with TemporaryDirectory(prefix="lightwell-imports-") as name:
        folder = Path(name)
        for block in blocks():
            run(block, python, folder)
        ask(folder)
    return 0


def blocks() -> list[Fence]:
    """Blocks of the page that save, convert and verify a network, in order."""
    found = [one for one in fences() if one.page == PAGE and one.language in {"python", "bash"}]
    ours = [one for one in found if not one.not_run or one.not_run.endswith(STEPS)]
    return [one for one in ours if "python -m api" not in one.code and "curl" not in one.code]


def run(block: Fence, python: Path, folder: Path) -> None:
    """Run one block: Python in the libraries' environment, commands in Lightwell's."""
    print(block.code.strip().splitlines()[0], flush=True)
    if block.language == "python":
        command, path = [str(python), "-c", block.code], os.environ["PATH"]
    else:
        command = ["bash", "-euo", "pipefail", "-c", block.code]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "torch"}
    if block.language == "python":
        settings["PYTHONPATH"] = ""
    subprocess.run(command, cwd=folder, env={**os.environ, **settings}, check=True)  # noqa: S603


def ask(folder: Path) -> None:
    """Ask a server with the converted networks for maps and an attribution of each."""
    with started(
        "--models", str(folder), "--strict", "--deadline-s", "120", ready="Ready after"
    ) as server:
        for name in NETWORKS:
            described = json.load(urlopen(f"{server.url}/models/{name}"))  # noqa: S310
            names = {probe["name"] for probe in described["probes"]}
            assert {"predict", "activations", "attribution", "intervene"} <= names, names
            digit = urlopen(f"{server.url}/samples/0.png").read()  # noqa: S310
            for probe in ("activations", "attribution?method=integrated_gradients"):
                post = Request(f"{server.url}/{name}/{probe}", digit)  # noqa: S310
                post.add_header("Content-Type", "image/png")
                answer = json.load(urlopen(post))  # noqa: S310
                assert answer["tensors"], answer
                print(name, probe, [one["name"] for one in answer["tensors"]], flush=True)


if __name__ == "__main__":
    sys.exit(main())
