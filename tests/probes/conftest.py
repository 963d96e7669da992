"""Fixtures of the tests of probes: a page of Chromium to draw SVG on."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.page.browsers import launch


# Playwright runs an event loop in this thread, and tests of other files need their own.
@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of Chromium to draw SVG on."""
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser.new_page()
        browser.close()
