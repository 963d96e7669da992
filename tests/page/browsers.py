"""Chromium for page tests, and a watcher of its console, errors and requests."""

import io
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import numpy as np
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Playwright,
    Request,
    Route,
    WebError,
)

from tests.servers import TIMEOUT_S
from tests.tools import require

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # No host name resolves, so that no test depends on the network.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
WIDE, NARROW, PHONE = (
    {"width": 1440, "height": 900},
    {"width": 900, "height": 1100},
    {"width": 390, "height": 844},
)
TIMEOUT_MS = 20_000
SCREENSHOTS = os.environ.get("LIGHTWELL_SCREENSHOTS")
"""Folder that `keep` writes to; None writes nothing, as painting a page takes long."""

# Counts requests of the page until their bodies are read.
COUNT_REQUESTS = """(() => {
  let pending = 0;
  const waiting = [];
  const count = (promise) => {
    pending += 1;
    const end = () => {
      pending -= 1;
      if (!pending) waiting.splice(0).forEach((resolve) => resolve());
    };
    promise.then(end, end);
    return promise;
  };
  const send = window.fetch;
  window.fetch = (...given) => count(send(...given));
  for (const name of ["arrayBuffer", "blob", "json", "text"]) {
    const read = Response.prototype[name];
    Response.prototype[name] = function () { return count(read.call(this)); };
  }
  window.isQuiet = () => pending === 0;
  window.whenQuiet = () => new Promise((resolve) => (pending ? waiting.push(resolve) : resolve()));
})();"""
QUIET = """async (frames) => {
  for (let quiet = 0; quiet < frames; quiet = window.isQuiet() ? quiet + 1 : 0) {
    await window.whenQuiet();
    await new Promise(requestAnimationFrame);
  }
}"""
QUIET_FRAMES = 5
"""Frames without a request, after which the page has sent all that it wants to."""

REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`security policy: ${event.violatedDirective} ${event.blockedURI}`));"""


def launch(playwright: Playwright) -> Browser:
    """Start headless Chromium; every context has an empty profile."""
    require(CHROMIUM, CHROMIUM.exists())
    return playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))


WATCHERS: WeakKeyDictionary[BrowserContext, "Watcher"] = WeakKeyDictionary()
"""Watchers of open contexts."""


class Watcher:
    """Records console errors, uncaught exceptions, failed requests and requests to other hosts."""

    def __init__(self, context: BrowserContext, *hosts: str) -> None:
        """Watch all pages of a context, which may ask these hosts (`127.0.0.1:8000`) only."""
        self.hosts = set(hosts)
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.under_way: set[Request] = set()
        self._expected: list[str] = []
        self._context = context
        self._listeners: dict[Any, Callable[[Any], None]] = {
            "console": self._console,
            "weberror": self._uncaught,
            "request": self._request,
            "requestfailed": self._failed,
            "requestfinished": self._finished,
        }
        for event, listener in self._listeners.items():
            context.on(event, listener)
        WATCHERS[context] = self

    def leave(self) -> None:
        """Watch the context no longer: others use it."""
        for event, listener in self._listeners.items():
            self._context.remove_listener(event, listener)

    def expect(self, pattern: str) -> None:
        """Expect a fault that the test provokes."""
        self._expected.append(pattern)

    def check(self) -> None:
        """Fail for unexpected faults, and for expected ones that did not happen."""
        surprises = [
            fault
            for fault in self.faults
            if not any(re.search(one, fault) for one in self._expected)
        ]
        assert not surprises, surprises
        missing = [
            one for one in self._expected if not any(re.search(one, fault) for fault in self.faults)
        ]
        assert not missing, missing

    def _note(self, fault: str) -> None:
        self.faults.append(fault)

    def _uncaught(self, error: WebError) -> None:
        self._note(f"uncaught: {error.error}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            place = message.location.get("url", "")
            self._note(f"console {message.type}: {message.text} {place}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        self.under_way.add(request)
        address = urlsplit(request.url)
        if address.scheme not in {"blob", "data"} and address.netloc not in self.hosts:
            self._note(f"request to another host: {request.url[:200]}")

    def _finished(self, request: Request) -> None:
        self.under_way.discard(request)

    def _failed(self, request: Request) -> None:
        self.under_way.discard(request)
        # A page aborts a pending request when it sends a newer one.
        if request.failure != "net::ERR_ABORTED":
            self._note(f"failed: {request.method} {request.url[:200]} {request.failure}")


def settle(page: Page) -> None:
    """Wait until the page has loaded, requested and read all that it wants to show."""
    until = time.monotonic() + TIMEOUT_S
    while True:
        page.evaluate(QUIET, QUIET_FRAMES)
        under_way = WATCHERS[page.context].under_way
        if not under_way:
            return
        assert time.monotonic() < until, [one.url for one in under_way]


def hold(page: Page, pattern: str) -> list[Route]:
    """Let the next request to an address of a pattern wait; return where it is then found."""
    held: list[Route] = []
    page.route(pattern, lambda route: held.append(route), times=1)  # noqa: PLW0108 - Playwright marks it
    return held


def keep(page: Page, state: str, *, full: bool = True) -> None:
    """Save a screenshot for people to look at, named after state, theme and width."""
    if not SCREENSHOTS:
        return
    theme = (
        "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    )
    assert page.viewport_size
    path = Path(SCREENSHOTS, f"{state}-{theme}-{page.viewport_size['width']}.png")
    page.screenshot(path=path, full_page=full, animations="disabled")


def pixels(of: Page | Locator, **options: Any) -> np.ndarray:
    """Screenshot as RGB: (height, width, 3), integers 0 to 255."""
    seen = of.screenshot(animations="disabled", **options)
    return np.asarray(Image.open(io.BytesIO(seen)).convert("RGB")).astype(int)
