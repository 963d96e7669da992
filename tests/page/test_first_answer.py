"""First answer on a slow line: bytes, round trips and requests, and what moves after it."""

import re
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from scripts.bench.page import MOST_BYTES, MOST_REQUESTS, MOST_S, PAUSE, Line, Visit, visits
from tests.page.browsers import PHONE, settle
from tests.page.conftest import Opener

WINDOW = {"width": 1280, "height": 720}
MOST_MOVED = 0.02
"""Most layout shift of a visit; up to 0.1 is good by the Web Vitals."""

NOTE_STYLES = """window.styles = {};
new MutationObserver(() => {
  for (const name of ["stages", "inspector-views", "training-bar", "bit-grid"]) {
    const found = document.querySelector(`.${name}`);
    if (found) window.styles[name] ??= getComputedStyle(found).display;
  }
}).observe(document, { subtree: true, childList: true });"""
"""Script that notes the layout of parts of late panels when they appear."""


@pytest.fixture(scope="module", params=[WINDOW, PHONE], ids=["wide", "phone"])
def visited(request: pytest.FixtureRequest, browser: Browser, url: str) -> tuple[Visit, Visit]:
    """A first and a second visit on the slow line."""
    first, second = visits(browser, f"{url}/", Line(), request.param)
    print(f"answered after {first.answered_s:.1f} s and {second.answered_s:.1f} s")  # noqa: T201
    return first, second


def test_the_first_answer_is_small(visited: tuple[Visit, Visit]) -> None:
    """With an empty cache it takes at most 200 kB on the wire; the time depends on the machine."""
    first, _ = visited

    assert 50_000 < first.before_bytes <= MOST_BYTES
    assert all(one.nbytes for one in first.before)
    assert first.answered_s < 10 * MOST_S


def test_the_first_answer_is_four_round_trips_away(
    visited: tuple[Visit, Visit], api: httpx2.Client
) -> None:
    """Document; the files and models that it names; samples; the answer."""
    first, _ = visited
    document = re.sub(r"<template.*?</template>", "", api.get("/").text, flags=re.DOTALL)
    named = {f"/{one}" for one in re.findall(r'(?:href|src)="([^"]+\?v=\w+)"', document)}
    paths = [urlsplit(one.url) for one in first.before]
    files = [f"{one.path}?{one.query}" for one in paths if one.query.startswith("v=")]

    assert len(files) > 30
    assert set(files) <= named
    questions = [one.path for one in paths if not one.query.startswith("v=")]
    assert questions == ["/", "/models", "/samples", "/cnn/activations"]


def test_a_second_visit_asks_for_few_things(visited: tuple[Visit, Visit]) -> None:
    """It has every file, and asks for the document and answers alone."""
    _, second = visited
    asked = [one.url for one in (*second.before, *second.after)]

    assert not [one for one in asked if "?v=" in one]
    assert len(asked) <= MOST_REQUESTS, asked


def test_late_panels_move_nothing(visited: tuple[Visit, Visit]) -> None:
    """What is loaded after the first answer has its place from the beginning."""
    for one in visited:
        assert one.moved <= MOST_MOVED


NEVER_IDLE = """window.requestIdleCallback = (callback, options) => {
  if (options?.timeout) setTimeout(callback, options.timeout / 100);
};"""
"""Script of a page that is never idle, of which a second has a hundredth."""


def test_a_pause_ends_in_a_page_that_is_never_idle(browser: Browser) -> None:
    """It does not wait for a moment without work, which a busy machine may not have."""
    page = browser.new_page()
    page.evaluate(NEVER_IDLE)
    limit = "new Promise((resolve) => setTimeout(() => resolve('endless'), 10_000))"

    assert page.evaluate(f"Promise.race([({PAUSE})().then(() => 'ended'), {limit}])") == "ended"
    page.close()


def test_no_layer_is_out_of_sight(opened: Opener) -> None:
    """The columns fit into the smallest window for which they are beside each other."""
    page = opened(viewport=WINDOW)
    settle(page)

    expect(page.locator("#network-columns .stages-more")).to_be_hidden()


@pytest.mark.parametrize(
    ("view", "parts"),
    [
        ("digits", {"stages": "grid", "inspector-views": "grid", "training-bar": "flex"}),
        ("sequences", {"bit-grid": "flex", "training-bar": "flex"}),
    ],
)
def test_late_panels_appear_with_their_style(
    opened: Opener, view: str, parts: dict[str, str]
) -> None:
    """Their style sheets are loaded before they are shown."""
    page = opened(visit=False, fresh=True)
    page.add_init_script(NOTE_STYLES)
    page.goto(f"{opened.url}/#{view}")
    opened.wait_until_alive(page)
    page.locator(".training-bar").wait_for()
    settle(page)

    assert page.evaluate("window.styles") == parts
