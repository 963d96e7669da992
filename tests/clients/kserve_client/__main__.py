"""Ask a server with KServe's client, and run the example of docs/inference-protocol.md.

python -m tests.clients.kserve_client                    # builds an environment with the client
python -m tests.clients.kserve_client --python PYTHON    # uses one that has it
"""

import argparse
import subprocess
from pathlib import Path

from tests.docs.fences import SERVER, fences
from tests.environments import environment
from tests.servers import TIMEOUT_S, started

ASK = Path(__file__).with_name("ask.py")
PAGE = "docs/inference-protocol.md"


def example(url: str) -> str:
    """Return the example of the page for KServe's client, for the server of an address."""
    (found,) = (one for one in fences() if one.page == PAGE and "kserve" in one.code)
    return found.code.replace(SERVER, url)


def main() -> int:
    """Ask a server that is started for it; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.clients.kserve_client", description=__doc__
    )
    parser.add_argument("--python", type=Path, help="interpreter that has KServe's client")
    python = parser.parse_args().python or environment("clients", "clients.txt")
    with started(ready="Ready after") as server:
        for command in ([ASK, server.url], ["-c", example(server.url)]):
            done = subprocess.run([python, *command], check=False, timeout=TIMEOUT_S)  # noqa: S603
            if done.returncode:
                return done.returncode
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
