"""Comparison of sequences: lanes and differences equal the API's values, of every way."""

import io
import re

import httpx2
import numpy as np
from playwright.sync_api import Locator, Page, expect

from tests.page.answers import Arrays, ask, assert_computed_alike, difference
from tests.page.browsers import keep, settle
from tests.page.conftest import Opener, show

SEQUENCE, OTHER = "110100111010", "0101001110"
PANEL = "sequence-compare"
FRAGMENT = f"#sequences&sequencePanel={PANEL}&sequence={SEQUENCE}"
TALL = {"width": 1440, "height": 2000}


def trace(api: httpx2.Client, sequence: str = SEQUENCE, more: str = "") -> Arrays:
    """Values of a run as the API answers them."""
    return ask(api, f"/lstm/trace?sequence={sequence}{more}")


def told(page: Page, lane: str, step: int, unit: int) -> float:
    """Value of a lane under the pointer, with every digit."""
    panel = page.locator(f"#{PANEL} lw-gate-trace")
    place = panel.evaluate(
        "(one, [lane, step, unit]) => one.cellCentre(lane, step, unit)", [lane, step, unit]
    )
    assert place, (lane, step, unit)
    page.mouse.move(place["x"], place["y"])
    expect(panel.locator(".hint")).to_contain_text(f"step {step}, unit {unit}")
    return float(panel.locator(".hint b").inner_text().replace("−", "-"))


def saved(page: Page, panel: Locator) -> Arrays:
    """Arrays of the saved comparison."""
    panel.locator("summary", has_text="Save").click()
    with page.expect_download() as download:
        panel.get_by_role("button", name="NPZ", exact=True).click()
    with np.load(io.BytesIO(download.value.path().read_bytes()), allow_pickle=False) as arrays:
        return dict(arrays)


def opened_panel(opened: Opener, more: str) -> tuple[Page, Locator]:
    """Open the comparison, and wait until its lanes are painted."""
    page = opened(FRAGMENT + more, viewport=TALL)
    panel = show(page, PANEL)
    settle(page)
    expect(panel.locator(".answer-table, lw-gate-trace").first).to_be_attached()
    panel.scroll_into_view_if_needed()
    return page, panel


def test_two_sequences(opened: Opener, api: httpx2.Client) -> None:
    """Cells of A, B and B − A have the API's values, the last of these over the common steps."""
    page, panel = opened_panel(opened, f"&otherSequence={OTHER}")
    first, second = trace(api)["cell"], trace(api, OTHER)["cell"]
    expect(panel).to_contain_text("first 10 steps")

    for step, unit in ((0, 0), (1, 3), (7, 5), (10, 7)):
        sides = {side: told(page, f"{side}.cell", step, unit) for side in "AB"}
        assert_computed_alike([*sides.values()], [first[step, unit], second[step, unit]])
        assert told(page, "B − A.cell", step, unit) == difference(sides)
    assert_computed_alike(told(page, "A.cell", 12, 0), first[12, 0])
    marks = panel.locator(".compared-sequences mark")
    differing = sum(a != b for a, b in zip(SEQUENCE, OTHER, strict=False))
    expect(marks).to_have_count(2 * differing + len(SEQUENCE) - len(OTHER))
    page.mouse.move(0, 0)
    keep(page, "compare-sequences")

    arrays = saved(page, panel)
    assert_computed_alike(arrays["A"], first)
    assert_computed_alike(arrays["B"], second)
    a, b = (arrays[name].astype(np.float64) for name in "AB")
    np.testing.assert_array_equal(arrays["difference"], b - a[:11])


def test_the_first_other_sequence_differs_in_one_step(opened: Opener) -> None:
    """Without another sequence B is A with its first bit turned, which the text can change."""
    page, panel = opened_panel(opened, "")
    field = panel.get_by_label("B: bits")
    expect(field).to_have_value(f"0{SEQUENCE[1:]}")
    expect(panel.locator(".compared-sequences mark")).to_have_count(2)

    field.fill("111")
    expect(panel).to_contain_text("first 3 steps")
    expect(page).to_have_url(re.compile("otherSequence=111"))
    panel.get_by_role("button", name="Swap").click()
    expect(page.locator("#bits .bit")).to_have_count(3)
    expect(field).to_have_value(SEQUENCE)


def test_two_units(opened: Opener, api: httpx2.Client) -> None:
    """One unit beside another of the same run; the step is followed."""
    page, panel = opened_panel(opened, "&sequenceCompareBy=unit&unit=0&otherUnit=2&step=4")
    cell = trace(api)["cell"]

    arrays = saved(page, panel)

    assert_computed_alike(arrays["A"], cell[:, 0])
    assert_computed_alike(arrays["B"], cell[:, 2])
    sides = [arrays[name].astype(np.float64) for name in "AB"]
    np.testing.assert_array_equal(arrays["difference"], sides[1] - sides[0])
    apart = cell[:, 2].astype(np.float64) - cell[:, 0].astype(np.float64)
    expect(panel).to_contain_text("A is unit 0, B is unit 2.")
    expect(panel.locator(".answer-table")).to_be_hidden()
    expect(panel.locator("lw-gate-trace output")).to_have_text(
        [f"{one:.3f}".replace("-", "−") for one in (cell[4, 0], cell[4, 2], apart[4])]
    )
    keep(page, "compare-units")


def test_two_checkpoints_and_their_answers(opened: Opener, api: httpx2.Client) -> None:
    """A value can be chosen; the answers of both weights have their difference."""
    more = "&sequenceCompareBy=checkpoint&otherSequenceCheckpoint=round-5"
    page, panel = opened_panel(opened, more)
    panel.get_by_label("Value").select_option("forget_gate")
    first, second = trace(api), trace(api, more="&checkpoint=round-5")
    settle(page)
    expect(panel.locator(".compare-answers h3")).to_contain_text("B, after round 5 of 72: ")

    sides = {side: told(page, f"{side}.forget_gate", 5, 1) for side in "AB"}
    assert_computed_alike([*sides.values()], [one["forget_gate"][4, 1] for one in (first, second)])
    assert told(page, "B − A.forget_gate", 5, 1) == difference(sides)
    probability = [softmax(one["logits"][-1]) for one in (first, second)]
    row = panel.locator(".answer-table tr[data-name=yes] data")
    shown = [float(one) for one in row.evaluate_all("all => all.map((one) => one.value)")]
    a, b = (one[1] for one in probability)
    np.testing.assert_allclose(shown, [a, b, b - a], rtol=1e-5, atol=1e-7)
    page.mouse.move(0, 0)
    keep(page, "compare-sequence-checkpoints")

    panel.get_by_label("Value").select_option("probability")
    expect(page).to_have_url(re.compile("comparedValue=probability"))
    arrays = saved(page, panel)
    running = [softmax(one["logits"])[:, 1] for one in (first, second)]
    assert_computed_alike(arrays["A"], running[0])
    np.testing.assert_allclose(arrays["difference"], running[1] - running[0], atol=1e-6)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of logits along the last axis."""
    powers = np.exp(logits.astype(np.float64))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
