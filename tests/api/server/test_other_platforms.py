"""Start of the server without what other platforms lack; none of them is run here."""

import json
import signal
from urllib.request import urlopen

import pytest

from tests.servers import TIMEOUT_S, started


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_a_server_needs_nothing_that_other_platforms_lack(platform: str) -> None:
    """It starts, answers, has metrics, and drains on SIGTERM."""
    with started(
        ready="Ready after", module=f"tests.api.server.other_platform {platform}"
    ) as server:
        answer = json.load(urlopen(f"{server.url}/lstm/predict?sequence=10110"))  # noqa: S310
        metrics = urlopen(f"{server.url}/metrics").read()  # noqa: S310
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT_S) == 0
        lines = "".join(server.lines)

    assert answer["prediction"]["name"] == "yes"
    assert b"lightwell_memory" in metrics
    assert "Traceback" not in lines
    assert ("this system has no SIGHUP" in lines) == (platform == "win32")
    assert ("this system has no owners and modes of files" in lines) == (platform == "win32")
