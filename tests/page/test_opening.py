"""Initial load: first answers, transfer size, accessibility, and a missing server."""

import re
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.page.browsers import NARROW, PHONE, WIDE, Watcher, keep
from tests.page.conftest import Opener
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
    """Digit and sequence have answers after at most 12 API requests and 500 kB."""
    page = opened(visit=False)
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
    page.wait_for_load_state("networkidle")
    asked = opened.watchers[-1].requests

    digit = api.get("/samples/0.png").content
    truth = api.post("/cnn/predict", content=digit, headers={"Content-Type": "image/png"}).json()
    expect(page.locator("#digit-bars li.winner .bar-name")).to_have_text(
        truth["prediction"]["name"]
    )
    assert page.locator("#network canvas").count() >= 6
    assert page.locator("#lanes lw-gate-trace canvas").count() >= 6
    questions = [one for one in asked if not re.search(r"/(sdk|explorer)/|/$", one)]
    assert len(questions) <= 12, questions
    assert len(asked) == len(received)
    assert 100_000 < sum(received.values()) <= MAX_BYTES


@pytest.mark.parametrize("viewport", [WIDE, NARROW, PHONE], ids=["wide", "narrow", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_axe_finds_nothing_serious(
    opened: Opener, viewport: dict[str, int], theme: str
) -> None:
    """The page is not wider than the window, and axe-core has no serious finding."""
    page = opened("#compare=true", viewport=viewport, color_scheme=theme)
    visit_every_panel(page)
    keep(page, "open")

    width = page.evaluate("document.documentElement.scrollWidth")
    found = violations(page) if viewport != NARROW else []

    assert width <= viewport["width"], widest(page)
    assert not [one for one in found if one["impact"] in SERIOUS], found


def visit_every_panel(page: Page) -> None:
    """Scroll to every panel, so that lazy panels load."""
    for panel in page.locator("main .panel:visible").all():
        panel.scroll_into_view_if_needed()
    expect(page.locator("#filters .filter").first).to_be_attached()
    expect(page.locator("#arithmetic .arithmetic-sum .total")).to_be_attached()
    expect(page.locator("#compare .compare-maps figure")).to_have_count(3)
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, 0)")


def violations(page: Page) -> list[dict[str, Any]]:
    """Findings of axe-core: rule, impact and elements."""
    page.evaluate(module("axe-core/axe.min.js").read_text(encoding="utf-8"))
    return list(
        page.evaluate(
            """async () => (await axe.run(document, { resultTypes: ["violations"] })).violations
              .map(({ id, impact, nodes }) => ({ id, impact, nodes: nodes.slice(0, 4)
                .map((node) => [node.target.join(" "), node.failureSummary.slice(0, 300)]) }))"""
        )
    )


def widest(page: Page) -> list[str]:
    """Elements that overflow on the right, for the message of a failed test."""
    return list(
        page.evaluate(
            """() => Array.from(document.querySelectorAll("main *"))
              .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
              .map((one) => `${one.tagName} ${one.id} ${one.className}`).slice(0, 12)"""
        )
    )


def test_the_keyboard_reaches_every_control(page: Page) -> None:
    """Tab reaches every control of the page, and then leaves it."""
    stops = page.evaluate(TABBABLE)
    assert stops > 40

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
    """With reduced motion no animation or transition runs."""
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
    page.locator("#lanes [role=slider]").first.press("ArrowLeft")
    page.evaluate("() => new Promise(requestAnimationFrame)")

    assert page.evaluate("window.moved") == []
    assert page.evaluate("document.getAnimations().length") == 0


def test_a_stopped_server_is_reported(page: Page, watcher: Watcher) -> None:
    """Without the server an open page shows a message; it works again when the server is back."""
    watcher.expect("ERR_INTERNET_DISCONNECTED")
    page.context.set_offline(True)
    page.locator("#samples button").nth(4).click()
    said = page.locator("#digits .warning, #digits [role=alert]").filter(
        has_text="could not be reached", visible=True
    )
    expect(said.first).to_be_visible()
    page.context.set_offline(False)
    page.locator("#samples button").nth(1).click()

    expect(said).to_have_count(0)
    expect(page.locator("#digit-bars li.winner")).to_be_visible()


def test_an_unreachable_server_is_reported(opened: Opener, watchers: list[Watcher]) -> None:
    """A page that cannot reach the server at first shows a message."""
    page = opened(visit=False)
    watchers[0].expect("ERR_CONNECTION_REFUSED")
    page.route("**/models", lambda route: route.abort("connectionrefused"))
    page.goto(opened.url)

    expect(page.locator("main > .warning")).to_contain_text("The server could not be reached.")
