"""Chromium for page tests, and a watcher of its console, errors and requests."""

import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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
)

from tests.servers import ROOT
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
PATIENCE_MS = 20_000
SCREENSHOTS = ROOT / "build" / "screenshots"

REPORT_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`security policy: ${event.violatedDirective} ${event.blockedURI}`));"""


def launch(playwright: Playwright) -> Browser:
    """Start headless Chromium; every context has an empty profile."""
    require(CHROMIUM, CHROMIUM.exists())
    return playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))


class Watcher:
    """Records console errors, uncaught exceptions, failed requests and requests to other hosts."""

    def __init__(self, context: BrowserContext, *hosts: str) -> None:
        """Watch all pages of a context, which may ask these hosts (`127.0.0.1:8000`) only."""
        self.hosts = set(hosts)
        self.faults: list[str] = []
        self.requests: list[str] = []
        self._expected: list[str] = []
        context.add_init_script(REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self._note(f"uncaught: {error.error}"))
        context.on("request", self._request)
        context.on("requestfailed", self._failed)

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

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            place = message.location.get("url", "")
            self._note(f"console {message.type}: {message.text} {place}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        address = urlsplit(request.url)
        if address.scheme not in {"blob", "data"} and address.netloc not in self.hosts:
            self._note(f"request to another host: {request.url[:200]}")

    def _failed(self, request: Request) -> None:
        # A page aborts a pending request when it sends a newer one.
        if request.failure != "net::ERR_ABORTED":
            self._note(f"failed: {request.method} {request.url[:200]} {request.failure}")


def keep(page: Page, state: str, *, full: bool = True) -> Path:
    """Save a screenshot, named after state, theme and width."""
    theme = (
        "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"
    )
    assert page.viewport_size
    path = SCREENSHOTS / f"{state}-{theme}-{page.viewport_size['width']}.png"
    page.screenshot(path=path, full_page=full, animations="disabled")
    return path


def pixels(of: Page | Locator, **options: Any) -> np.ndarray:
    """Screenshot as RGB: (height, width, 3), integers 0 to 255."""
    seen = of.screenshot(animations="disabled", **options)
    return np.asarray(Image.open(io.BytesIO(seen)).convert("RGB")).astype(int)
