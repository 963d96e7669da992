"""Tours of the page: every step at two sizes, its action, its address, and presenter mode."""

import re
from collections.abc import Callable

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.browsers import PHONE, TIMEOUT_MS, keep
from tests.page.conftest import Opener, show_state
from tests.page.test_opening import SERIOUS, violations
from tests.page.test_views import LECTURE

# The outlined element may be made again, and be within a custom element.
IN_VIEW = """async (timeout) => {
  const boxOf = (one) => one.getBoundingClientRect();
  const traces = () => Array.from(document.querySelectorAll("lw-gate-trace"));
  const roots = () => [document, ...traces().map((one) => one.shadowRoot)];
  for (const until = performance.now() + timeout; ; await new Promise(requestAnimationFrame)) {
    const outlined = roots().map((one) => one.querySelector("[data-toured]")).find(Boolean);
    const { top, bottom, left, right } = outlined ? boxOf(outlined) : {};
    const first = Math.max(0, boxOf(document.querySelector(".top")).bottom);
    const last = boxOf(document.querySelector(".tour")).top;
    const isWithin = 0 <= left && right <= innerWidth;
    if (isWithin && first <= top && top < bottom && bottom <= last) return "";
    if (performance.now() > until) return JSON.stringify({ top, bottom, left, right, first, last });
  }
}"""

# Faults of the frame: it touches text, or a list or the window cuts it off.
FRAMED = """async (timeout) => {
  const traces = () => Array.from(document.querySelectorAll("lw-gate-trace"));
  const roots = () => [document, ...traces().map((one) => one.shadowRoot)];
  const around = (element, more) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return { left: left - more, top: top - more, right: right + more, bottom: bottom + more };
  };
  const holds = (outer, inner) => outer.left <= inner.left && outer.top <= inner.top
    && inner.right <= outer.right && inner.bottom <= outer.bottom;
  const meet = (one, other) => one.left < other.right && other.left < one.right
    && one.top < other.bottom && other.top < one.bottom;
  const above = (one) => one.parentElement ?? one.getRootNode().host;
  const faultsOf = (outlined) => {
    const { outlineOffset, outlineWidth } = getComputedStyle(outlined);
    const inner = around(outlined, parseFloat(outlineOffset));
    const outer = around(outlined, parseFloat(outlineOffset) + parseFloat(outlineWidth));
    const faults = outer.left < 0 || outer.right > innerWidth ? ["cut off by the window"] : [];
    const texts = document.createTreeWalker(outlined, NodeFilter.SHOW_TEXT);
    for (let text = texts.nextNode(); text; text = texts.nextNode()) {
      const range = document.createRange();
      range.selectNodeContents(text);
      for (const box of range.getClientRects())
        if (box.width && meet(outer, box) && !holds(inner, box))
          faults.push(`touches ${text.data}`);
    }
    for (let one = above(outlined); one && one !== document.body; one = above(one))
      if (getComputedStyle(one).overflowX !== "visible" && !holds(around(one, 0.5), outer))
        faults.push(`cut off by ${one.className}`);
    return faults;
  };
  for (const until = performance.now() + timeout; ; await new Promise(requestAnimationFrame)) {
    const outlined = roots().map((one) => one.querySelector("[data-toured]")).find(Boolean);
    const faults = outlined ? faultsOf(outlined) : ["nothing is outlined"];
    if (!faults.length || performance.now() > until) return faults;
  }
}"""

Act = Callable[[Page], None]


def tile(layer: str, channel: int) -> Act:
    """Choose a channel's small map by a click."""

    def act(page: Page) -> None:
        heatmap = page.locator(f'.stage[data-layer="{layer}"] lw-tensor-heatmap')
        box = heatmap.evaluate("(map, channel) => map.boxOf(channel).toJSON()", channel)
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    return act


def channel(number: int) -> Act:
    """Enter the number of a channel."""

    def act(page: Page) -> None:
        entry = page.get_by_role("spinbutton", name="Channel")
        entry.fill(str(number))
        entry.press("Enter")

    return act


def chip(layer: str) -> Act:
    """Choose a layer of the detail."""
    return lambda page: page.locator(".channel-picker .chip", has_text=layer).click()


def sample(digit: int) -> Act:
    """Choose the sample of a digit."""
    return lambda page: page.locator("#samples button.sample").nth(digit).click()


def stroke(page: Page) -> None:
    """Draw a stroke across the pad."""
    box = page.locator("#pad lw-digit-pad").bounding_box()
    assert box
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 80, steps=6)
    page.mouse.up()


def other_value(page: Page) -> None:
    """Pin a value in the middle of the map by a click."""
    box = page.locator(".inspector-map").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 3)


def method(page: Page) -> None:
    """Choose another attribution method."""
    page.locator("#why select#choose-method").select_option(index=1)


def step(number: int) -> Act:
    """Go to a step of the sequence with the slider."""
    return lambda page: page.locator("#lanes .step-slider").fill(str(number))


def unit(number: int) -> Act:
    """Follow a unit."""
    return lambda page: page.locator(".units-bar .chip", has_text=str(number)).first.click()


def zeros(page: Page) -> None:
    """Add two zeros to the sequence."""
    for _ in range(2):
        page.get_by_role("button", name="Add 0").click()


ACTIONS: dict[str, list[Act]] = {
    "cnn": [
        sample(7),
        stroke,
        tile("relu1", 5),
        channel(10),
        other_value,
        tile("pool1", 12),
        chip("relu1"),
        channel(36),
        tile("relu4", 27),
        method,
        sample(3),
    ],
    "lstm": [
        lambda page: page.locator(".bit-grid button").nth(2).click(),
        lambda page: page.get_by_role("button", name="Next step").click(),
        step(6),
        step(15),
        unit(4),
        unit(3),
        step(15),
        step(16),
        unit(1),
        step(12),
        zeros,
    ],
}
VIEWS = {"cnn": "digits", "lstm": "sequences"}


def card(page: Page) -> Locator:
    """The card of the tour."""
    return page.get_by_role("region", name="Tour")


def arrived(page: Page, number: int, count: int = 11) -> None:
    """Wait until a step is shown, with its outlined element."""
    expect(card(page).get_by_text(f"Step {number} of {count}")).to_be_visible()
    expect(page.locator("[data-toured]")).to_be_visible()


def in_view(page: Page) -> None:
    """Wait until the outlined element is between header and card, in a frame that is whole."""
    assert page.evaluate(IN_VIEW, TIMEOUT_MS) == ""
    assert page.evaluate(FRAMED, TIMEOUT_MS) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", [LECTURE, PHONE], ids=["lecture", "phone"])
@pytest.mark.parametrize("model", ["cnn", "lstm"])
def test_every_step_is_shown_and_done(
    opened: Opener, api: httpx2.Client, model: str, size: dict[str, int]
) -> None:
    """Each step outlines an element in view, and its action completes it; a reload keeps both."""
    steps = api.get(f"/models/{model}/tour").json()["steps"]
    page = opened(f"#{VIEWS[model]}&tour=1", viewport=size)
    assert len(steps) == len(ACTIONS[model])
    for number, (shown, act) in enumerate(zip(steps, ACTIONS[model], strict=True), 1):
        arrived(page, number)
        expect(card(page)).to_contain_text(shown["text"])
        expect(card(page)).to_contain_text(shown["ask"])
        expect(card(page).get_by_role("status")).to_be_empty()
        in_view(page)
        keep(page, f"tour-{model}-{number:02}", full=False)
        address = page.url
        act(page)
        expect(card(page).get_by_role("status")).to_contain_text("Done.")
        if number < len(steps):
            card(page).get_by_role("button", name="Next").click()
    # The address is written after a pause.
    expect(page).not_to_have_url(address)
    for key, value in steps[-1]["done"].items():
        expect(page).to_have_url(re.compile(f"[#&]{key}={value}(&|$)"))
    expect(page).to_have_url(re.compile(f"tour={len(steps)}"))
    page.reload()

    arrived(page, len(steps))
    expect(card(page).get_by_role("status")).to_contain_text("Done.")
    expect(card(page).get_by_role("button", name="Next")).to_be_disabled()


def test_a_step_without_a_channel_shows_one_worth_seeing(opened: Opener) -> None:
    """A step that leaves the channel to the page shows the one that the view begins with."""
    page = opened()
    first = page.get_by_role("spinbutton", name="Channel").input_value()
    show_state(page, "#digits&tour=1")

    arrived(page, 1)
    expect(page.get_by_role("spinbutton", name="Channel")).to_have_value(first)
    expect(page.locator("#inspector .silent")).to_be_hidden()


def test_history_keeps_steps(opened: Opener) -> None:
    """Back and Forward go through the steps with what was chosen in them, and leave the tour."""
    page = opened()
    page.get_by_role("button", name="Take the tour").click()
    arrived(page, 1)
    sample(7)(page)
    card(page).get_by_role("button", name="Next").click()
    arrived(page, 2)
    page.go_back()
    arrived(page, 1)
    expect(card(page).get_by_role("status")).to_contain_text("Done.")
    page.go_forward()
    arrived(page, 2)
    page.locator(".top nav").get_by_role("link", name="Sequences").click()
    expect(card(page)).to_have_count(0)
    page.go_back()
    arrived(page, 2)
    card(page).get_by_role("button", name="End tour").click()

    expect(card(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Take the tour")).to_be_focused()
    expect(page).not_to_have_url(re.compile("tour="))


def test_a_link_opens_a_step_with_its_state(opened: Opener) -> None:
    """A link with the step alone sets the state of the step; the last step is the largest."""
    page = opened("#digits&tour=4")
    arrived(page, 4)
    expect(page.get_by_role("spinbutton", name="Channel")).to_have_value("29")
    opened.turn(page, "#lstm&tour=99")
    opened.wait_until_alive(page)

    arrived(page, 11)


def test_presenter_mode_has_keys(opened: Opener) -> None:
    """Arrow keys change the step, controls are hidden; Escape leaves it, and then the tour."""
    page = opened("#digits&tour=3&present=true", viewport=LECTURE)
    arrived(page, 3)
    expect(page.locator("header.top")).to_be_hidden()
    assert type_of(card(page).locator(".tour-text")) >= 20
    in_view(page)
    keep(page, "tour-presenter", full=False)
    for key, number in (("ArrowRight", 4), ("PageDown", 5), ("ArrowLeft", 4)):
        page.keyboard.press(key)
        arrived(page, number)
        in_view(page)
    expect(page).to_have_url(re.compile("tour=4.*present=true|present=true.*tour=4"))
    page.keyboard.press("Escape")
    expect(page.locator("header.top")).to_be_visible()
    page.keyboard.press("ArrowRight")
    arrived(page, 4)
    page.keyboard.press("Escape")

    expect(card(page)).to_have_count(0)


def type_of(places: Locator) -> float:
    """Smallest type of elements, in pixels."""
    sizes = places.evaluate_all("(all) => all.map((one) => getComputedStyle(one).fontSize)")
    return min(float(one.removesuffix("px")) for one in sizes)


@pytest.mark.parametrize("view", ["digits", "sequences"])
def test_presenter_mode_has_large_type(opened: Opener, view: str) -> None:
    """Labels, the answer and the outlined part are larger, and the first screen still fits."""
    labels = {"digits": "#network .stage h3", "sequences": "#lanes .chip"}[view]
    answer = {"digits": "#digit-bars", "sequences": "#sequence-bars"}[view]
    step, outlined = {
        "digits": (4, ".inspector-kernel .quiet"),
        "sequences": (6, ".gates li > .gate-name"),
    }[view]
    places = [labels, f"{answer} .bar-name", f"{answer} .bar-value", "h2:visible", outlined]
    page = opened(f"#{view}&tour={step}", viewport=LECTURE)
    arrived(page, step)
    usual = [type_of(page.locator(one)) for one in places]
    card(page).get_by_role("button", name="Present").click()
    expect(page.locator("header.top")).to_be_hidden()
    large = [type_of(page.locator(one)) for one in places]
    for place, before, after in zip(places, usual, large, strict=True):
        assert after >= 1.15 * before, place
        assert after >= 15, place
    for hidden in (".training", ".downloads", ".finder", "#draw .pad-tools", ".typed"):
        expect(page.locator(hidden).filter(visible=True)).to_have_count(0)
    opened.turn(page, f"#{view}&tour=1&present=true")
    arrived(page, 1)
    in_view(page)
    keep(page, f"tour-presenter-{view}", full=False)
    first = {"digits": ["#network", "#answer"], "sequences": ["#bits", "#sequence-answer"]}[view]
    top = card(page).bounding_box()
    assert top
    for panel in first:
        box = page.locator(panel).bounding_box()
        assert box
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= top["y"], panel
    wide = "(all) => all.map((one) => one.scrollWidth - one.clientWidth)"
    cut = page.locator(f"html, .stages-scroller, {answer} .bar-name").evaluate_all(wide)
    assert max(cut) <= 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [LECTURE, PHONE], ids=["lecture", "phone"])
def test_axe_finds_nothing_serious(opened: Opener, size: dict[str, int], theme: str) -> None:
    """In the tour and in presenter mode, at both sizes and in both colour schemes."""
    page = opened("#sequences&tour=5", viewport=size, color_scheme=theme)
    for more in ("", "&present=true"):
        show_state(page, f"#sequences&tour=5{more}")
        arrived(page, 5)
        expect(page.locator("header.top").filter(visible=True)).to_have_count(0 if more else 1)
        keep(page, f"tour-axe{more.replace('&', '-').replace('=', '-')}", full=False)

        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert not [one for one in violations(page) if one["impact"] in SERIOUS], more


def test_the_tour_is_loaded_when_it_is_opened(opened: Opener) -> None:
    """The first page load has no module of the tour."""
    page = opened()
    assert not [one for one in opened.watchers[0].requests if "/tour" in one]
    page.get_by_role("button", name="Take the tour").click()
    arrived(page, 1)
    assert [one for one in opened.watchers[0].requests if one.endswith("/models/cnn/tour")]
    expect(card(page)).to_be_focused()
