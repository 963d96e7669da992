"""Attribution and intervention panels: their numbers equal the API's."""

import base64
import re
from typing import Any

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.answers import ask, assert_computed_alike, number
from tests.page.browsers import hold, settle
from tests.page.conftest import Opener
from tests.page.conftest import show as panel
from tests.page.test_drawing import draw_a_seven, pad

DIGIT = "/samples/0.png"


# Charts whose scale does not begin and end where their bars do.
SCALES = """() => Array.from(document.querySelectorAll(".bar-chart")).flatMap((chart) => {
  const { left, right } = chart.querySelector(".bar-span").getBoundingClientRect();
  const ends = Array.from(chart.querySelectorAll(".bar-scale span"));
  const [first, last] = ends.map((one) => one.getBoundingClientRect());
  const off = [first.left - left, last.right - right];
  return off.some((one) => Math.abs(one) > 1) ? [[chart.textContent, ...off]] : [];
})"""


def measures(api: httpx2.Client, path: str, sent: Any = None) -> dict[str, Any]:
    """Measures of an answer by name."""
    if isinstance(sent, bytes):
        answer = api.post(path, content=sent, headers={"Content-Type": "image/png"})
    else:
        answer = api.post(path, json=sent) if sent else api.get(path)
    assert answer.status_code == 200, answer.text
    return {one["name"]: one["value"] for one in answer.json()["measures"]}


def digit(api: httpx2.Client) -> bytes:
    """PNG of the digit in the initial state."""
    return api.get(DIGIT).content


def heatmap_values(of: Locator) -> np.ndarray:
    """Values of a heat map element."""
    values = of.evaluate("(element) => Array.from(element.tensor?.values ?? [])")
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("fragment", "query"),
    [
        ("", "method=integrated_gradients"),
        ("#method=hirescam&camLayer=pool2", "method=hirescam&layer=pool2"),
        ("#method=occlusion&target=7&against=1&baseline=white",
         "method=occlusion&target=7&against=1&baseline=white"),
    ],
)  # fmt: skip
def test_attribution_map_equals_the_api(
    fragment: str, query: str, opened: Opener, api: httpx2.Client
) -> None:
    """Map, target and verdict follow the answer of `/cnn/attribution`."""
    page = opened(fragment)
    why = panel(page, "why")
    truth = ask(api, f"/cnn/attribution?{query}", digit(api))["attribution"]
    said = measures(api, f"/cnn/attribution?{query}", digit(api))

    expect(why).to_contain_text(f"target {said['target']}")
    found = heatmap_values(why.locator("lw-tensor-heatmap"))

    # In another batch size the last bits may differ.
    np.testing.assert_allclose(found, truth.ravel(), rtol=1e-4, atol=1e-6)
    falls = said["faithfulness"] > 0
    expect(why).to_contain_text("better than chance" if falls else "do not trust this map")
    expect(why.locator("polyline")).to_have_count(2)


def test_attribution_method_is_kept_in_the_link(page: Page, api: httpx2.Client) -> None:
    """A change of method sends a request, and shows layer or baseline where it has one."""
    why = panel(page, "why")
    expect(why).to_contain_text("error of the sum")
    expect(why.locator("label.choice:has(#choose-baseline)")).to_be_visible()

    why.locator("#choose-method").select_option("grad_cam")

    expect(why.locator("label.choice:has(#choose-baseline)")).to_be_hidden()
    expect(why.locator("label.choice:has(#choose-camLayer)")).to_be_visible()
    expect(why).not_to_contain_text("error of the sum")
    truth = ask(api, "/cnn/attribution?method=grad_cam", digit(api))["attribution"]
    found = heatmap_values(why.locator("lw-tensor-heatmap"))
    np.testing.assert_allclose(found, truth.ravel(), rtol=1e-4, atol=1e-6)
    expect(page).to_have_url(re.compile("method=grad_cam"))


def test_sanity_check_shows_its_correlation(page: Page, api: httpx2.Client) -> None:
    """The sentence has the rank correlation of the answer."""
    why = panel(page, "why")
    expect(why).to_contain_text("target")
    why.get_by_role("button", name="Check with reset weights").click()
    query = "/cnn/attribution?method=integrated_gradients&sanity=true&deletion=false"
    last = ask(api, query, digit(api))["sanity"][1, -1]

    expect(why).to_contain_text("With all layers reset")
    said = why.locator("p", has_text="With all layers reset").inner_text()
    assert number(said.split("correlate ")[1]) == pytest.approx(float(last), abs=0.01)


def test_a_sanity_check_is_one_of_the_map_on_display(page: Page) -> None:
    """An answer to the check of a map comes to nothing when another map was chosen meanwhile."""
    why = panel(page, "why")
    expect(why).to_contain_text("target")
    held = hold(page, "**/cnn/attribution*sanity=true*")
    with page.expect_request("**/cnn/attribution*sanity=true*"):
        why.get_by_role("button", name="Check with reset weights").click()
    page.locator("#choose-method").select_option("gradient")
    expect(page).to_have_url(re.compile("method=gradient"))

    held[0].continue_()
    settle(page)

    expect(why.locator(".is-stale")).to_have_count(0)
    expect(why).not_to_contain_text("With all layers reset")
    expect(why).not_to_contain_text("Computing")


def test_a_sanity_check_stays_while_values_become_exact(page: Page) -> None:
    """Exact values of a drawing, requested when the pointer leaves the pad, have the same map."""
    why = panel(page, "why")
    draw_a_seven(page, pad(page))
    settle(page)
    held = hold(page, "**/cnn/activations*")
    check = why.get_by_role("button", name="Check with reset weights")
    with page.expect_request("**/cnn/activations*"):
        check.click()
    expect(why).to_contain_text("With all layers reset")

    held[-1].continue_()
    settle(page)

    expect(why).to_contain_text("With all layers reset")
    Opener.turn(page, f"{page.url.partition('#')[2]}&checkpoint=round-1")
    expect(why).not_to_contain_text("With all layers reset")


def test_channel_ablation_equals_the_api(opened: Opener, api: httpx2.Client) -> None:
    """Predictions and the change of the logit equal the API's; a chip undoes the edit."""
    page = opened("#layer=relu3&channel=35")
    what_if = panel(page, "what-if")
    expect(what_if).to_contain_text("relu3 35")
    what_if.get_by_role("button", name="Switch it off").click()
    edits = [{"layer": "relu3", "channels": [35], "operation": "zero"}]
    body = {"image": base64.b64encode(digit(api)).decode(), "edits": edits}
    truth = ask(api, "/cnn/intervene", body)
    before, after = truth["logits"]
    label = int(before.argmax())

    chip = what_if.get_by_role("button", name="Undo: relu3 35 off")
    expect(chip).to_be_visible()
    expect(what_if).to_contain_text(f"The logit of {label} changes by")
    said = what_if.locator("p", has_text="The logit of").inner_text()
    assert number(said.split("by ")[1]) == pytest.approx(
        float(after[label] - before[label]), rel=0.01
    )
    titles = what_if.locator("section").nth(1).locator("li").all()
    shown = [number((one.get_attribute("aria-label") or "").split("logit ")[1]) for one in titles]
    assert shown == pytest.approx(after.tolist(), rel=1e-3)
    expect(page).to_have_url(re.compile(r"relu3\.35\.zero"))

    chip.click()

    expect(what_if).to_contain_text("Select a channel above")


def test_sweep_equals_the_api_and_selects_channels(opened: Opener, api: httpx2.Client) -> None:
    """The bars equal the sweep of the API; an arrow key selects the next channel."""
    page = opened("#layer=relu2&channel=7")
    what_if = panel(page, "what-if")
    body = {"image": base64.b64encode(digit(api)).decode()}
    effect = ask(api, "/cnn/sweep?layer=relu2", body)["effect"]

    expect(what_if).to_contain_text("decreases without each channel of relu2")
    bars = what_if.locator(".vector-bars").last
    expect(bars).to_contain_text("channel 7")
    assert_computed_alike(number(bars.inner_text().split(": ")[1]), effect[7])
    bars.locator(".vector-track").press("ArrowRight")

    expect(bars).to_contain_text("channel 8")
    expect(page).to_have_url(re.compile("channel=8"))


def test_channel_preferences_equal_the_api(opened: Opener, api: httpx2.Client) -> None:
    """Test images, crops and optimised images equal the answer of `/cnn/unit`."""
    page = opened("#layer=relu3&channel=5")
    unit = panel(page, "unit")
    truth = ask(api, "/cnn/unit?layer=relu3&channel=5")
    said = measures(api, "/cnn/unit?layer=relu3&channel=5")

    expect(unit).to_contain_text(f"responds most to the digit {said['favourite']}")
    for name in ("strongest", "crops", "optimum"):
        found = heatmap_values(unit.locator(f".unit-{name} lw-tensor-heatmap"))
        np.testing.assert_allclose(found, truth[name].ravel(), rtol=1e-2, atol=1e-3)


def test_decomposition_equals_the_api(opened: Opener, api: httpx2.Client) -> None:
    """Bars and sum of the decomposition equal the API's."""
    page = opened("#sequence=1101001")
    reasons = panel(page, "bit-reasons")
    truth = ask(api, "/lstm/decomposition?sequence=1101001")["by_step"]
    said = measures(api, "/lstm/decomposition?sequence=1101001")

    expect(reasons).to_contain_text("initial state")
    line = reasons.locator("p", has_text="initial state").last.inner_text()
    assert number(line.split("steps = ")[1]) == pytest.approx(said["logit"], rel=1e-3)
    track = reasons.locator(".vector-track")
    ticks = reasons.locator(".vector-ticks span").all_text_contents()
    assert ticks == [f"{bit}\n{step}" for step, bit in enumerate("1101001", 1)]
    ends = [number(one) for one in reasons.locator(".vector-scale span").all_text_contents()]
    drawn = truth[len(truth) - 7 :]
    assert ends == pytest.approx([max(0, drawn.max()), min(0, drawn.min())], rel=0.05)
    track.press("Home")
    expect(reasons).to_contain_text("step 1 (bit 1)")
    shown = number(reasons.locator(".vector-bars p").inner_text().split("): ")[1])
    assert_computed_alike(shown, truth[len(truth) - 7])


def test_shapley_values_of_long_sequences(opened: Opener, api: httpx2.Client) -> None:
    """Of longer sequences, Shapley values have the last 16 bits free."""
    bits = "1001011" * 3
    page = opened(f"#sequence={bits}&bitMethod=shapley")
    reasons = panel(page, "bit-reasons")
    free = ",".join(map(str, range(6, 22)))
    truth = ask(api, f"/lstm/attribution?sequence={bits}&method=shapley&free={free}")

    expect(reasons).to_contain_text("only the last 16 bits are free")
    reasons.locator(".vector-track").press("End")
    expect(reasons).to_contain_text("step 21 (bit 1)")
    shown = number(reasons.locator(".vector-bars p").inner_text().split("): ")[1])
    assert_computed_alike(shown, truth["attribution"][-1])


def test_gate_intervention_equals_the_api(opened: Opener, api: httpx2.Client) -> None:
    """The panel shows both curves, and the change of the logits that the API returns."""
    page = opened("#sequence=110100111&step=9&gateEdit=input_gate.0&gateSteps=all")
    panel_if = panel(page, "gates-if")
    edits = [{"value": "input_gate", "operation": "set", "amount": 0}]
    sent = {"sequence": "110100111", "edits": edits}
    said = measures(api, "/lstm/intervene", sent)

    expect(panel_if).to_contain_text("The answer changes" if said["answer_changed"] else "stays")
    text = panel_if.locator("p", has_text="the difference of the logits").inner_text()
    moved = said["logit_difference_edited"] - said["logit_difference_baseline"]
    assert number(text.split("changes by ")[1]) == pytest.approx(moved, rel=0.01)
    expect(panel_if.locator("polyline")).to_have_count(2)


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("counter", ["Who counts", "State space", "How far it counts"]),
        ("layers", ["Layers compared", "First filters described"]),
    ],
)
def test_analyses_are_drawn(
    where: str, names: list[str], opened: Opener, api: httpx2.Client
) -> None:
    """The page draws every part of the answer's figure, with a link to its JSON."""
    page = opened("#sequences" if where == "counter" else "#digits")
    views = panel(page, where)
    for name in names:
        views.get_by_role("button", name=name).click()
        check_drawn(views, name, api)


def check_drawn(views: Locator, name: str, api: httpx2.Client) -> None:
    """Check that an analysis is chosen, and drawn as its answer describes it."""
    expect(views.get_by_role("button", name=name)).to_have_attribute("aria-pressed", "true")
    path = views.get_by_role("link", name=re.compile("^GET .")).get_attribute("href") or ""
    layout = api.get(f"{path}{'&' if '?' in path else '?'}include=figure").json()["figure"]
    expect(views.locator(".figure-panels > h3")).to_have_text(layout["title"])
    leaves = leaves_of(layout)
    figures = views.locator(".figure")
    expect(figures).to_have_count(len(leaves))
    titles = [one["title"] for one in leaves if one["title"]]
    assert figures.locator("h4").all_inner_texts() == titles
    expect(views.locator("img")).to_have_count(0)
    expect(views.locator(".warning:visible")).to_have_count(0)


def leaves_of(layout: dict[str, Any]) -> list[dict[str, Any]]:
    """Parts of a figure's layout that are drawn."""
    if layout["kind"] != "panels":
        return [layout]
    return [one for part in layout["figures"] for one in leaves_of(part)]


def test_values_of_an_analysis_are_read(opened: Opener, api: httpx2.Client) -> None:
    """Pointer and arrow keys give the exact value of a cell, with the labels of its place."""
    page = opened("#digits")
    views = panel(page, "layers")
    cells = views.locator(".figure-heatmap .pixel-map").first
    truth = api.get("/cnn/layers").json()
    (alike,) = (one for one in truth["tensors"] if one["name"] == "cka")
    names = alike["coordinates"][alike["axes"][0]]

    cells.focus()
    page.keyboard.press("ArrowRight")

    said = views.locator(".matrix [role=status]").first.inner_text()
    assert names[1] in said
    assert_computed_alike(number(said.split(": ")[1]), alike["data"][0][1])
    row = views.locator(".bar-chart li").first
    assert number(row.locator(".bar-value").inner_text()) == pytest.approx(
        truth["tensors"][0]["data"][0], rel=0.005
    )


def test_the_digit_lies_over_its_attribution(page: Page) -> None:
    """A slider sets how strongly the digit covers the map."""
    why = panel(page, "why")
    expect(why).to_contain_text("target")
    digit_over = why.locator(".picture-overlay > div > canvas")
    expect(digit_over).to_have_js_property("width", 28)
    expect(digit_over).to_have_js_property("height", 28)
    why.get_by_role("slider", name=re.compile("Strength")).fill("80")

    assert digit_over.evaluate("(one) => one.style.opacity") == "0.8"


def test_findings_have_verdict_and_measurement(opened: Opener, api: httpx2.Client) -> None:
    """Each of six claims has its verdict, its numbers, its reason and its request."""
    truth, server = api.get("/findings").json()["findings"], str(api.base_url).rstrip("/")
    page = opened("#findings")
    cards = page.locator(".finding")

    expect(cards).to_have_count(6)
    for at, one in enumerate(truth):
        card = cards.nth(at)
        expect(card.locator("h2")).to_have_text(one["statement"])
        unsupported = "Follows from the" if one["architectural"] else "Not supported by"
        verdict = "Supported by" if one["supported"] else unsupported
        expect(card.locator(".verdict")).to_contain_text(verdict)
        expect(card.locator(".why")).to_have_text([one["why"]] if one["why"] else [])
        assert number(card.locator(".number").first.inner_text()) == pytest.approx(
            one["value"], rel=0.005
        )
        expect(card.get_by_role("link", name=re.compile("GET"))).to_have_attribute(
            "href", f"{server}{one['request']}"
        )
        expect(card.get_by_role("link", name="round-0", exact=True)).to_have_attribute(
            "href", f"{server}{one['picture']}&checkpoint=round-0"
        )
    other = cards.last.get_by_role("link", name="uncertified", exact=True)
    assert api.get(other.get_attribute("href") or "").status_code == 200
    # A scale is as long as its bars, in a chart of any width.
    expect(page.locator(".finding .bar-chart").last).to_be_visible()
    assert page.evaluate(SCALES) == []
