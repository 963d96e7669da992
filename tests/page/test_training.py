"""Training slider: where it is on a screen, and that it floats, and that the address has it."""

import re
from typing import Any

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.browsers import keep, settle
from tests.page.conftest import Opener, show
from tests.page.test_downloads import PNG
from tests.page.test_opening import SERIOUS, violations
from tests.page.test_sharing import code_of
from tests.page.test_views import LECTURE, link

POINTS = {
    "round-0": "before training",
    "round-1": "after round 1 of 90 · 98.5 % accuracy",
    "round-4": "after round 4 of 90 · 99.4 % accuracy",
    "round-12": "after round 12 of 90 · 99.5 % accuracy",
    "": "trained · 99.7 % accuracy",
}
VALUES = "(one) => Array.from(one.tensor.values)"


def training(page: Page) -> Locator:
    """The training slider of the view on display."""
    return page.get_by_role("group", name="Training", exact=True)


def slider(page: Page) -> Locator:
    """Its slider alone."""
    return training(page).get_by_role("slider", name="Training point")


def chosen(page: Page, text: str) -> None:
    """Wait until a point is chosen and its answers are there, the exact ones after those drawn."""
    expect(training(page).locator(".step-text")).to_have_text(text)
    expect(page.locator("section:visible.is-stale")).to_have_count(0)
    settle(page)


def predicted(api: httpx2.Client, digit: bytes, name: str) -> dict[str, Any]:
    """Prediction of a checkpoint for the digit."""
    found = api.post(f"/cnn/predict{query(name, '?')}", content=digit, headers=PNG).json()
    return dict(found["prediction"])


def query(name: str, mark: str = "&") -> str:
    """Query parameter of a checkpoint; empty for the trained network."""
    return f"{mark}checkpoint={name}" if name else ""


def logits(page: Page, bars: str) -> list[float]:
    """Logits of answer bars, with six digits."""
    titles = page.locator(f"{bars} .bars li").evaluate_all("(all) => all.map((one) => one.title)")
    return [float(one.rpartition(" ")[2].replace("−", "-")) for one in titles]


def map_values(page: Page, layer: str) -> np.ndarray:
    """Values of the maps of a layer."""
    place = page.locator(f'.stage[data-layer="{layer}"] lw-tensor-heatmap')
    return np.float32(place.evaluate(VALUES))


def test_the_address_has_the_point(opened: Opener) -> None:
    """Reload, a link, Back and the code keep it; each view has its own, an unknown one is none."""
    page = opened("#layer=relu2&channel=11")
    slider(page).press("Home")
    chosen(page, POINTS["round-0"])
    expect(page).to_have_url(re.compile("checkpoint=round-0"))
    code = code_of(page, "digit", "curl")
    assert "checkpoint=round-0" in code
    link(page, "Sequences")
    opened.wait_until_alive(page)
    expect(training(page).locator(".step-text")).to_have_text("trained")
    slider(page).fill("2")
    chosen(page, "after round 5 of 72")
    expect(page).to_have_url(re.compile("sequenceCheckpoint=round-5"))
    assert "checkpoint=round-5" in code_of(page, "sequence", "Python")
    page.go_back()
    chosen(page, POINTS["round-0"])
    page.reload()
    opened.wait_until_alive(page)
    chosen(page, POINTS["round-0"])
    shown = logits(page, "#digit-bars")
    other = opened(page.url.removeprefix(opened.url + "/"))
    chosen(other, POINTS["round-0"])
    assert logits(other, "#digit-bars") == shown

    page = opened("#checkpoint=round-3&sequenceCheckpoint=Z")
    chosen(page, POINTS[""])
    expect(page.locator("#digit-bars li.winner .bar-name")).to_have_text("2")


@pytest.mark.parametrize(("view", "viewport", "theme"), [("digits", LECTURE, "light")])
def test_it_is_in_view_and_floats(
    opened: Opener, view: str, viewport: dict[str, int], theme: str
) -> None:
    """It is on the first screen; below, it floats while another point is shown; axe is content."""
    key = "checkpoint" if view == "digits" else "sequenceCheckpoint"
    page = opened(f"#{view}&{key}=round-1", viewport=viewport, color_scheme=theme)
    settle(page)
    expect(slider(page)).to_be_in_viewport(ratio=1)
    keep(page, f"training-{view}", full=False)
    if viewport == LECTURE and view == "digits":
        box = page.locator("#network .outputs").bounding_box()
        assert box
        assert box["y"] + box["height"] <= LECTURE["height"]
    panel = page.locator("[role=tab]:visible").last.get_attribute("aria-controls") or ""
    show(page, panel)
    settle(page)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    expect(slider(page)).to_be_in_viewport(ratio=1)
    keep(page, f"training-floating-{view}", full=False)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    expect(page.locator(".is-stale")).to_have_count(0)
    found = violations(page)
    assert not [one for one in found if one["impact"] in SERIOUS], found
    slider(page).press("End")
    page.locator(f"#tab-{panel}").focus()
    expect(slider(page)).not_to_be_in_viewport()
