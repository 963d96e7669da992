"""TLS: a server with a certificate answers HTTPS, and refuses files that are no certificate."""

import asyncio
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from pydantic import ValidationError

from api.server.tls_handshake import limit_handshakes
from api.settings import Settings
from tests.certificates import sign
from tests.servers import TIMEOUT_S, Server


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    return sign(tmp_path)


def test_a_server_with_a_certificate_answers_https(certificate: tuple[Path, Path]) -> None:
    """The address that it prints begins with https, and its certificate can be verified."""
    chain, key = certificate
    server = Server("--ssl-certfile", str(chain), "--ssl-keyfile", str(key))
    try:
        trusted = ssl.create_default_context(cafile=str(chain))
        answer = httpx2.get(f"{server.url}/livez", verify=trusted, timeout=TIMEOUT_S)
        assert answer.status_code == 200
    finally:
        server.stop()


async def no_application(_scope: Any, _receive: Any, _send: Any) -> None:
    """Answer nothing."""


class Limited(uvicorn.Server):
    """A server of nothing whose TLS handshakes are limited."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the listener."""
        limit_handshakes(asyncio.get_running_loop(), 0.3)
        await super().startup(sockets)


def test_a_client_without_a_handshake_is_closed(certificate: tuple[Path, Path]) -> None:
    """A connection to a TLS listener that sends nothing ends after the time of a head."""
    chain, key = certificate
    config = uvicorn.Config(
        no_application, lifespan="off", log_level="critical", ssl_certfile=chain, ssl_keyfile=key
    )
    server, listener = Limited(config), socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        with socket.create_connection(listener.getsockname(), TIMEOUT_S) as client:
            began = time.monotonic()
            assert client.recv(1) == b""
            assert time.monotonic() - began < 10 * 0.3
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.mark.parametrize("swapped", [False, True])
def test_files_that_are_no_certificate_are_refused(
    certificate: tuple[Path, Path], *, swapped: bool
) -> None:
    """A key without a certificate, and files in the wrong order, are an error of the settings."""
    chain, key = certificate
    files = {"ssl_certfile": key, "ssl_keyfile": chain} if swapped else {"ssl_keyfile": key}
    with pytest.raises(ValidationError, match="ssl_certfile"):
        Settings(**files)  # type: ignore[arg-type]
