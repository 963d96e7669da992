"""Fixtures of the page tests: API client, browser, and an open page that is watched."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    expect,
    sync_playwright,
)

from tests.networks import write_network
from tests.page.browsers import PATIENCE_MS, WIDE, Watcher, launch, settle
from tests.page.networks import NETWORKS
from tests.servers import PATIENCE_S, started

SECRET = "correct-horse-battery"  # noqa: S105 - of the tests
OTHER_SECRET = "battery-staple-horse"  # noqa: S105 - of the tests

expect.set_options(timeout=PATIENCE_MS)

# Playwright runs an event loop in this thread, and tests of other folders need their own: so the
# browser has package scope, not session scope.


@pytest.fixture(scope="package")
def api(url: str) -> Iterator[httpx2.Client]:
    """Client of the API, whose answers are the expected values."""
    with httpx2.Client(base_url=url, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def watchers() -> Iterator[list[Watcher]]:
    """Watchers of this test's pages, checked at its end."""
    watchers: list[Watcher] = []
    yield watchers
    for watcher in watchers:
        watcher.check()


class Opener:
    """Opens the page in fresh profiles: `opened("#layer=conv1", viewport=PHONE)`.

    Attributes:
        url: Where the server listens.
    """

    def __init__(self, browser: Browser, url: str, watchers: list[Watcher]) -> None:
        self.url = url
        self._browser = browser
        self.watchers = watchers
        self.contexts: list[BrowserContext] = []

    def __enter__(self) -> "Opener":
        return self

    def __exit__(self, *_: object) -> None:
        for context in self.contexts:
            context.close()

    def __call__(
        self, fragment: str = "", *, at: str = "", visit: bool = True, **options: Any
    ) -> Page:
        """Open the page and wait for its first answers; with `visit=False` the test goes there.

        Args:
            at: Address of another page, which may send requests to the server too.
            options: Of the browser's context, such as `viewport` and `color_scheme`.
        """
        context = self._browser.new_context(
            **{"viewport": WIDE, "device_scale_factor": 1, "color_scheme": "light", **options}
        )
        context.set_default_timeout(PATIENCE_MS)
        self.contexts.append(context)
        self.watchers.append(Watcher(context, *(urlsplit(one).netloc for one in (self.url, at))))
        page = context.new_page()
        if visit:
            page.goto(at or f"{self.url}/{fragment}")
            if not at:
                self.wait_until_alive(page)
        return page

    @staticmethod
    def turn(page: Page, fragment: str) -> None:
        """Set the fragment of an open page, as a link to another state does."""
        page.evaluate("(fragment) => { location.hash = fragment; }", fragment)

    @staticmethod
    def wait_until_alive(page: Page) -> None:
        """Wait for the first answers of the view on display."""
        first = "#digit-bars li.winner, #sequence-bars li.winner, #findings-body .finding"
        # The first request for the findings compiles them.
        expect(page.locator(first).filter(visible=True).first).to_be_visible(
            timeout=1000 * PATIENCE_S
        )
        if page.locator("#sequences").is_visible():
            expect(page.locator("#lanes lw-gate-trace canvas").first).to_be_visible()
        # These panels are loaded after the first answer.
        late = page.locator("#network-columns:empty, #inspector-body:empty")
        expect(late.filter(visible=True)).to_have_count(0)


@pytest.fixture
def opened(browser: Browser, url: str, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens watched pages, which are closed at the end of the test."""
    with Opener(browser, url, watchers) as opener:
        yield opener


@pytest.fixture(scope="package")
def guarded() -> Iterator[str]:
    """Address of a ready server that needs a token."""
    with started("--token", f"anna:{SECRET},ben:{OTHER_SECRET}") as server:
        yield server.url


@pytest.fixture
def outside(browser: Browser, guarded: str, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens pages of the server that needs a token, closed at the end of the test."""
    with Opener(browser, guarded, watchers) as opener:
        yield opener


@pytest.fixture(scope="package")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with the shipped networks and four of a user."""
    folder = tmp_path_factory.mktemp("networks")
    for name, text in NETWORKS.items():
        write_network(folder / name, text)
    # An analysis compiles when it is first asked for: a busy machine takes its time.
    with started("--models", str(folder), "--deadline-s", "120", ready="Ready after") as server:
        yield server.url


@pytest.fixture
def own_api(own: str) -> Iterator[httpx2.Client]:
    """Client of the server with networks of a user."""
    with httpx2.Client(base_url=own, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture
def visited(browser: Browser, own: str, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens watched pages of the server with networks of a user."""
    with Opener(browser, own, watchers) as opener:
        yield opener


@pytest.fixture
def watcher(watchers: list[Watcher], page: Page) -> Watcher:
    """Watcher of `page`."""
    return watchers[0]


@pytest.fixture
def page(opened: Opener) -> Page:
    """The page in its initial state, with its first answers."""
    return opened()


def show(page: Page, panel: str) -> Locator:
    """Bring a panel of the view on display into view, so that it loads; it may be below a tab."""
    tab = page.locator(f"#tab-{panel}")
    if tab.count():
        tab.click()
    found = page.locator(f"#{panel}")
    found.scroll_into_view_if_needed()
    return found


def show_state(page: Page, fragment: str) -> None:
    """Bring an open page into another state, with the panel that its fragment names in view."""
    Opener.turn(page, fragment)
    settle(page)
    if panel := re.search(r"[pP]anel=([\w-]+)", fragment):
        show(page, panel[1])
    settle(page)
