"""What the tests of the page share: a server, a browser, and a watched page that is open."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.page.browsers import PATIENCE_MS, WIDE, Watcher, launch
from tests.servers import PATIENCE_S

expect.set_options(timeout=PATIENCE_MS)

# The browser's own loop runs in this thread while the fixture lives, and no other loop can: so it
# ends with this folder, not with the session.


@pytest.fixture(scope="package")
def api(url: str) -> Iterator[httpx2.Client]:
    """The API as any program asks it: what the page shows is compared with its answers."""
    with httpx2.Client(base_url=url, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture
def watchers() -> Iterator[list[Watcher]]:
    """Who watches the pages of this test; at its end they say what they saw."""
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

    def __call__(
        self, fragment: str = "", *, at: str = "", visit: bool = True, **options: Any
    ) -> Page:
        """Open the page and wait for its first answers; `visit=False` leaves going there to you.

        Args:
            at: Address of another page, that may ask the server too.
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
        """Let an open page follow a link to another state of it."""
        page.evaluate("(fragment) => { location.hash = fragment; }", fragment)

    @staticmethod
    def wait_until_alive(page: Page) -> None:
        """Wait for the first answer of both chapters."""
        expect(page.locator("#digit-bars li.winner")).to_be_visible()
        expect(page.locator("#sequence-bars li.winner")).to_be_visible()
        expect(page.locator("#lanes lw-gate-trace canvas").first).to_be_visible()


@pytest.fixture
def opened(browser: Browser, url: str, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens pages for this test; they are watched, and closed at its end."""
    opener = Opener(browser, url, watchers)
    yield opener
    for context in opener.contexts:
        context.close()


@pytest.fixture
def watcher(watchers: list[Watcher], page: Page) -> Watcher:
    """Who watches `page`."""
    return watchers[0]


@pytest.fixture
def page(opened: Opener) -> Page:
    """The page as it opens, with its first answers shown."""
    return opened()
