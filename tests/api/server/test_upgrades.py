"""Offers of other protocols by `Upgrade` are ignored, and their requests answered as HTTP/1.1."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.servers import TIMEOUT_S

BODY = b'{"sequence": "1011"}'
H2C = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
OFFERS = {
    "h2c": H2C,
    "websocket": "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "several": "Upgrade: TLS/1.0, IRC/6.9\r\nConnection: keep-alive, upgrade\r\nUpgrade: x\r\n",
    "none": "",
}
JAVA = """
import java.net.URI;
import java.net.http.*;
public class Post {
    public static void main(String[] given) throws Exception {
        var client = HttpClient.newHttpClient();  // HTTP/2 is its default: it offers h2c
        var body = HttpRequest.BodyPublishers.ofString("{\\"sequence\\": \\"1011\\"}");
        var request = HttpRequest.newBuilder(URI.create(given[0])).POST(body)
            .header("Content-Type", "application/json").build();
        for (int n = 0; n < 2; n++) {
            var answer = client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
    }
}
"""


@pytest.fixture(scope="module")
def label(url: str) -> int:
    """Label of the sequence when nothing is offered."""
    answer = httpx2.post(f"{url}/lstm/predict", content=BODY, headers=JSON, timeout=TIMEOUT_S)
    return int(answer.json()["prediction"]["label"])


JSON = {"Content-Type": "application/json"}


class Connection:
    """One connection to the server, on which bytes are sent as they are given."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._socket = socket.create_connection((address.hostname, address.port), TIMEOUT_S)
        self._received = b""

    def send(self, *packets: bytes) -> None:
        """Send packets, each of which arrives by itself."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for packet in packets:
            self._socket.sendall(packet)
            time.sleep(0.1)

    def answer(self) -> tuple[int, dict[str, object]]:
        """Read one response: its status and JSON body."""
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:])
        while len(self._received) < (length := int(fields[b"content-length"])):
            self._receive()
        body, self._received = self._received[:length], self._received[length:]
        return int(head.split()[1]), json.loads(body)

    def _receive(self) -> None:
        part = self._socket.recv(65536)
        assert part, "the server closed the connection"
        self._received += part

    def close(self) -> None:
        """Close it; nothing was received that no request asked for."""
        self._socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            self._receive()
        assert self._received == b""
        self.drop()

    def drop(self) -> None:
        """Close it, also where more was received."""
        self._socket.close()


def head(offer: str, length: str) -> bytes:
    """Head of a POST with an offer."""
    kind = "Content-Type: application/json\r\n"
    return f"POST /lstm/predict HTTP/1.1\r\nHost: [::1]\r\n{offer}{kind}{length}\r\n".encode()


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("packets", ["one", "two", "torn", "chunked"])
def test_a_body_with_an_offer_is_read(offer: str, packets: str, url: str, label: int) -> None:
    """In the packet of its head or after it; the connection is kept for the next request."""
    lines = head(OFFERS[offer], f"Content-Length: {len(BODY)}\r\n")
    sent = {
        "one": (lines + BODY,),
        "two": (lines, BODY),
        "torn": (lines[:70], lines[70:-1], lines[-1:] + BODY[:3], BODY[3:]),
        "chunked": (
            head(OFFERS[offer], "Transfer-Encoding: chunked\r\n"),
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
        ),
    }
    connection = Connection(url)
    for _ in range(2):
        connection.send(*sent[packets])
        status, answer = connection.answer()
        assert (status, answer["prediction"]["label"]) == (200, label)  # type: ignore[index]
    connection.close()


def test_a_body_is_never_run_as_a_request(url: str) -> None:
    """A body that looks like a request is a body, also in a packet of its own."""
    body = b"GET /livez HTTP/1.1\r\nHost: [::1]\r\n\r\n"
    connection = Connection(url)
    connection.send(head(H2C, f"Content-Length: {len(body)}\r\n"), body)

    assert connection.answer()[0] == 400
    connection.close()


def test_requests_that_offer_may_be_pipelined(url: str, label: int) -> None:
    """Each of three in one packet gets its answer, in order."""
    length = f"Content-Length: {len(BODY)}\r\n"
    get = f"GET /livez HTTP/1.1\r\nHost: [::1]\r\n{H2C}\r\n".encode()
    connection = Connection(url)
    connection.send(head(H2C, length) + BODY + get + head("", length) + BODY)
    answers = [connection.answer() for _ in range(3)]

    assert [status for status, _ in answers] == [200, 200, 200]
    assert answers[1][1] == {"status": "alive"}
    assert answers[0][1] == answers[2][1]
    connection.close()


def test_expect_is_answered_with_an_offer(url: str) -> None:
    """A client that waits for 100 Continue gets it, then sends its body."""
    lines = head(H2C, f"Expect: 100-continue\r\nContent-Length: {len(BODY)}\r\n")
    connection = Connection(url)
    connection.send(lines)
    while b"\r\n\r\n" not in connection._received:
        connection._receive()
    assert connection._received == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection._received = b""
    connection.send(BODY)

    assert connection.answer()[0] == 200
    connection.close()


def test_connect_is_refused(url: str) -> None:
    """It would make the rest of the connection a tunnel."""
    connection = Connection(url)
    connection.send(f"CONNECT example.org:80 HTTP/1.1\r\nHost: [::1]\r\n{H2C}\r\n".encode())

    assert connection.answer()[0] == 400
    connection.drop()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_may_offer_http2(url: str, label: int) -> None:
    """`curl --http2` posts its body."""
    command = ["curl", "--silent", "--http2", "--json", BODY.decode(), f"{url}/lstm/predict"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT_S)  # noqa: S603

    assert json.loads(done.stdout)["prediction"]["label"] == label


@pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed")
def test_java_may_offer_http2(url: str, label: int, tmp_path: Path) -> None:
    """`java.net.http.HttpClient` posts its body, twice on one connection."""
    (tmp_path / "Post.java").write_text(JAVA)
    done = subprocess.run(  # noqa: S603
        ["java", str(tmp_path / "Post.java"), f"{url}/lstm/predict"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
        timeout=TIMEOUT_S,
    )

    answers = [line.partition(" ") for line in done.stdout.splitlines()]
    assert [status for status, _, _ in answers] == ["200", "200"]
    assert {json.loads(body)["prediction"]["label"] for _, _, body in answers} == {label}
