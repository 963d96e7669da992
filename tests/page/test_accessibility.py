"""Accessibility of what opens within panels: axe-core finds nothing, and changes are told."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.page.browsers import PHONE, WIDE, settle
from tests.page.conftest import Opener, show, show_state
from tests.page.test_opening import SERIOUS, violations

STATES = {
    "digits": [
        "panel=compare&otherSample=3",
        "panel=compare&compareBy=channel",
        "panel=compare&compareBy=checkpoint&checkpoint=round-1",
        "panel=map&mapClass=3",
        "panel=layers&layersView=1",
        "panel=filters&filters=conv2&layer=relu2&channel=11",
        "find=responds+to+7",
    ],
    "sequences": [
        "sequencePanel=sequence-compare&sequenceCompareBy=unit",
        "sequencePanel=sequence-compare&sequenceCompareBy=checkpoint&sequenceCheckpoint=round-1",
        "sequencePanel=counter&counterView=1",
        "sequencePanel=counter&counterView=2",
        "sequencePanel=patching&patched=hidden&step=3",
        "findUnit=follows+the+count",
    ],
}
"""Choices of panels beside those that their tabs open with."""

LISTEN = """() => {
  window.heard = [];
  const listened = "[aria-live], [role=status], [role=alert]";
  new MutationObserver((changes) => {
    for (const { target } of changes) {
      const place = (target.nodeType === 1 ? target : target.parentElement)?.closest(listened);
      if (place?.textContent.trim()) window.heard.push(place.textContent.trim());
    }
  }).observe(document.body, { childList: true, characterData: true, subtree: true });
}"""
"""Records the texts of live regions."""

Act = Callable[[Page], None]


def press(name: str, within: str = "section:visible") -> Act:
    """Press a button of the view on display."""
    return lambda page: page.locator(within).get_by_role("button", name=name).first.click()


def choose(select: str, option: int) -> Act:
    """Choose an option of a state value's select."""

    def act(page: Page) -> None:
        page.locator(f"#choose-{select}").select_option(index=option)

    return act


CHANGES: dict[str, list[tuple[str, Act, str]]] = {
    "digits": [
        ("compare", press("Another checkpoint"), "B, before training: "),
        ("filters", press("conv2", "#filters"), "The filters of conv2 are shown."),
        ("map", choose("mapAcross", 2), "The map shows "),
        ("layers", press("First filters described"), "is shown."),
        ("why", choose("method", 1), "Attribution of "),
    ],
    "digits&layer=relu1": [("", press("Previous training point"), "after round 12 of 90")],
    "sequences": [
        ("memory", press("Previous step"), "Step 15 of 16"),
        ("patching", choose("patched", 1), "The strongest is "),
        ("weights", choose("weightsLayer", 1), "The weights of "),
        ("gates-if", choose("gateEdit", 1), "%"),
        ("bit-reasons", choose("bitMethod", 1), "sum "),
        ("counter", press("State space"), "State space is shown."),
        ("sequence-compare", press("Another unit"), "B, unit "),
    ],
}
"""Panel, a change, and a part of what a screen reader hears of it, by the fragment of a state."""

KEYED = {
    "digits&layer=relu2&channel=3&panel=what-if": [
        "#network lw-tensor-heatmap [role=listbox]",
        "#inspector .pixel-map[role=application]",
        "#what-if .vector-bars [tabindex]",
        "[role=tab][aria-selected=true]",
    ],
    "digits&panel=map": [".embedding-map"],
    "digits&panel=filters": ["#filters .filter-grid button"],
    "digits&layer=conv3&channel=3&forward=0": ["#forward button"],
    "sequences": ["#bits .bit", "#lanes lw-gate-trace [role=slider]"],
}
"""Elements that the arrow keys move within, by the fragment of a state."""

PRESS = """(element, key) => {
  const options = { bubbles: true, composed: true, cancelable: true };
  return element.dispatchEvent(new KeyboardEvent("keydown", { ...options, ...key }));
}"""
"""Press a key on an element; false where the page has taken it."""


@pytest.mark.parametrize(("viewport", "theme"), [(WIDE, "light"), (PHONE, "dark")])
@pytest.mark.parametrize("view", STATES)
def test_axe_finds_nothing_in_choices_of_panels(
    opened: Opener, view: str, viewport: dict[str, int], theme: str
) -> None:
    """Comparisons, rankings, maps and other pictures have no serious finding, and fit."""
    page = opened(f"#{view}", viewport=viewport, color_scheme=theme)
    for state in STATES[view]:
        show_state(page, f"#{view}&{state}")
        expect(page.locator(".is-stale")).to_have_count(0)
        # Of the rest of the page all is as in the view's own test.
        parts = [f"{one}:not([hidden])" for one in (".detail", "#lanes", ".tabbed > .panel")]
        found = [one for one in violations(page, *parts) if one["impact"] in SERIOUS]

        assert not found, (state, found)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], state


@pytest.mark.parametrize("state", CHANGES)
def test_a_screen_reader_hears_changes(opened: Opener, state: str) -> None:
    """What a control changes in its panel is in a live region."""
    page = opened(f"#{state}")
    page.evaluate(LISTEN)
    for panel, act, part in CHANGES[state]:
        if panel:
            drawn = show(page, panel).locator("canvas, svg").filter(visible=True)
            expect(drawn.first).to_be_visible()
        settle(page)
        page.evaluate("window.heard = []")

        act(page)

        settle(page)
        heard = page.evaluate("window.heard")
        assert [one for one in heard if part in one], (panel, heard)


@pytest.mark.parametrize("state", KEYED)
def test_shortcuts_are_left_to_the_browser(opened: Opener, state: str) -> None:
    """Arrow keys move within an element; Alt+Left goes back in the history there, too."""
    page = opened(f"#{state}")
    if panel := re.search(r"panel=([\w-]+)", state):
        show(page, panel[1])
    for selector in KEYED[state]:
        element = page.locator(selector).filter(visible=True).first
        for modifier in ("altKey", "ctrlKey", "metaKey"):
            assert element.evaluate(PRESS, {"key": "ArrowLeft", modifier: True}), selector
        assert not element.evaluate(PRESS, {"key": "ArrowLeft"}), selector
