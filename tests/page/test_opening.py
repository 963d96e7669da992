"""Initial load: first answers, transfer size, accessibility, and a missing server."""

import re
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.page.browsers import NARROW, PHONE, WIDE, Watcher, keep, settle
from tests.page.conftest import Opener, show
from tests.tools import module

MAX_BYTES = 500_000
"""Transferred bytes of the first load, compressed."""

SERIOUS = {"serious", "critical"}
"""Impacts of axe-core findings that fail the test."""

TABBABLE = """() => {
  const found = [], radios = new Set();
  const visit = (root) => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) visit(element.shadowRoot);
      if (element.tabIndex < 0 || element.disabled || element.closest("[inert]")) continue;
      if (!element.matches("a[href], button, input, select, summary, [tabindex]")) continue;
      if (!element.checkVisibility({ visibilityProperty: true })) continue;
      if (element.type === "radio" && radios.has(element.name)) continue;
      if (element.type === "radio") radios.add(element.name);
      found.push(element);
    }
  };
  visit(document);
  const reached = new Set();
  addEventListener("focusin", (event) => reached.add(event.composedPath()[0]), { capture: true });
  window.left = () => found.filter((one) => !reached.has(one) && one.isConnected
    && one.checkVisibility()).map((one) => one.outerHTML.slice(0, 160));
  return found.length;
}"""


def test_the_first_load_is_small_and_complete(opened: Opener, api: httpx2.Client) -> None:
    """The digit has an answer after at most 12 API requests and 500 kB."""
    page = opened(visit=False, fresh=True)
    received: dict[str, float] = {}
    network = page.context.new_cdp_session(page)
    network.on("Network.responseReceived", lambda event: received.setdefault(event["requestId"], 0))
    network.on(
        "Network.loadingFinished",
        lambda event: received.update({event["requestId"]: event["encodedDataLength"]}),
    )
    network.send("Network.enable")

    page.goto(opened.url)
    opened.wait_until_alive(page)
    settle(page)
    asked = opened.watchers[-1].requests

    digit = api.get("/samples/0.png").content
    truth = api.post("/cnn/predict", content=digit, headers={"Content-Type": "image/png"}).json()
    expect(page.locator("#digit-bars li.winner .bar-name")).to_have_text(
        truth["prediction"]["name"]
    )
    assert page.locator("#network canvas").count() >= 6
    questions = [one for one in asked if not re.search(r"/(sdk|explorer)/|/$", one)]
    assert len(questions) <= 12, questions
    assert len(asked) == len(received)
    assert 100_000 < sum(received.values()) <= MAX_BYTES


@pytest.mark.parametrize("viewport", [WIDE, NARROW, PHONE], ids=["wide", "narrow", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_axe_finds_nothing_serious(
    opened: Opener, viewport: dict[str, int], theme: str
) -> None:
    """No view is wider than the window, and axe-core has no serious finding in any panel."""
    page = opened(viewport=viewport, color_scheme=theme)
    for view in ("digits", "sequences", "findings"):
        opened.turn(page, f"#{view}")
        opened.wait_until_alive(page)
        settle(page)
        keep(page, f"open-{view}")
        check_panels(page, is_checked=viewport != NARROW)


def check_panels(page: Page, *, is_checked: bool) -> None:
    """Check every panel of a view for its width, and with axe-core."""
    viewport = page.viewport_size
    assert viewport
    panels = tabs(page) or [""]
    for panel in panels:
        if panel:
            show(page, panel)
            settle(page)
        expect(page.locator(".is-stale")).to_have_count(0)
        # Another tab changes the tabs and their panel: the rest is checked with the first one.
        parts = [] if panel == panels[0] else [f"#{panel}", ".tabs"]
        found = violations(page, *parts) if is_checked else []
        width = page.evaluate("document.documentElement.scrollWidth")

        assert width <= viewport["width"], (panel, widest(page))
        assert not [one for one in found if one["impact"] in SERIOUS], (panel, found)


def tabs(page: Page) -> list[str]:
    """Panels of the view on display that are behind tabs."""
    found = page.locator("[role=tab]:visible")
    return [str(one.get_attribute("aria-controls")) for one in found.all()]


def visit_every_panel(page: Page) -> None:
    """Open every panel of the view on display, so that all of them load."""
    for panel in tabs(page):
        show(page, panel)
        settle(page)
    if page.locator("#digits").is_visible() and page.locator("#filters").count():
        expect(page.locator("#filters .filter").first).to_be_attached()
    settle(page)
    page.evaluate("scrollTo(0, 0)")


AXE = """async (within) => {
  const context = within.length ? { include: within.map((one) => [one]) } : document;
  return (await axe.run(context, { resultTypes: ["violations"] })).violations
    .map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 4)
      .map((node) => [node.target.join(" "), node.failureSummary.slice(0, 300)]) }));
}"""


def violations(page: Page, *within: str) -> list[dict[str, Any]]:
    """Findings of axe-core: rule, impact and elements.

    Args:
        within: Selectors of the parts that are checked, each with all in it; none for the page.
    """
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(module("axe-core/axe.min.js").read_text(encoding="utf-8"))
    return list(page.evaluate(AXE, list(within)))


def widest(page: Page) -> list[str]:
    """Elements that overflow on the right, for the message of a failed test."""
    return list(
        page.evaluate(
            """() => Array.from(document.querySelectorAll("main *"))
              .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
              .map((one) => `${one.tagName} ${one.id} ${one.className}`).slice(0, 12)"""
        )
    )


@pytest.mark.parametrize("view", ["digits", "sequences", "findings"])
def test_the_keyboard_reaches_every_control(opened: Opener, view: str) -> None:
    """Tab reaches every control of the view, and then leaves the page."""
    page = opened(f"#{view}")
    stops = page.evaluate(TABBABLE)
    assert stops > 10

    # Tab begins at the fragment: from there to the end of the page, then from its start.
    for _ in range(2):
        for _ in range(stops + 300):  # lazy panels add controls
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement === document.body"):
                break

    assert page.evaluate("window.left()") == []


def test_a_skip_link_leads_to_the_content(page: Page) -> None:
    """The first tab stop is a link to the main content."""
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.locator("#main")).to_be_focused()


def test_reduced_motion_has_no_animation(opened: Opener) -> None:
    """With reduced motion no animation or transition runs, in either view."""
    page = opened(reduced_motion="reduce")
    page.evaluate(
        """() => {
          window.moved = [];
          for (const kind of ["transitionrun", "animationstart"])
            addEventListener(kind, (event) => window.moved.push(event.target.className));
        }"""
    )
    before = page.locator("#digit-bars .bar-value").all_inner_texts()
    page.locator("#samples button.sample[aria-pressed=false]").first.click()
    expect(page.locator("#digit-bars .bar-value")).not_to_have_text(before)
    page.locator(".top nav").get_by_role("link", name="Sequences").click()
    opened.wait_until_alive(page)
    page.locator("#lanes [role=slider]").first.press("ArrowLeft")
    page.evaluate("() => new Promise(requestAnimationFrame)")

    assert page.evaluate("window.moved") == []
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_stopped_server_is_reported(page: Page, watcher: Watcher) -> None:
    """A banner says that it is gone, old answers are dimmed, and the page asks again by itself."""
    watcher.expect("ERR_INTERNET_DISCONNECTED")
    page.context.set_offline(True)
    page.locator("#samples button.sample").nth(4).click()
    banner = page.get_by_role("alert").filter(has_text="could not be reached")
    expect(banner).to_be_visible()
    expect(page.locator("#digits.is-stale")).to_have_count(1)
    page.context.set_offline(False)

    expect(banner).to_have_count(0)
    expect(page.locator("#digits.is-stale")).to_have_count(0)
    expect(page.locator("#digit-bars li.winner .bar-name")).to_have_text("4")


def test_an_unreachable_server_is_reported(opened: Opener, watchers: list[Watcher]) -> None:
    """A page that cannot reach the server at first shows the banner, and opens when it can."""
    page = opened(visit=False)
    watchers[0].expect("ERR_CONNECTION_REFUSED")
    page.route("**/models", lambda route: route.abort("connectionrefused"), times=1)
    page.goto(opened.url)

    expect(page.get_by_role("alert")).to_contain_text("The server could not be reached.")
    opened.wait_until_alive(page)
