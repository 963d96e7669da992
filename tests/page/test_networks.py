"""Networks of users in the page: the picker, columns, pictures, alphabets and rows of numbers."""

import io
import re

import httpx2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.page.answers import ask, assert_computed_alike, number
from tests.page.browsers import PHONE, hold, keep, settle
from tests.page.conftest import Opener, show
from tests.servers import TIMEOUT_S


def without_shipped(route: Route) -> None:
    """Answer `/models` as a server does without the shipped networks and their twins."""
    answer = route.fetch()
    if not answer.ok:
        # The page asks a busy server again.
        route.fulfill(response=answer)
        return
    listed = answer.json()
    listed["models"] = [
        one for one in listed["models"] if not one["shipped"] and "twin" not in one["name"]
    ]
    route.fulfill(response=answer, json=listed)


def bars(page: Page, panel: str) -> list[float]:
    """Probabilities of a panel's bars, in per cent."""
    return [number(one) for one in page.locator(f"{panel} .bar-value").all_inner_texts()]


def test_columns_are_those_of_the_layers(visited: Opener, own_api: httpx2.Client) -> None:
    """Each layer is a column, joined with its activation; skips and branches are arcs."""
    page = visited("#imageModel=pictures")
    titles = page.locator("#network .stage h3").all_inner_texts()

    assert page.locator("#digits h1").inner_text() == "Three kinds of pictures"
    assert titles == [
        "Input", "Conv 3×3 + BatchNorm + ReLU", "Conv 3×3", "Add + ReLU", "Max pool 2×2",
        "Conv 1×1", "Conv 5×5", "Concat", "Global average pool", "Dense + softmax",
    ]  # fmt: skip
    expect(page.locator("#network .skips path")).to_have_count(3)
    expect(page.locator("#network .bands path")).to_have_count(8)
    expect(show(page, "filters").locator(".chip").first).to_have_text("stem")
    keep(page, "pictures")

    page.locator("#network input[type=checkbox]").check()
    shown = own_api.get("/models/pictures").json()["layers"]
    expect(page.locator("#network .stage")).to_have_count(1 + len(shown))


def test_a_picture_of_three_channels(visited: Opener, own_api: httpx2.Client) -> None:
    """An uploaded picture is scaled and cropped to a network that prepares none."""
    page = visited("#imageModel=pictures&layer=add1&channel=2&y=3&x=4")
    before = bars(page, "#answer")
    slope = np.linspace(0, 255, 36 * 36 * 3).reshape(36, 36, 3).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(slope).save(file, "PNG")

    upload = {"name": "slope.png", "mimeType": "image/png", "buffer": file.getvalue()}
    with page.expect_response(lambda one: "/pictures/activations" in one.url) as answered:
        page.locator("#draw input[type=file]").set_input_files(upload)
    assert answered.value.ok
    expect(page).to_have_url(re.compile("pixels="))

    assert bars(page, "#answer") != before
    sent = page.evaluate("new URLSearchParams(location.hash).get('pixels')")
    assert len(sent) == 12 * 16 * 3 * 4 // 3
    read = "(one) => Array.from(one.getContext('2d').getImageData(0, 0, 16, 12).data)"
    seen = np.array(page.locator("#seen canvas:not(.pixel-map-under)").evaluate(read))
    posted = {"pixels": seen.reshape(12, 16, 4)[..., :3].tolist()}
    layer = page.locator("#inspector .chip[aria-pressed=true]").inner_text()
    shown = number(page.locator("#inspector .inspector-value data").inner_text())
    found = ask(own_api, f"/pictures/activations?layers={layer}", posted)[layer]
    assert_computed_alike(shown, found[2, 3, 4])


def test_pictures_that_maximise_a_channel_are_in_colour(
    visited: Opener, own_api: httpx2.Client
) -> None:
    """Each found picture is one in colour; means that were not measured cannot be set."""
    page = visited("#imageModel=pictures&layer=act&channel=2")
    show(page, "unit")
    pictures = page.locator("#unit .unit-optimum .unit-pictures canvas")
    expect(pictures).to_have_count(2, timeout=1000 * TIMEOUT_S)

    found = ask(own_api, "/pictures/unit?layer=act&channel=2", None)["optimum"]
    read = "(one) => Array.from(one.getContext('2d').getImageData(0, 0, 16, 12).data)"
    shown = np.array(pictures.first.evaluate(read)).reshape(12, 16, 4)[..., :3]
    assert shown == pytest.approx(255 * np.moveaxis(found[0], 0, -1), abs=0.51)
    buttons = show(page, "what-if").get_by_role("button")
    expect(buttons.filter(has_text="Switch it off")).to_be_visible()
    expect(buttons.filter(has_text="Set it to its mean")).to_have_count(0)


def test_a_long_wait_for_an_analysis_is_explained(visited: Opener) -> None:
    """While the first request compiles an analysis, its panel says so, and then has the answer."""
    page = visited("#imageModel=pictures&layer=relu1&channel=1")
    held = hold(page, "**/pictures/unit*")
    with page.expect_request("**/pictures/unit*"):
        panel = show(page, "unit")

    expect(panel).to_contain_text("waits while the server compiles it")
    held[0].continue_()
    expect(panel.locator("canvas")).not_to_have_count(0, timeout=1000 * TIMEOUT_S)
    expect(panel).not_to_contain_text("waits while the server compiles it")


def test_a_pad_of_any_size(visited: Opener) -> None:
    """A network of one channel has a pad of its own proportions, and one unit is two classes."""
    page = visited("#imageModel=drawings", viewport=PHONE)
    canvas = page.locator("lw-digit-pad canvas")
    box = canvas.bounding_box()
    assert box
    assert box["width"] == pytest.approx(2 * box["height"], abs=1)
    page.get_by_role("button", name="Clear").click()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 20, steps=4)
    with page.expect_response(lambda one: "/drawings/activations" in one.url) as answered:
        page.mouse.up()

    pixels = answered.value.request.post_data_json["pixels"]
    assert np.array(pixels).shape == (8, 16)
    assert np.max(pixels[:3]) > 100  # the line is at the top
    assert np.max(pixels[5:]) == 0
    expect(page.locator("#answer .bars li")).to_have_count(2)
    expect(page.locator("#network .outputs button")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_first_class_of_one_unit_is_explained(visited: Opener, own_api: httpx2.Client) -> None:
    """The logit of the first class is always 0: its attribution is of the difference."""
    page = visited("#drawings&target=0")
    why = show(page, "why")
    # The first request for an analysis compiles it.
    expect(why).to_contain_text("target none", timeout=1000 * TIMEOUT_S)
    settle(page)
    pixels = page.locator("#why lw-tensor-heatmap").evaluate(
        "(one) => Array.from(one.tensor.values)"
    )
    query = "method=integrated_gradients&target=0&against=1&baseline=black"
    sent = own_api.get("/samples/0.png").content

    assert np.abs(pixels).max() > 0
    assert len(pixels) == ask(own_api, f"/drawings/attribution?{query}", sent)["attribution"].size


def test_a_stack_over_an_alphabet(visited: Opener, own_api: httpx2.Client) -> None:
    """A sequence of letters is typed; the lanes have layer and gate, the equations are a GRU's."""
    page = visited("#sequenceModel=letters&sequence=acg")
    text = page.locator("#bits input[type=text]")
    text.fill("acgtxna")
    expect(page.locator("#bits .complaint")).to_contain_text("Only a, c, g, t, n are symbols")
    expect(text).to_have_value("acgtna")
    page.locator("#cell-arithmetic select").select_option("gru2")
    settle(page)

    logits = ask(own_api, "/letters/trace?values=logits&sequence=acgtna")["logits"][-1]
    powers = np.exp(logits - logits.max())
    assert bars(page, "#sequence-answer") == pytest.approx(100 * powers / powers.sum(), abs=0.06)
    heads = page.locator("lw-gate-trace .head strong").all_inner_texts()
    assert [one.replace("\xa0", " ") for one in heads[1:5]] == [
        "gru1: reset gate r", "gru1: update gate z", "gru1: candidate n", "gru1: hidden state h",
    ]  # fmt: skip
    assert len(heads) == 1 + 2 * 4
    # The second layer has three units.
    assert page.locator("lw-gate-trace .line text").all_text_contents() == ["no unit 3"] * 4
    hidden = ask(own_api, "/letters/trace?values=gru2.hidden&sequence=acgtna")["gru2.hidden"]
    unit = min(int(page.evaluate("document.querySelector('lw-gate-trace').unit")), 2)
    shown = page.locator("#cell-arithmetic .equation strong data").get_attribute("value")
    assert_computed_alike(float(shown or "nan"), hidden[-1, unit])


def test_rows_of_numbers_are_edited(visited: Opener, own_api: httpx2.Client) -> None:
    """A table has the numbers of each step; a changed one changes the answer."""
    page = visited("#sequenceModel=sensors&sequence=0.5,1,-2;0,0.25,1")
    table = page.locator("#bits .row-scroller")
    assert table.evaluate("(one) => one.scrollWidth <= one.clientWidth")
    expect(page.locator("lw-gate-trace .axis text")).to_have_count(3)
    expect(page.locator("lw-gate-trace .axis rect")).to_have_count(0)
    cell = page.get_by_label("Step 2, number 3")
    cell.fill("-3.5")
    cell.press("Enter")
    settle(page)

    rows = [[0.5, 1, -2], [0, 0.25, -3.5]]
    answer = own_api.post("/sensors/predict", json={"sequence": rows}).json()["prediction"]
    wanted = [100 * one for one in answer["probabilities"]]
    assert bars(page, "#sequence-answer") == pytest.approx(wanted, abs=0.06)
    cell.fill("many")
    cell.press("Enter")
    expect(page.locator("#bits .complaint")).to_contain_text("“many” is not a number")
    expect(cell).to_have_value("-3.5")


def test_another_network_is_picked(visited: Opener) -> None:
    """The picker shows another network, keeps its choice in the link, and leads back."""
    page = visited("#layer=pool2&channel=9&edits=relu1.3.zero")
    expect(page.locator("#digits .model-picker select")).to_have_value("cnn")
    page.locator("#digits .model-picker select").select_option("drawings")

    expect(page.locator("#digits h1")).to_have_text("Two kinds of drawings")
    expect(page.locator("#answer li.winner")).to_be_visible()
    expect(page.locator("#samples, #layers")).to_have_count(0)
    expect(page.locator("#digits .model-picker select")).to_be_focused()
    expect(page).to_have_url(re.compile("#drawings"))
    assert "layer=" not in page.url
    assert "edits=" not in page.url
    page.locator(".top nav").get_by_role("link", name="Sequences").click()
    expect(page.locator("#sequences .model-picker select")).to_have_value("lstm")
    page.go_back()

    page.locator("#digits .model-picker select").select_option("cnn")
    expect(page.locator("#digits h1")).to_have_text("A network that reads digits")
    expect(page.locator("#answer li.winner .bar-name")).to_have_text("2")
    expect(page).to_have_url(re.compile("#digits"))


COUNT_POINTERDOWN = """(() => {
  window.listening = 0;
  for (const [name, change] of [["addEventListener", 1], ["removeEventListener", -1]]) {
    const own = document[name];
    document[name] = (type, ...given) => {
      if (type === "pointerdown") window.listening += change;
      return own.call(document, type, ...given);
    };
  }
})();"""
"""Script that counts the listeners of the document for `pointerdown`."""


def test_a_left_network_leaves_nothing_behind(visited: Opener) -> None:
    """Its pending answer is not announced, and no listener of the document keeps it."""
    page = visited(visit=False)
    page.add_init_script(COUNT_POINTERDOWN)
    page.goto(f"{visited.url}/#cnn")
    visited.wait_until_alive(page)
    settle(page)
    page.evaluate(
        """() => {
          const live = document.querySelector("#live");
          window.announced = [];
          new MutationObserver(() => window.announced.push(live.textContent))
            .observe(live, { childList: true, characterData: true, subtree: true });
        }"""
    )
    held = hold(page, "**/cnn/activations*")
    with page.expect_request("**/cnn/activations*"):
        page.locator("#samples button.sample").nth(6).click()
    picker = page.locator("#digits .model-picker select")
    picker.select_option("drawings")
    expect(page.locator("#digits h1")).to_have_text("Two kinds of drawings")
    expect(page.locator("#answer li.winner")).to_be_visible()

    held[0].continue_()
    settle(page)

    announced = page.evaluate("window.announced")
    assert any("The network predicts" in one for one in announced)
    assert not [one for one in announced if "predicts 6" in one]
    page.locator("#inspector header").get_by_text("Save").first.click()
    page.wait_for_function("() => window.listening === 1")
    page.locator("#digits h1").click()
    page.wait_for_function("() => window.listening === 0")


def test_it_runs_without_the_shipped_networks(visited: Opener) -> None:
    """Where a server has a user's networks alone, the page asks for no shipped one."""
    page = visited(visit=False)
    page.route("**/models", without_shipped)
    page.goto(visited.url)
    visited.wait_until_alive(page)
    settle(page)

    names = page.locator("#digits .model-picker option").evaluate_all(
        "(all) => all.map((one) => one.value)"
    )
    assert sorted(names) == ["colours", "drawings", "pictures", "small", "sparse"]
    expect(page.locator("#findings")).to_have_count(0)
    asked = visited.watchers[-1].requests
    assert not [one for one in asked if re.search(r"/(cnn|lstm|samples)[/?]", one)]


def test_the_list_of_layers_in_a_frame_has_the_one_on_display(visited: Opener) -> None:
    """Without a layer in the address it is the first activation of the network."""
    page = visited(visit=False)
    page.goto(f"{visited.url}/embed/layer?model=sparse")

    expect(page.get_by_label("Layer")).to_have_value("leaky_relu1")
    expect(page.locator("lw-tensor-heatmap")).to_have_attribute("layer", "leaky_relu1")
    expect(page.locator("lw-tensor-heatmap [role=option]")).to_have_count(4)


def test_elements_show_any_network(visited: Opener) -> None:
    """The attribute `model` of the elements chooses a network of the user."""
    page = visited(visit=False)
    page.goto(visited.url)
    page.evaluate('import("./sdk/lightwell.js").then(() => true)')
    page.evaluate(
        """() => document.body.replaceChildren(...["gate-trace", "tensor-heatmap"].map((name) => {
          const one = document.createElement(`lw-${name}`);
          const own = { "gate-trace": { model: "sensors", sequence: "[[1, 0, 2], [0, 1, 1]]" },
            "tensor-heatmap": { probe: "/letters/trace?sequence=acg", tensor: "gru1.hidden" } };
          for (const [key, value] of Object.entries(own[name])) one.setAttribute(key, value);
          return one;
        }))"""
    )

    heads = page.locator("lw-gate-trace .head strong")
    expect(heads).to_have_count(6)
    expect(page.locator("lw-gate-trace [role=slider]")).to_have_attribute("aria-valuemax", "2")
    expect(page.locator("lw-tensor-heatmap canvas").first).to_be_visible()
