"""Browser profiles of the page tests: contexts that are lent to one test after another."""

from collections import defaultdict
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from tests.page.browsers import COUNT_REQUESTS, REPORT_VIOLATIONS, TIMEOUT_MS, WIDE


class Profiles:
    """Contexts by their options, each of which keeps the page's files in its cache.

    Fetching and compiling the files of the page takes longer than most tests: so a context that a
    test has given back is lent to the next one with the same options, as a person comes back to
    the page in the same browser. It has neither pages nor cookies of the test before.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._idle: defaultdict[str, list[BrowserContext]] = defaultdict(list)
        self._options: dict[BrowserContext, str] = {}

    def take(self, *, fresh: bool = False, **options: Any) -> BrowserContext:
        """Lend a context, which is the caller's alone until it is given back.

        Args:
            fresh: Whether its cache has to be empty.
            options: Of the context, such as `viewport` and `color_scheme`.
        """
        chosen = {"viewport": WIDE, "device_scale_factor": 1, "color_scheme": "light", **options}
        name = repr(sorted(chosen.items()))
        if self._idle[name] and not fresh:
            return self._idle[name].pop()
        context = self._browser.new_context(**chosen)
        context.set_default_timeout(TIMEOUT_MS)
        context.add_init_script(REPORT_VIOLATIONS)
        context.add_init_script(COUNT_REQUESTS)
        self._options[context] = name
        return context

    def give_back(self, context: BrowserContext) -> None:
        """Close the pages of a context, and keep it for the next caller with the same options."""
        for page in context.pages:
            page.close()
        context.clear_cookies()
        context.set_offline(False)
        self._idle[self._options[context]].append(context)
