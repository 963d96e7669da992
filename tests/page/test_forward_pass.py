"""Forward pass of a layer: its frames equal the arithmetic of the API, the last one the layer."""

import base64
import io
import re
from typing import Any

import httpx2
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.page.answers import ask, assert_computed_alike, colour_tables, coloured
from tests.page.browsers import PHONE, keep
from tests.page.conftest import Opener, show_state
from tests.page.test_opening import SERIOUS, violations

PANEL = "#forward"


@pytest.fixture(scope="module")
def digit(api: httpx2.Client) -> bytes:
    """PNG of the digit in the initial state."""
    return api.get("/samples/0.png").content


def at_position(page: Page, position: int) -> Locator:
    """Panel with the frame of a position."""
    panel = page.locator(PANEL)
    panel.locator(".step-slider").fill(str(position))
    expect(panel.locator(".step-text")).to_have_text(re.compile(f"^{position + 1} of "))
    return panel


def values_of(place: Locator) -> list[float]:
    """Values of the <data> elements of a place, with every digit."""
    return [float(one) for one in place.evaluate_all("(all) => all.map((one) => one.value)")]


def answer(api: httpx2.Client, path: str, digit: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measures and tensors of an answer for the digit, by name."""
    found = api.post(path, content=digit, headers={"Content-Type": "image/png"}).json()
    measures = {one["name"]: one["value"] for one in found["measures"]}
    return measures, {one["name"]: np.array(one["data"]) for one in found["tensors"]}


def grid(panel: Locator, at: int) -> list[float]:
    """Values of one of the grids of patch, kernel and products, with every digit."""
    titles = panel.locator(".textbook figure").nth(at).locator("title").all_text_contents()
    return [float(one.split(":")[0]) for one in titles]


def map_colours(panel: Locator) -> np.ndarray:
    """Colours of the map that the sums fill: a pixel for each value, with opacity."""
    canvas = panel.locator(".forward-map").last.locator("canvas:not(.pixel-map-under)")
    _, _, written = canvas.evaluate("(one) => one.toDataURL()").partition(",")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(written))).convert("RGBA")).astype(int)


def check_complete(
    panel: Locator, api: httpx2.Client, path: str, digit: bytes, channel: int
) -> None:
    """Check that the map of the last frame has the colours of the layer's values."""
    layer = path.rpartition("=")[2]
    found = api.post(path, content=digit, headers={"Content-Type": "image/png"}).json()
    tensor = next(one for one in found["tensors"] if one["name"] == layer)
    colour, values = tensor["colour"], np.array(tensor["data"])[channel]
    table = colour_tables(api)[colour["map"]]
    seen = map_colours(panel)
    assert (seen[..., 3] == 255).all()
    for (y, x), value in np.ndenumerate(values):
        wanted = coloured(table, value, colour["vmin"], colour["vmax"])
        assert np.abs(seen[y, x, :3] - wanted).max() <= 2, (y, x)


def check_convolution(panel: Locator, measures: dict[str, Any], tensors: dict[str, Any]) -> None:
    """Check a frame of a convolution against the arithmetic of the API."""
    total, result = values_of(panel.locator(".total data, .forward-result data"))
    assert_computed_alike(total, measures["sum"])
    assert_computed_alike(result, measures["value"])
    biases = values_of(panel.locator(".bias data"))
    wanted = [measures["bias"]] if measures["bias"] else []
    assert np.float32(biases).tolist() == np.float32(wanted).tolist()
    bars = panel.locator(".forward-sum .vector-track")
    shown = int(bars.get_attribute("aria-valuenow") or 0) if len(tensors["patch"]) > 1 else 0
    for at, name in enumerate(("patch", "kernel", "products")):
        wanted = tensors[name][shown].ravel()
        assert_computed_alike(grid(panel, at), wanted)
    if len(tensors["patch"]) > 1:
        text = bars.get_attribute("aria-valuetext") or ""
        said = float(text.rpartition(": ")[2].replace("−", "-"))
        assert np.isclose(said, tensors["contributions"][shown], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(("layer", "channel", "side"), [("conv1", 6, 28), ("conv2", 7, 14)])
def test_a_convolution_position_by_position(
    opened: Opener, api: httpx2.Client, digit: bytes, layer: str, channel: int, side: int
) -> None:
    """Patch, kernel, products and sum equal the API's; the last frame is the layer's map."""
    page = opened(f"#layer={layer}&channel={channel}&forward=0")
    for position in (0, side + 3, side * side // 2 + 5, side * side - 1):
        panel = at_position(page, position)
        y, x = divmod(position, side)
        path = f"/cnn/pixel?layer={layer}&channel={channel}&y={y}&x={x}"
        check_convolution(panel, *answer(api, path, digit))
        seen = map_colours(panel)[..., 3].ravel()
        assert (seen[: position + 1] == 255).all()
        assert (seen[position + 1 :] == 0).all()
    check_complete(panel, api, f"/cnn/activations?layers={layer}", digit, channel)


def test_relu_and_pool(opened: Opener, api: httpx2.Client, digit: bytes) -> None:
    """Values before and after a ReLU, and the winner of each window, equal the API's."""
    page = opened("#layer=relu1&channel=29&forward=0")
    for position in (0, 16 * 28 + 9, 20 * 28 + 2, 783):
        panel = at_position(page, position)
        y, x = divmod(position, 28)
        measures, _ = answer(api, f"/cnn/pixel?layer=relu1&channel=29&y={y}&x={x}", digit)
        given, found, result = np.float32(values_of(panel.locator(".forward-sum data")))
        assert given == np.float32(measures["value"])
        assert found == result == np.float32(measures["output"])
    check_complete(panel, api, "/cnn/activations?layers=relu1", digit, 29)

    opened.turn(page, "#layer=pool1&channel=29&forward=0")
    expect(page.locator(f"{PANEL} .winner")).to_have_count(1)
    for position in (0, 8 * 14 + 4, 195):
        panel = at_position(page, position)
        y, x = divmod(position, 14)
        measures, tensors = answer(api, f"/cnn/pixel?layer=pool1&channel=29&y={y}&x={x}", digit)
        shown = panel.locator(".forward-window title").all_text_contents()
        assert np.array_equal(np.float32(shown), np.float32(tensors["window"].ravel()))
        assert (
            np.float32(values_of(panel.locator(".forward-sum data"))).tolist()
            == [np.float32(measures["output"])] * 2
        )
        place = f"row {measures['winner_y']}, column {measures['winner_x']}"
        expect(panel.locator(".arithmetic-sum")).to_contain_text(place)
    check_complete(panel, api, "/cnn/activations?layers=pool1", digit, 29)


def test_dense_and_softmax(opened: Opener, api: httpx2.Client, digit: bytes) -> None:
    """Sums of a dense layer equal its values, and softmax the prediction's probabilities."""
    truth = ask(api, "/cnn/activations?layers=relu3,dense1,relu4,logits", digit)
    weights = ask(api, "/cnn/filters?layers=dense1,output&order=index&biases=true")
    page = opened("#layer=dense1&forward=0")
    for layer, read, name, units in (
        ("dense1", "relu3", "dense1", (0, 75, 127)),
        ("logits", "relu4", "output", (0, 2, 9)),
    ):
        opened.turn(page, f"#layer={layer}&forward=0")
        expect(page.locator(f"{PANEL} .forward-result:visible")).to_contain_text(layer)
        for unit in units:
            panel = at_position(page, unit)
            kernel = weights[f"{name}.kernel"][unit].astype(np.float64)
            products = kernel.ravel() * truth[read].astype(np.float64).ravel()
            shown = values_of(panel.locator(".forward-sum:visible data"))
            terms = [products[products > 0].sum(), products[products < 0].sum()]
            bias = float(weights[f"{name}.bias"][unit])
            wanted = [*terms, bias, products.sum() + bias]
            np.testing.assert_allclose(shown[:4], wanted, rtol=5e-6, atol=5e-6)
            assert_computed_alike(shown[4], truth[layer][unit])
    predicted = api.post("/cnn/predict", content=digit, headers={"Content-Type": "image/png"})
    shares = predicted.json()["prediction"]["probabilities"]
    for label in range(10):
        panel = at_position(page, 10 + label)
        *_, quotient, share = values_of(panel.locator(".forward-sum:visible data"))
        assert_computed_alike((share, quotient), (shares[label], shares[label]))
    bars = panel.locator(".of-vectors:visible figure").last.locator(".vector-track")
    expect(bars).to_have_attribute("aria-valuetext", re.compile("^class 9: "))
    assert panel.locator(".of-vectors:visible figure").last.locator("rect").count() == 11


def test_windows_of_all_kinds(visited: Opener, own_api: httpx2.Client, digit: bytes) -> None:
    """Strides, paddings, dilations, groups and means equal the API's; the rest is not offered."""
    shapes = {
        "wide": (14, 28),
        "mean": (7, 15),
        "sparse": (7, 15),
        "over": (4, 8),
        "top": (2, 4),
    }
    page = visited("#sparse&layer=wide&channel=3&forward=0")
    listed = next(one for one in own_api.get("/models").json()["models"] if one["name"] == "sparse")
    named = {one["name"]: one for one in listed["layers"]}
    for layer in shapes:
        channels, height, width = named[layer]["shape"]
        channel = channels - 1
        visited.turn(page, f"#sparse&layer={layer}&channel={channel}&forward=0")
        expect(page.locator(f"{PANEL} h4").last).to_have_text(f"{layer}, channel {channel}")
        for position in (0, width - 1, width + 1, height * width - 1):
            panel = at_position(page, position)
            y, x = divmod(position, width)
            path = f"/sparse/pixel?layer={layer}&channel={channel}&y={y}&x={x}"
            measures, tensors = answer(own_api, path, digit)
            if layer in {"wide", "sparse"}:
                check_convolution(panel, measures, tensors)
                continue
            *_, found, result = values_of(panel.locator(".forward-sum data"))
            assert_computed_alike(found, measures["output"])
            assert_computed_alike(result, measures["output"])


def test_it_plays_and_pauses(opened: Opener) -> None:
    """Space plays and pauses, numbers under a resting pointer change, nothing floods a reader."""
    page = opened("#layer=pool2&channel=9", device_scale_factor=1)
    page.get_by_role("button", name="Step through it").click()
    panel = page.locator(PANEL)
    play = panel.get_by_role("button", name="Play")
    expect(play).to_be_focused()
    panel.get_by_role("combobox").select_option("16")
    line = panel.locator(".forward-map").last.locator("p")
    panel.locator(".forward-map .pixel-map").last.hover(position={"x": 8, "y": 8})
    page.evaluate(
        "() => { window.said = []; new MutationObserver(() => window.said.push("
        "document.querySelector('#live').textContent)).observe(document.querySelector('#live'),"
        " { childList: true, characterData: true, subtree: true }); }"
    )
    expect(line).to_have_text(re.compile("^row 0, column 0: "))
    play.press("Enter")
    expect(panel.locator(".step-text")).to_have_text(re.compile("^49 of 49"))
    expect(play).to_be_visible()
    assert page.evaluate("window.said.filter(Boolean)")[-1].startswith("Row 6, column 6")
    assert page.evaluate("new Set(window.said).size") <= 3
    expect(page).to_have_url(re.compile("forward=48"))


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_keyboard_steps(opened: Opener, motion: str) -> None:
    """Arrow keys, Home and End move, a step is announced; reduced motion has steps alone."""
    page = opened("#layer=conv3&channel=3&forward=0", reduced_motion=motion)
    panel = page.locator(PANEL)
    text = panel.locator(".step-text")
    expect(text).to_have_text("1 of 49")
    panel.get_by_role("button", name="Next position").focus()
    for key, position in (("ArrowRight", 2), ("ArrowDown", 9), ("ArrowUp", 2), ("End", 49)):
        page.keyboard.press(key)
        expect(text).to_have_text(f"{position} of 49")
    expect(page.locator("#live")).to_have_text(re.compile(r"^Row 6, column 6: the sum is "))
    page.keyboard.press("Home")
    page.locator(f"{PANEL} .forward-map .pixel-map").last.press("ArrowRight")
    expect(text).to_have_text("2 of 49")
    panel.get_by_role("slider", name="Position").fill("30")
    expect(text).to_have_text("31 of 49")
    count = 0 if motion == "reduce" else 1
    expect(panel.get_by_role("button", name="Play")).to_have_count(count)
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.get_by_role("button", name="Step through it")).to_be_focused()


def test_a_link_and_a_reload_keep_the_position(opened: Opener) -> None:
    """The position is in the address; another layer starts at its first, an unfit one closes."""
    page = opened("#layer=conv2&channel=5&forward=77")
    text = page.locator(f"{PANEL} .step-text")
    expect(text).to_have_text("78 of 196")
    page.get_by_role("button", name="Next position").click()
    expect(page).to_have_url(re.compile("forward=78"))
    page.reload()
    expect(text).to_have_text("79 of 196")
    page.locator("#inspector .channel-picker .chip", has_text="pool2").click()
    expect(text).to_have_text("1 of 49")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone_and_axe_finds_nothing(opened: Opener, theme: str) -> None:
    """The panel is no wider than a phone; axe-core has no finding in it."""
    page = opened("#layer=conv2&channel=7&forward=9", viewport=PHONE, color_scheme=theme)
    for layer in ("conv2", "pool1", "logits"):
        show_state(page, f"#layer={layer}&channel=7&forward=9")
        panel = page.locator(PANEL)
        expect(panel).to_contain_text(layer)
        expect(panel.locator(".forward-result:visible")).to_be_visible()
        panel.scroll_into_view_if_needed()
        keep(page, f"forward-{layer}", full=False)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        expect(page.locator(".is-stale")).to_have_count(0)
        found = violations(page, PANEL)
        assert not [one for one in found if one["impact"] in SERIOUS], (layer, found)


GATES = ("forget_gate", "input_gate", "candidate", "cell", "output_gate", "hidden")
"""Parts of a step, but for the answer."""


def test_the_parts_of_a_step(opened: Opener, api: httpx2.Client) -> None:
    """Gates, states and the answer of a step equal the trace; their sums lead to them."""
    sequence, step, unit = "110100111010", 7, 3
    truth = ask(api, f"/lstm/trace?sequence={sequence}")
    page = opened(f"#sequences&sequence={sequence}&step={step}&unit={unit}&part=0")
    panel = page.locator("#cell-arithmetic")
    jumps = panel.locator(".step-jump")
    expect(jumps.first).to_have_attribute("aria-current", "step")
    for part, name in enumerate(GATES):
        expect(jumps.nth(part)).to_have_attribute("aria-current", "step")
        row = step if name in {"cell", "hidden"} else step - 1
        wanted = truth[name][row, unit]
        shown = values_of(panel.locator(".step-parts data"))
        assert len(shown) == part + 1
        assert_computed_alike(shown[-1], wanted)
        if name in {"cell", "hidden"}:
            (state,) = values_of(panel.locator(".step-part .equation strong data"))
            assert_computed_alike(state, wanted)
        else:
            *terms, total = values_of(panel.locator(".step-part .arithmetic-sum data"))
            assert len(terms) == 3
            assert np.isclose(sum(terms), total, rtol=0, atol=1e-6)
            made = np.tanh(total) if name == "candidate" else 1 / (1 + np.exp(-total))
            assert np.isclose(made, wanted, rtol=0, atol=1e-6)
        panel.get_by_role("button", name="Next part").click()
    logits = values_of(panel.locator(".step-part p data"))
    assert_computed_alike(logits, truth["logits"][step - 1])
    sums = values_of(panel.locator(".step-part .total data"))
    np.testing.assert_allclose(sums, truth["logits"][step - 1], rtol=0, atol=1e-5)
    panel.get_by_role("button", name="Next part").click()
    expect(page).to_have_url(re.compile(r"step=8\b.*part=0|part=0.*step=8\b"))
    expect(page.locator("#live")).to_have_text(re.compile(f"^Step 8, unit {unit}, Forget gate: "))
    page.reload()
    expect(jumps.first).to_have_attribute("aria-current", "step")
    page.keyboard.press("Tab")
    panel.get_by_role("button", name="Next part").press("ArrowDown")
    expect(panel.locator(".step-text")).to_have_text("step 9 of 12, part 1 of 7")
    page.keyboard.press("Escape")
    expect(panel.get_by_role("button", name="Step through it")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_parts_fit_a_phone(opened: Opener, theme: str) -> None:
    """The parts of a step fit a phone without motion, and axe-core has no finding."""
    page = opened("#sequences&part=3", viewport=PHONE, color_scheme=theme, reduced_motion="reduce")
    panel = page.locator("#cell-arithmetic")
    expect(panel.locator(".step-part .equation")).to_be_visible()
    expect(panel.get_by_role("button", name="Play")).to_have_count(0)
    panel.scroll_into_view_if_needed()
    keep(page, "forward-step", full=False)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.locator(".is-stale")).to_have_count(0)
    found = violations(page, "#cell-arithmetic")
    assert not [one for one in found if one["impact"] in SERIOUS], found
