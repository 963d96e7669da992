"""Second visit of the page: its files are in the browser cache, and answers alone are sent."""

from typing import Any

from tests.page.browsers import settle
from tests.page.conftest import Opener

MOST_REQUESTS = 12
"""Most requests of a second visit that reach the server."""


def test_a_second_visit_asks_for_answers_alone(opened: Opener) -> None:
    """No file with a fingerprint in its address is asked for again."""
    page = opened(fresh=True)
    settle(page)
    sent: dict[str, str] = {}
    cached: set[str] = set()

    def respond(event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache"):
            cached.add(event["requestId"])

    network = page.context.new_cdp_session(page)
    network.on(
        "Network.requestWillBeSent",
        lambda event: sent.update({event["requestId"]: event["request"]["url"]}),
    )
    network.on("Network.requestServedFromCache", lambda event: cached.add(event["requestId"]))
    network.on("Network.responseReceived", respond)
    network.send("Network.enable")

    page.goto("about:blank")
    page.goto(opened.url)
    opened.wait_until_alive(page)
    settle(page)

    asked = [url for name, url in sent.items() if name not in cached and url.startswith(opened.url)]
    assert f"{opened.url}/" in asked
    assert not [url for url in asked if "?v=" in url]
    assert len(asked) <= MOST_REQUESTS, asked
