"""Unread output: a server whose standard output and error are not read serves and stops."""

import re
import signal
import subprocess
import sys

import httpx2

from tests.servers import ROOT, TIMEOUT_S

REQUESTS = 1500
"""Requests whose lines of the log, 70 bytes each, fill a pipe of 64 KiB."""


def test_a_server_with_unread_output_serves_and_stops() -> None:
    """It answers more requests than a pipe has room for lines; SIGTERM ends it with code 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "api", "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        found = re.search(rb"Lightwell on (http://\S+)", process.stdout.readline())
        assert found is not None
        with httpx2.Client(base_url=found[1].decode(), timeout=TIMEOUT_S) as client:
            for _ in range(REQUESTS):
                assert client.get("/colormaps").status_code == 200
            shown = client.get("/metrics").text
        assert "lightwell_log_lines_dropped_total" in shown
        process.send_signal(signal.SIGTERM)
        assert process.wait(TIMEOUT_S) == 0
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            pipe.close()
