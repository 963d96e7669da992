"""Sequences chapter: steps, playback, bit editor, and lanes in the colours of their values."""

import re

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

from tests.page.answers import (
    altered,
    ask,
    assert_computed_alike,
    colour_tables,
    coloured,
    number,
)
from tests.page.browsers import keep, pixels, settle
from tests.page.conftest import Opener

TRACE = "#lanes lw-gate-trace"
SLIDER = f"{TRACE} [role=slider]"
TALL = {"width": 1440, "height": 1800}
SEQUENCE = "110100111010"
GATES = ("input_gate", "forget_gate", "output_gate")
LANES = (*GATES, "candidate", "cell", "hidden")


def centre(page: Page, lane: str, step: int, unit: int) -> tuple[float, float]:
    """Client position of a cell's centre."""
    place = page.locator(TRACE).evaluate(
        "(one, [lane, step, unit]) => one.cellCentre(lane, step, unit)", [lane, step, unit]
    )
    assert place, (lane, step, unit)
    return place["x"], place["y"]


def show_lanes(page: Page) -> None:
    """Scroll to the lanes and wait until no loading panel moves them."""
    page.locator("#lanes").scroll_into_view_if_needed()
    settle(page)
    page.locator("#lanes").scroll_into_view_if_needed()


def step_of(page: Page) -> int:
    """The followed step."""
    return int(page.locator(SLIDER).get_attribute("aria-valuenow") or "")


def test_lanes_have_the_colours_of_their_values(opened: Opener, api: httpx2.Client) -> None:
    """Sampled cells of all six lanes have the colours of their values."""
    palette = "cividis"
    page = opened(f"#sequence={SEQUENCE}&palette={palette}", viewport=TALL)
    truth = ask(api, f"/lstm/trace?sequence={SEQUENCE}")
    tables = colour_tables(api)
    show_lanes(page)
    page.mouse.move(0, 0)
    most = np.abs(truth["cell"]).max()
    ranges = {
        **dict.fromkeys(GATES, (palette, 0.0, 1.0)),
        "candidate": ("RdBu", -1.0, 1.0),
        "hidden": ("RdBu", -1.0, 1.0),
        "cell": ("RdBu", -most, most),
    }
    seen = pixels(page)
    checked = 0
    for lane in LANES:
        name, low, high = ranges[lane]
        first = 0 if lane in {"cell", "hidden"} else 1
        for step in (first, 3, 7, len(SEQUENCE)):
            for unit in (0, 3, truth["cell"].shape[1] - 1):
                x, y = centre(page, lane, step, unit)
                wanted = coloured(tables[name], truth[lane][step - first, unit], low, high)
                assert np.abs(seen[int(y), int(x)] - wanted).max() <= 1, (lane, step, unit)
                checked += 1
    assert checked == 6 * 4 * 3


def test_a_changed_gate_changes_one_cell(opened: Opener) -> None:
    """A changed value of the answer changes the colour of its cell alone, and its text."""

    def shut(tensor: np.ndarray) -> None:
        tensor[4, 2] = np.float32(0.0)

    def alter(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=altered(answer.body(), "forget_gate", shut))

    page = opened(f"#sequence={SEQUENCE}&unit=2", viewport=TALL)
    show_lanes(page)
    cells = [(5, 2), (6, 2), (5, 3)]
    before = colours(page, cells)
    page.route("**/lstm/trace*", alter)
    page.reload()
    opened.wait_until_alive(page)
    show_lanes(page)

    after = colours(page, cells)

    assert np.abs(after[0] - before[0]).max() > 20
    assert (after[1:] == before[1:]).all()
    page.mouse.move(*centre(page, "forget_gate", 5, 2))
    expect(page.locator(TRACE).get_by_text("step 5, unit 2")).to_be_visible()
    expect(page.locator(TRACE).locator(".hint b")).to_have_text("0")


def colours(page: Page, cells: list[tuple[int, int]]) -> np.ndarray:
    """Colours of cells (step, unit) of the forget gate."""
    page.mouse.move(0, 0)
    places = [centre(page, "forget_gate", *cell) for cell in cells]
    seen = pixels(page)
    return np.array([seen[int(y), int(x)] for x, y in places])


def test_the_value_under_the_pointer(opened: Opener, api: httpx2.Client) -> None:
    """The value under the pointer equals the API's to the bit, in every lane."""
    page = opened(f"#sequence={SEQUENCE}", viewport=TALL)
    truth = ask(api, f"/lstm/trace?sequence={SEQUENCE}")
    show_lanes(page)
    for lane in LANES:
        page.mouse.move(*centre(page, lane, 6, 4))
        expect(page.locator(TRACE).get_by_text("step 6, unit 4")).to_be_visible()
        said = page.locator(TRACE).locator(".hint b").inner_text().replace("−", "-")
        row = 6 if lane in {"cell", "hidden"} else 5
        assert_computed_alike(said, truth[lane][row, 4])


def test_the_keyboard_steps_through_it(opened: Opener) -> None:
    """Arrow keys, Home and End change the step; up and down change the unit."""
    page = opened(f"#sequence={SEQUENCE}&step=5&order=index&unit=1")
    slider = page.locator(SLIDER)
    slider.focus()
    assert step_of(page) == 5
    for key, step in [
        ("ArrowRight", 6),
        ("ArrowLeft", 5),
        ("End", 12),
        ("ArrowRight", 12),
        ("Home", 0),
    ]:
        page.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuenow", str(step))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")

    expect(slider).to_have_attribute("aria-valuetext", re.compile("^step 1, bit 1, unit 2, "))
    expect(page).to_have_url(re.compile(r"step=1\b.*unit=2\b|unit=2\b.*step=1\b"))


def test_buttons_and_the_slider_step_too(opened: Opener) -> None:
    """Buttons and slider change the step; buttons without effect are disabled."""
    page = opened(f"#sequence={SEQUENCE}&step=0")
    keys = page.locator("#lanes .transport")
    expect(keys.get_by_role("button", name="Previous step")).to_be_disabled()
    for name, step in (("Next step", 1), ("Last step", 12), ("Previous step", 11)):
        keys.get_by_role("button", name=name).click()
        expect(page.locator(SLIDER)).to_have_attribute("aria-valuenow", str(step))
    expect(page.locator("#live")).to_contain_text("Step 11 of 12: bit 1, 7 ones and 4 zeros")
    keys.get_by_role("slider").fill("3")
    expect(page.locator(SLIDER)).to_have_attribute("aria-valuenow", "3")


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_it_plays_and_pauses(opened: Opener, motion: str) -> None:
    """Playback runs to the end; pause stops it before, also with reduced motion."""
    page = opened(f"#sequence={SEQUENCE}&step=0", reduced_motion=motion)
    keys = page.locator("#lanes .transport")
    play, pause = (keys.get_by_role("button", name=name) for name in ("Play", "Pause"))
    keys.get_by_role("combobox").select_option("8")
    play.click()
    expect(page.locator(SLIDER)).to_have_attribute("aria-valuenow", re.compile("[1-9]"))
    pause.click()
    expect(play).to_be_visible()
    stopped = step_of(page)
    assert 0 < stopped < len(SEQUENCE)

    play.click()
    expect(page.locator(SLIDER)).to_have_attribute("aria-valuenow", "12")
    expect(play).to_be_visible()
    play.click()  # at the end, playback restarts
    expect(page.locator(SLIDER)).to_have_attribute("aria-valuenow", re.compile("^[1-6]$"))


def test_bits_are_typed_and_toggled(opened: Opener, api: httpx2.Client) -> None:
    """Bits can be typed, toggled, added or taken from a preset; the answer equals the API's."""
    page = opened("#sequences")
    typed = page.locator("#bits input[type=text]")
    bits = page.locator("#bits .bit")

    def check(sequence: str) -> None:
        truth = api.get(f"/lstm/predict?sequence={sequence}").json()["prediction"]
        expect(page.locator(TRACE).locator("[role=slider]")).to_have_attribute(
            "aria-valuemax", str(len(sequence))
        )
        expect(page.locator("#sequence-bars li.winner .bar-name")).to_have_text(truth["name"])
        verdict = page.locator("#sequence-bars .verdict")
        ones, zeros = sequence.count("1"), sequence.count("0")
        expect(verdict).to_contain_text(re.compile(f" {ones} ones? and {zeros} zeros?: that is"))
        assert bits.all_inner_texts() == list(sequence)

    typed.fill("1, 0, 1")
    check("101")
    typed.press_sequentially("x")
    expect(page.locator("#bits .complaint")).to_contain_text("Only 0 and 1")
    typed.press_sequentially("1")
    check("1011")
    bits.nth(1).click()
    check("1111")
    bits.nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("0")
    check("1011")
    for shortcut in ("Control+0", "Meta+0", "Alt+0"):
        bits.nth(2).press(shortcut)
    check("1011")
    page.locator("#bits").get_by_role("button", name="Add 0").click()
    check("10110")
    page.locator("#bits").get_by_role("button", name="Remove last").click()
    check("1011")
    page.locator("#bits").get_by_role("button", name="a tie").click()
    check("1100101001")
    expect(page.locator("#sequence-bars .verdict")).to_contain_text("No")
    page.locator("#bits input[type=range]").fill("9")
    page.locator("#bits").get_by_role("button", name="Random").click()
    expect(bits).to_have_count(9)


def test_a_step_in_numbers(opened: Opener, api: httpx2.Client) -> None:
    """Kept and written parts equal the API's values and add up to the new cell state."""
    step, unit = 7, 3
    page = opened(f"#sequence={SEQUENCE}&step={step}&unit={unit}")
    truth = {
        name: values.astype(np.float64)
        for name, values in ask(api, f"/lstm/trace?sequence={SEQUENCE}").items()
        if name in LANES
    }
    panel = page.locator("#cell-arithmetic")
    expect(panel).to_contain_text(f"Step {step} reads bit {SEQUENCE[step - 1]} in unit {unit}")
    parts = panel.locator(".equation").first.locator(".named data")
    kept, written = (float(one.get_attribute("value") or "") for one in parts.all())
    cell, hidden = panel.locator(".equation strong data").all()
    rounding = float(panel.locator(".rounding data").get_attribute("value") or "")

    at = {lane: truth[lane][step - (lane not in {"cell", "hidden"}), unit] for lane in LANES}
    assert_computed_alike(kept, at["forget_gate"] * truth["cell"][step - 1, unit])
    assert_computed_alike(written, at["input_gate"] * at["candidate"])
    assert_computed_alike(cell.get_attribute("value"), at["cell"])
    assert_computed_alike(hidden.get_attribute("value"), at["hidden"])
    shown_cell = float(np.float32(cell.get_attribute("value")))
    assert np.isclose(kept + written + rounding, shown_cell, rtol=0, atol=1e-15)
    shown = [number(one.inner_text().strip("()")) for one in (*parts.all(), cell)]
    assert round(1e4 * shown[0]) + round(1e4 * shown[1]) == round(1e4 * shown[2])
    keep(page, "step")


def test_units_are_followed_and_sorted(opened: Opener) -> None:
    """A click on a row follows its unit; rows are sorted by number or by role."""
    page = opened(f"#sequence={SEQUENCE}&order=index", viewport=TALL)
    show_lanes(page)
    heights = [centre(page, "cell", 3, unit)[1] for unit in range(8)]
    assert heights == sorted(heights)
    page.mouse.click(*centre(page, "cell", 3, 5))
    expect(page.locator("#cell-arithmetic")).to_contain_text("Step 3 reads bit 0 in unit 5")
    pressed = page.locator("#lanes .units-bar .chip[aria-pressed=true]")
    expect(pressed).to_have_text(re.compile("^5 "))

    page.locator("#lanes .units-bar select").select_option("role")
    chips = page.locator("#lanes .units-bar .chip").all_inner_texts()
    order = [int(chip.split()[0]) for chip in chips]
    page.wait_for_function(
        "([first, second]) => { const at = (unit) => document.querySelector('#lanes lw-gate-trace')"
        ".cellCentre('cell', 3, unit).y; return at(first) < at(second); }",
        arg=[order[0], order[-1]],
    )
    heights = [centre(page, "cell", 3, unit)[1] for unit in order]
    assert heights == sorted(heights)


def test_a_long_sequence_is_scrolled(opened: Opener, api: httpx2.Client) -> None:
    """Of 2,000 steps the followed one is scrolled into view, in the colours of its values."""
    sequence = "1101" * 500
    page = opened(f"#sequence={sequence}&step=1500", viewport=TALL)
    show_lanes(page)
    page.mouse.move(0, 0)
    gate = ask(api, "/lstm/trace?values=forget_gate", {"sequence": sequence})["forget_gate"]
    x, y = centre(page, "forget_gate", 1500, 4)
    wanted = coloured(colour_tables(api)["viridis"], gate[1499, 4], 0, 1)
    assert np.abs(pixels(page)[int(y), int(x)] - wanted).max() <= 1
    page.locator(SLIDER).press("End")
    expect(page.locator(SLIDER)).to_have_attribute("aria-valuenow", "2000")
    assert centre(page, "forget_gate", 2000, 4)
