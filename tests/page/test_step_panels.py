"""Patching of networks of sequences: its numbers equal the API's."""

import re
from typing import Any

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.answers import ask, number
from tests.page.conftest import Opener, show
from tests.page.test_analyses import measures

SEQUENCE = "110100111010"
SOURCE = "010100111010"


def cell(page: Page, grid: Locator, row: int, column: int, *, click: bool = False) -> None:
    """Point at a cell of a grid, or click it."""
    grid.scroll_into_view_if_needed()
    box = grid.locator(".pixel-map").bounding_box()
    assert box
    columns = grid.locator(".pixel-map canvas").last.evaluate("one => one.width")
    rows = grid.locator(".pixel-map canvas").last.evaluate("one => one.height")
    x = box["x"] + (column + 0.5) * box["width"] / columns
    y = box["y"] + (row + 0.5) * box["height"] / rows
    (page.mouse.click if click else page.mouse.move)(x, y)


def grid(panel: Locator, title: str) -> Locator:
    """Grid of a panel by its title."""
    return panel.locator("figure", has=panel.page.get_by_role("heading", name=title))


def reading(panel: Locator) -> Locator:
    """Line with the value under the pointer."""
    return panel.locator("p.number[role=status]")


def patched(api: httpx2.Client, query: str = "") -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Tensors and measures of the patching between the two sequences."""
    sent = {"sequence": SEQUENCE, "source": {"sequence": SOURCE}}
    path = f"/lstm/patching{query}"
    return ask(api, path, sent), measures(api, path, sent)


def test_patching_equals_the_api(opened: Opener, api: httpx2.Client) -> None:
    """Every cell has the exact recovery and logit difference; the strongest patch is named."""
    page = opened(f"#sequences&sequence={SEQUENCE}&step=4&unit=2")
    panel = show(page, "patching")
    truth, said = patched(api)

    expect(panel).to_contain_text("They differ at step 1.")
    unit, step = said["strongest_unit"], said["strongest_step"]
    expect(panel).to_contain_text(f"The strongest is unit {unit} at step {step}")
    share = 100 * truth["recovery"][step - 1, unit]
    shown = number(panel.inner_text().split("its state alone makes ")[1])
    assert shown == pytest.approx(share, abs=0.06)
    recovery = grid(panel, "Recovery by each unit at each step")
    for at, row in ((0, 0), (6, 3), (11, 7)):
        cell(page, recovery, row, at)
        expect(reading(panel)).to_contain_text(f"step {at + 1}, unit {row}: ")
        _, first, second = re.split("recovery|logits", reading(panel).inner_text())
        assert np.float32(number(first)) == truth["recovery"][at, row]
        assert np.float32(number(second)) == truth["logit_difference"][at, row]
    cell(page, grid(panel, "Recovery by all units at each step"), 0, 5)
    expect(reading(panel)).to_contain_text("step 6, all units")
    whole = number(reading(panel).inner_text().split("recovery ")[1])
    assert np.float32(whole) == truth["whole_state"][5]
