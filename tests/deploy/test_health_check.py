"""The health check of the image asks the server at its port, with or without TLS."""

import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.certificates import sign
from tests.servers import ROOT, TIMEOUT_S


@contextmanager
def answering(status: int, certificate: tuple[Path, Path] | None = None) -> Iterator[int]:
    """Start a server that answers `/readyz` with a status, and 404 elsewhere; yield its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Print nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def check(port: int, **environment: str) -> int:
    """Run the command of the Dockerfile's HEALTHCHECK; return its exit status."""
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    python, *arguments = json.loads(dockerfile.split("\n    CMD ", 1)[1].splitlines()[0])
    assert python == "python"

    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, *arguments],
        check=False,
        capture_output=True,
        timeout=TIMEOUT_S,
        env={**os.environ, "LIGHTWELL_PORT": str(port), **environment},
    ).returncode


@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (503, 1)])
def test_it_follows_readiness(status: int, exit_status: int) -> None:
    """It succeeds once the server is ready, not before."""
    with answering(status) as port:
        assert check(port) == exit_status


@pytest.mark.parametrize(("status", "exit_status"), [(200, 0), (503, 1)])
def test_it_follows_readiness_over_tls(status: int, exit_status: int, tmp_path: Path) -> None:
    """A server with a certificate is asked by HTTPS, even where the certificate signs itself."""
    chain, key = sign(tmp_path)

    with answering(status, (chain, key)) as port:
        assert check(port, LIGHTWELL_SSL_CERTFILE=str(chain)) == exit_status


def test_a_closed_port_is_not_healthy() -> None:
    """It fails where nothing listens."""
    with answering(200) as port:
        pass

    assert check(port) == 1
