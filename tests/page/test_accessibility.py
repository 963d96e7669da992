"""Accessibility of what opens within panels: axe-core finds nothing, and changes are told."""

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
