"""Certificates of servers in tests."""

import shutil
import subprocess
from pathlib import Path

from tests.tools import require


def sign(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that signs itself, and its key, in a folder."""
    require("openssl", shutil.which("openssl") is not None)
    chain, key = folder / "chain.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {chain}"
    )
    subprocess.run(command.split(), check=True, capture_output=True)  # noqa: S603 - no input of users
    return chain, key
