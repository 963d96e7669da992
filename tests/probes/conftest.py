"""Fixtures of the tests of probes: a page of Chromium to draw SVG on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.page.browsers import launch
from tests.servers import TIMEOUT_S


@contextmanager
def drawn_on() -> Iterator[Page]:
    """Open a page of Chromium to draw SVG on."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page()
        page.set_default_timeout(1000 * TIMEOUT_S)  # painting takes long on a busy machine
        yield page
        browser.close()


# Playwright runs an event loop in this thread, and tests of other files need their own.
@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of Chromium to draw SVG on."""
    with drawn_on() as page:
        yield page
