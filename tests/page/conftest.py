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
from tests.page.browsers import TIMEOUT_MS, Watcher, launch, settle
from tests.page.networks import NETWORKS
from tests.page.profiles import Profiles
from tests.servers import TIMEOUT_S, in_turn, started

SECRET = "correct-horse-battery"  # noqa: S105 - of the tests
OTHER_SECRET = "battery-staple-horse"  # noqa: S105 - of the tests

expect.set_options(timeout=TIMEOUT_MS)

IS_ALIVE = """() => {
  const shown = (selector, root = document) =>
    Array.from(root.querySelectorAll(selector)).filter((one) => one.checkVisibility());
  const [first] = shown("#digit-bars li.winner, #sequence-bars li.winner, .finding");
  const [late] = shown("#network-columns:empty, #inspector-body:empty");
  const lanes = shown("#lanes lw-gate-trace")[0]?.shadowRoot;
  const isDrawn = !shown("#sequences").length || (lanes && shown("canvas", lanes).length);
  return Boolean(first && !late && isDrawn);
}"""
"""Whether the view on display has its first answers; a function of the page."""

# Playwright runs an event loop in this thread, and tests of other folders need their own: so the
# browser has package scope, not session scope.


@pytest.fixture(scope="package")
def api(url: str) -> Iterator[httpx2.Client]:
    """Client of the API, whose answers are the expected values."""
    with httpx2.Client(base_url=url, timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Headless Chromium."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def profiles(browser: Browser) -> Profiles:
    """Profiles of the browser, which tests use one after another."""
    return Profiles(browser)


@pytest.fixture
def watchers() -> Iterator[list[Watcher]]:
    """Watchers of this test's pages, checked at its end."""
    watchers: list[Watcher] = []
    yield watchers
    for watcher in watchers:
        watcher.check()


class Opener:
    """Opens the page, each time in another profile: `opened("#layer=conv1", viewport=PHONE)`.

    Attributes:
        url: Where the server listens.
    """

    def __init__(self, profiles: Profiles, url: str, watchers: list[Watcher]) -> None:
        self.url = url
        self._profiles = profiles
        self.watchers = watchers
        self._lent: list[tuple[BrowserContext, Watcher]] = []

    def __enter__(self) -> "Opener":
        return self

    def __exit__(self, *_: object) -> None:
        for context, watcher in self._lent:
            self._profiles.give_back(context)
            watcher.leave()

    def __call__(
        self, fragment: str = "", *, at: str = "", visit: bool = True, **options: Any
    ) -> Page:
        """Open the page and wait for its first answers; with `visit=False` the test goes there.

        Args:
            at: Address of another page, which may send requests to the server too.
            options: Of `Profiles.take`, such as `viewport`, `color_scheme` and `fresh`.
        """
        context = self._profiles.take(**options)
        watcher = Watcher(context, *(urlsplit(one).netloc for one in (self.url, at)))
        self._lent.append((context, watcher))
        self.watchers.append(watcher)
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
        """Wait for the first answers of the view on display, and panels that are loaded after."""
        # The first request for the findings compiles them.
        page.wait_for_function(IS_ALIVE, timeout=1000 * TIMEOUT_S)


@pytest.fixture
def opened(profiles: Profiles, url: str, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens watched pages, which are closed at the end of the test."""
    with Opener(profiles, url, watchers) as opener:
        yield opener


@pytest.fixture(scope="package")
def guarded() -> Iterator[str]:
    """Address of a ready server that needs a token."""
    with started("--token", f"anna:{SECRET},ben:{OTHER_SECRET}") as server:
        yield server.url


@pytest.fixture
def outside(profiles: Profiles, guarded: str, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens pages of the server that needs a token, closed at the end of the test."""
    with Opener(profiles, guarded, watchers) as opener:
        yield opener


@pytest.fixture(scope="package")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with the shipped networks and those of a user."""
    folder = tmp_path_factory.mktemp("networks")
    for name, text in NETWORKS.items():
        write_network(folder / name, text)
    # An analysis compiles when it is first asked for: a busy machine takes its time.
    flags = ("--models", str(folder), "--deadline-s", "120")
    with in_turn(started(*flags, ready="Ready after")) as server:
        yield server.url


@pytest.fixture
def own_api(own: str) -> Iterator[httpx2.Client]:
    """Client of the server with networks of a user."""
    with httpx2.Client(base_url=own, timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture
def visited(profiles: Profiles, own: str, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens watched pages of the server with networks of a user."""
    with Opener(profiles, own, watchers) as opener:
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
