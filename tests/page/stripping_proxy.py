"""Proxy on loopback that serves a server below a prefix, which it removes, as that of Jupyter."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.servers import TIMEOUT_S

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade"}
"""Header fields of one connection, which a proxy does not pass on (RFC 9110, section 7.6.1)."""


@contextmanager
def stripping_proxy(url: str, prefix: str) -> Iterator[str]:
    """Run a proxy in front of a server; yield the address of the server behind it.

    The server gets no header that names the prefix. A path that is not below it is a 404.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Pass a request on, without the prefix, and its response back."""
            if not self.path.startswith(f"{prefix}/"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            headers = {name: value for name, value in self.headers.items() if is_passed_on(name)}
            server = HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
            # A page that is left ends its connections.
            with suppress(ConnectionError), closing(server):
                target = self.path.removeprefix(prefix)
                server.request(self.command, target, body or None, headers)
                with server.getresponse() as response:
                    self._answer(response)

        def _answer(self, response: HTTPResponse) -> None:
            self.send_response(response.status)
            for name, value in response.getheaders():
                if is_passed_on(name) and name.lower() not in {"date", "server"}:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.read())

        do_POST = do_HEAD = do_GET  # noqa: N815 - their names there

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Keep the test's output free of access logs."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}{prefix}"
        finally:
            proxy.shutdown()
            thread.join()


def is_passed_on(name: str) -> bool:
    """Tell whether the proxy passes a header field on."""
    return name.lower() not in HOP_BY_HOP
