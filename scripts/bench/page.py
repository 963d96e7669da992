"""Time to the first answer of the page on a slow line: `python -m scripts.bench.page`, in Chromium.

The line is Chromium's emulation: 400 kbit/s, and 300 ms until a response begins. The first visit
has an empty cache, the second one the cache that the first one filled.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from scripts.bench.environments import BUILD
from scripts.bench.processes import Server, free_port

CHROMIUM = "/usr/bin/chromium"
WINDOW = {"width": 1280, "height": 720}
TIMEOUT_MS = 180_000
READY = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

MOST_S, MOST_BYTES, MOST_REQUESTS = 6.0, 200_000, 12
"""Targets: seconds and bytes to the answer of a first visit, requests of a second one."""

ANSWER = re.compile(r"/cnn/activations\?")
"""Address of the request whose answer the page shows first."""

NOTES = """new MutationObserver((_, observer) => {
  if (!document.querySelector("#digit-bars li.winner")) return;
  window.answeredMs = performance.now();
  observer.disconnect();
}).observe(document, { subtree: true, childList: true, attributeFilter: ["class"] });
window.moved = 0;
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.moved += one.value;
}).observe({ type: "layout-shift", buffered: true });"""
"""Script that notes the time of the first answer, in milliseconds, and adds up layout shifts."""


PAUSE = """() => new Promise((resolve) => {
  const idle = (then) => requestIdleCallback(then, { timeout: 2000 });
  idle(() => setTimeout(() => idle(resolve), 500));
})"""
"""Function that waits for half a second between two moments in which a page is idle.

A page on a busy machine may never be idle, and goes on after 2 s.
"""

MOST_PAUSES = 240
"""Pauses after which a visit has failed."""


class Line(NamedTuple):
    """Line between browser and server: throughput of each direction, and delay of a response."""

    kbit_s: int = 400
    delay_ms: int = 300


class Sent(NamedTuple):
    """Request of a visit that reached the server.

    Attributes:
        url: Address.
        nbytes: Bytes of the response on the wire, with its headers.
    """

    url: str
    nbytes: int


class Visit(NamedTuple):
    """Visit of the page.

    Attributes:
        answered_s: Seconds from the navigation until the answer was shown.
        moved: Sum of the layout shifts: part of the window that moved, times its distance in it.
        before: Requests that were sent before the answer arrived, its own among them.
        after: Requests that were sent after it.
    """

    answered_s: float
    moved: float
    before: list[Sent]
    after: list[Sent]

    @property
    def before_bytes(self) -> int:
        """Bytes that the answer waited for, at most: the last ones may arrive after it."""
        return sum(one.nbytes for one in self.before)


class Recorder:
    """Records the requests of a page by Chromium's network events.

    Args:
        page: Page whose navigations are recorded from now on.
        line: Emulated line; None leaves the machine's own.
    """

    def __init__(self, page: Page, line: Line | None) -> None:
        self._page = page
        self._failed: set[str] = set()
        self._urls: dict[str, str] = {}
        self._nbytes: dict[str, int] = {}
        self._cached: set[str] = set()
        network = page.context.new_cdp_session(page)
        network.on("Network.requestWillBeSent", self._sent)
        network.on("Network.responseReceived", self._received)
        network.on("Network.requestServedFromCache", lambda one: self._cached.add(one["requestId"]))
        network.on("Network.loadingFinished", self._finished)
        network.on("Network.loadingFailed", lambda one: self._failed.add(one["requestId"]))
        network.send("Network.enable")
        if line:
            rate = line.kbit_s * 1000 / 8
            conditions = {"downloadThroughput": rate, "uploadThroughput": rate}
            network.send(
                "Network.emulateNetworkConditions",
                {"offline": False, "latency": line.delay_ms, **conditions},
            )

    def _sent(self, event: dict[str, Any]) -> None:
        self._urls[event["requestId"]] = event["request"]["url"]

    def _received(self, event: dict[str, Any]) -> None:
        if event["response"].get("fromDiskCache"):
            self._cached.add(event["requestId"])

    def _finished(self, event: dict[str, Any]) -> None:
        self._nbytes[event["requestId"]] = int(event["encodedDataLength"])

    def wait_until_all_is_loaded(self) -> None:
        """Wait until all requests have ended, and none follows when the page has nothing to do.

        Raises:
            TimeoutError: Some have not ended after minutes.
        """
        known = -1
        for _ in range(MOST_PAUSES):
            pending = self._urls.keys() - self._nbytes.keys() - self._failed
            if known == len(self._urls) and not pending:
                return
            known = len(self._urls)
            self._page.evaluate(PAUSE)
        raise TimeoutError([self._urls[one] for one in pending])

    def sent(self) -> list[Sent]:
        """Requests that reached the server, in the order in which they were sent."""
        return [
            Sent(url, self._nbytes.get(name, 0))
            for name, url in self._urls.items()
            if name not in self._cached and url.startswith("http")
        ]


def visit(page: Page, url: str, line: Line | None) -> Visit:
    """Open the page of a server, and wait for its answer and for all that it loads afterwards.

    Args:
        page: Page of a browser context, whose cache is used and filled.
        url: Address of the server.
        line: Emulated line; None leaves the machine's own.
    """
    page.add_init_script(NOTES)
    recorder = Recorder(page, line)
    page.goto(url)
    page.wait_for_selector("#digit-bars li.winner")
    recorder.wait_until_all_is_loaded()
    sent = recorder.sent()
    last = next(at for at, one in enumerate(sent) if ANSWER.search(one.url))
    answered_ms, moved = page.evaluate("[window.answeredMs, window.moved]")
    return Visit(answered_ms / 1000, moved, sent[: last + 1], sent[last + 1 :])


def visits(
    browser: Browser, url: str, line: Line | None, window: Mapping[str, int] = WINDOW
) -> tuple[Visit, Visit]:
    """Visit the page twice in a fresh profile: with an empty cache, and with the filled one."""
    context = browser.new_context(viewport=window)  # type: ignore[arg-type]
    context.set_default_timeout(TIMEOUT_MS)
    try:
        with context.new_page() as page:
            first = visit(page, url, line)
        return first, visit(context.new_page(), url, line)
    finally:
        context.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print time, bytes and requests of both visits; 1 where a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bench.page", description=__doc__)
    parser.add_argument("--visits", type=int, default=5)
    parser.add_argument("--kbit-s", type=int, default=Line().kbit_s)
    parser.add_argument("--delay-ms", type=int, default=Line().delay_ms)
    given = parser.parse_args(arguments)
    line = Line(given.kbit_s, given.delay_ms)
    port = free_port()
    command = [sys.executable, "-m", "api", "--port", str(port)]
    with (
        Server(command, port, READY, BUILD / "logs" / "page.log", {}),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        measured = [visits(browser, f"http://127.0.0.1:{port}/", line) for _ in range(given.visits)]
        browser.close()
    _print(measured)
    first = [one for one, _ in measured]
    is_met = (
        median(one.answered_s for one in first) <= MOST_S
        and max(one.before_bytes for one in first) <= MOST_BYTES
        and max(len(one.before) + len(one.after) for _, one in measured) <= MOST_REQUESTS
    )
    return 0 if is_met else 1


def _print(measured: Sequence[tuple[Visit, Visit]]) -> None:
    """Print a table of the medians, and the requests that the first answer waited for."""
    table = Table("visit", "first answer s", "requests", "kB", "requests in all", "kB in all")
    for at, name in enumerate(("first", "second")):
        rows = [
            (
                one.answered_s,
                len(one.before),
                one.before_bytes / 1000,
                len(one.before) + len(one.after),
                (one.before_bytes + sum(each.nbytes for each in one.after)) / 1000,
            )
            for one in (pair[at] for pair in measured)
        ]
        seconds, *counts = (median(column) for column in zip(*rows, strict=True))
        table.add_row(name, f"{seconds:.1f}", *(f"{count:.0f}" for count in counts))
    Console().print(table)
    first, second = measured[0]
    print(json.dumps({"first": first.before, "second": [*second.before, *second.after]}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
