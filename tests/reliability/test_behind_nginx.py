"""Behind nginx, which keeps one connection to the server for all: no answer is another's."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.bench.processes import free_port
from tests.api.bodies import PICTURE
from tests.reliability.attack import (
    ALLOWED,
    AUTH,
    HOST,
    LONG,
    TIMEOUT_S,
    Attack,
    ask,
    connect,
    get,
    post,
    replies,
    until_end,
)
from tests.reliability.attacks_on_http import ATTACKS
from tests.reliability.wire import port_of
from tests.servers import Server, started

CLIENT, WITNESS = "127.0.0.1", "127.0.0.2"
CLOSE = b"Connection: close\r\n"
LARGE = 30_000_000
TIMES = 10

CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/a; uwsgi_temp_path {folder}/b; scgi_temp_path {folder}/c;
    upstream lightwell {{ server 127.0.0.1:{upstream}; keepalive 1; }}
    server {{
        listen 127.0.0.1:{port}; client_max_body_size 64m;
        client_header_timeout 1s; client_body_timeout 1s;
        location / {{
            proxy_pass http://lightwell; proxy_http_version 1.1;
            proxy_request_buffering {buffering};
            proxy_set_header Host $host; proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Proxied:
    """Ports of a server: behind nginx, and its own."""

    port: int
    direct: int


@contextlib.contextmanager
def nginx(folder: Path, upstream: int, buffering: str) -> Iterator[Proxied]:
    """Run nginx in front of a server."""
    port = free_port()
    given = {"folder": folder, "upstream": upstream, "port": port, "buffering": buffering}
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(**given))
    program = shutil.which("nginx") or "nginx"
    command = [program, "-p", str(folder), "-e", str(folder / "error.log")]
    process = subprocess.Popen([*command, "-c", str(configuration)])  # noqa: S603 - no input of users
    try:
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            with contextlib.suppress(OSError), connect(port, CLIENT):
                break
            time.sleep(0.05)
        yield Proxied(port, upstream)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that trusts the proxy of this machine."""
    flags = ("--token", LONG, "--trusted-proxies", CLIENT, "--cors-origins", ALLOWED)
    with started(*flags, "--rate", "1000", "--burst", "10000") as server:
        yield server


@pytest.fixture(scope="module", params=["on", "off"])
def proxied(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxied]:
    """The server behind nginx, which reads bodies whole first (`on`), or passes them on."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    with nginx(folder, port_of(server.url), request.param) as found:
        yield found


def own_sequence(number: int) -> str:
    """Sequence whose echo no other request has."""
    return f"{number + 1:020b}"


def assert_in_step(proxied: Proxied, number: int) -> None:
    """Ask three times for an answer of its own, which must come through nginx as directly."""
    for offset in range(3):
        sequence = own_sequence(3 * number + offset)
        target = f"/lstm/gates?sequence={sequence}"
        [through] = replies(ask(proxied.port, get(target, CLOSE), WITNESS))
        [direct] = replies(ask(proxied.direct, get(target, CLOSE), WITNESS))
        assert (through.status, through.body) == (200, direct.body)


def test_no_attack_puts_the_connection_of_the_proxy_out_of_step(proxied: Proxied) -> None:
    """After each attack the next answers on the connection to the server are those asked for."""
    for number, attack in enumerate(ATTACKS):
        with contextlib.suppress(ConnectionError, TimeoutError):
            send(proxied.port, attack)
        assert_in_step(proxied, number)


def send(port: int, attack: Attack) -> None:
    """Send an attack through nginx; which waits where a request never ends."""
    with socket.create_connection(("127.0.0.1", port), 3.0, (CLIENT, 0)) as connection:
        connection.sendall(attack.sent)
        until_end(connection)


def test_two_requests_on_one_connection_have_their_answers(proxied: Proxied) -> None:
    """Pipelined requests, and a refused one between two others, are answered in order."""
    sequences = [own_sequence(number) for number in range(900_000, 900_004)]
    targets = [f"/lstm/gates?sequence={one}" for one in sequences]
    refused = post("/lstm/gates", b"{")
    sent = get(targets[0]) + refused + get(targets[1]) + get(targets[2]) + get(targets[3], CLOSE)
    found = replies(ask(proxied.port, sent, CLIENT))

    assert [one.status for one in found] == [200, 400, 200, 200, 200]
    for reply, target in zip([found[0], *found[2:]], targets, strict=True):
        [direct] = replies(ask(proxied.direct, get(target, CLOSE), WITNESS))
        assert reply.body == direct.body


def test_a_refusal_comes_through(proxied: Proxied) -> None:
    """Each of ten bodies above the limit has its 413, and the next client its own answer."""
    head = b"POST /cnn/predict HTTP/1.1\r\n%b%b" % (HOST, AUTH)
    fields = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n%b\r\n" % (LARGE, CLOSE)
    for number in range(TIMES):
        [found] = replies(ask(proxied.port, head + fields + bytes(LARGE), CLIENT))
        assert found.status == 413
        assert b"The body is larger than" in found.body
        assert_in_step(proxied, 100_000 + number)


def test_the_client_is_the_one_behind_the_proxy(proxied: Proxied) -> None:
    """Wrong tokens of one client do not keep another out, whom nginx has the same address for."""
    wrong = b"Authorization: Bearer wrong\r\n"
    sent = [get("/models", CLOSE, wrong) for _ in range(12)]
    statuses = [replies(ask(proxied.port, one, "127.0.0.77"))[0].status for one in sent]
    [other] = replies(ask(proxied.port, get("/models", CLOSE, wrong), "127.0.0.78"))

    assert statuses[-1] == 429
    assert other.status == 401


def test_a_picture_is_predicted_through_the_proxy(proxied: Proxied) -> None:
    """A body arrives whole, in whichever way nginx passes it on."""
    sent = post("/cnn/predict", PICTURE, b"Content-Type: image/png\r\n" + CLOSE)
    [through] = replies(ask(proxied.port, sent, CLIENT))
    [direct] = replies(ask(proxied.direct, sent, CLIENT))

    assert (through.status, through.body) == (200, direct.body)
