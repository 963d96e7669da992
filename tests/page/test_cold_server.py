"""The page of a server that is still compiling: no request fails, and analyses wait in turn."""

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Request, Route, expect

from tests.page.browsers import Watcher
from tests.page.conftest import Opener
from tests.page.profiles import Profiles
from tests.page.test_opening import visit_every_panel
from tests.servers import TIMEOUT_S, started

ANALYSES = re.compile(r"/(attribution|intervene|sweep|unit|findings)(\?|$)")

LEAST = 3
"""Analyses whose answers the test waits for."""


def test_the_page_waits_for_the_models_without_an_error(opened: Opener, api: httpx2.Client) -> None:
    """While `/models` says that they are not ready, the page says why it waits, and asks again."""
    listed = api.get("/models").json()
    asked: list[bool] = []

    def answer(route: Route) -> None:
        asked.append(len(asked) > 0)
        route.fulfill(
            body=json.dumps({**listed, "ready": asked[-1]}), content_type="application/json"
        )

    page = opened(visit=False)
    page.route("**/models", answer)
    page.goto(opened.url)
    expect(page.locator(".waiting-note")).to_contain_text("The server is compiling its models")
    opened.wait_until_alive(page)

    assert asked == [False, True]
    assert not [one for one in opened.watchers[-1].requests if "/readyz" in one]


@pytest.fixture
def cold(profiles: Profiles, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens pages of a server that has just opened its listener, and has no cache."""
    # Other tests may run at the same time: the longest analysis takes seconds.
    flags = ("--cache", "none", "--deadline-s", "120")
    with (
        started(*flags, ready="Lightwell on") as server,
        Opener(profiles, server.url, watchers) as opener,
    ):
        yield opener


def test_first_requests_for_analyses_are_sent_one_after_another(cold: Opener) -> None:
    """Each is answered before the next one is sent; no response of a cold server is an error."""
    page = cold(visit=False)
    answered: set[str] = set()
    under_way: list[Request] = []
    most: list[int] = []

    def begin(request: Request) -> None:
        if ANALYSES.search(request.url) and path_of(request) not in answered:
            under_way.append(request)
            most.append(len(under_way))

    def end(request: Request) -> None:
        if request in under_way:
            under_way.remove(request)
            answered.add(path_of(request))

    page.on("request", begin)
    page.on("requestfinished", end)
    page.on("requestfailed", lambda request: request in under_way and under_way.remove(request))
    page.goto(cold.url)
    page.wait_for_selector("#digit-bars li.winner", timeout=1000 * TIMEOUT_S)
    cold.wait_until_alive(page)
    visit_every_panel(page)
    # Handlers of events run within calls of the browser alone: none is missed in between.
    if len(answered) < LEAST:
        page.wait_for_event(
            "requestfinished", lambda _: len(answered) >= LEAST, timeout=1000 * TIMEOUT_S
        )

    assert max(most) == 1


def path_of(request: Request) -> str:
    """Path of a request."""
    return urlsplit(request.url).path
