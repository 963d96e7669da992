"""Servers with one answer to every request, for the tests of benchmarks that compare two."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scripts.bench.processes import Server, free_port
from scripts.bench.workloads import post

RESPONDER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = sys.argv[2].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
REQUESTS = [post("/", "text/plain", b"%d" % number) for number in range(4)]


@contextmanager
def responders(folder: Path, answer: str) -> Iterator[list[Server]]:
    """Start two servers whose program and logs are in a folder, and stop them at the end."""
    (folder / "server.py").write_text(RESPONDER)
    servers = []
    with ExitStack() as stack:
        for number in range(2):
            port = free_port()
            command = [sys.executable, str(folder / "server.py"), str(port), answer]
            log = folder / f"log{number}"
            servers.append(Server(command, port, REQUESTS[0], log, {}, folder))
            stack.callback(servers[-1].stop)
        yield servers
