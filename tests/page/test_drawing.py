"""Drawing, choosing and uploading digits; selecting channels of the network."""

import re

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.answers import ask, assert_computed_alike
from tests.page.browsers import PHONE, hold, keep, settle
from tests.page.conftest import Opener

WINNER = "#digit-bars li.winner .bar-name"
WARNING = "#answer .warning:visible"
"""Warnings about the picture; those of other panels are about their analyses."""
SEVEN = [(0.27, 0.24), (0.50, 0.235), (0.74, 0.24), (0.62, 0.48), (0.44, 0.82)]


def pad(page: Page) -> Locator:
    """Canvas of the drawing pad."""
    return page.locator("#pad lw-digit-pad canvas").first


def draw_a_seven(page: Page, canvas: Locator, *, lift: bool = True) -> None:
    """Draw a seven with the mouse on an empty pad; `lift=False` leaves the pen down."""
    draw(page, canvas, SEVEN, lift=lift)


def draw(
    page: Page, canvas: Locator, through: list[tuple[float, float]], *, lift: bool = True
) -> None:
    """Draw a stroke with the mouse through points given as fractions of width and height."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in through]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=6)
    if lift:
        page.mouse.up()


def winner_of(api: httpx2.Client, png: bytes, preprocess: str = "mnist") -> str:
    """Predicted digit of a picture, from the API."""
    answer = api.post(
        f"/cnn/predict?preprocess={preprocess}", content=png, headers={"Content-Type": "image/png"}
    )
    return str(answer.json()["prediction"]["name"])


def test_a_seven_is_drawn(page: Page) -> None:
    """A seven drawn with the mouse is a 7, and is classified while the pen is still down."""
    before = page.locator("#digit-bars .bar-value").all_inner_texts()
    page.get_by_role("button", name="Clear").first.click()
    with page.expect_response(lambda answer: "/cnn/activations" in answer.url) as live:
        draw_a_seven(page, pad(page), lift=False)
    assert live.value.ok
    expect(page.locator("#digit-bars .bar-value")).not_to_have_text(before)
    page.mouse.up()

    expect(page.locator(WINNER)).to_have_text("7")
    expect(page.locator("#live")).to_contain_text("7")
    keep(page, "drawn")


def test_undo_and_clear(page: Page, api: httpx2.Client) -> None:
    """Undo reverts the last stroke or a clear; clear leaves an empty pad and a warning."""
    values = page.locator("#digit-bars .bar-value")
    undo = page.get_by_role("button", name="Undo")
    first = values.all_inner_texts()
    expect(undo).to_be_disabled()
    draw(page, pad(page), [(0.1, 0.1), (0.9, 0.1)])
    # The page also shows answers for parts of the stroke: wait for the one of the whole stroke.
    second = percentages(page, api)
    expect(values).to_have_text(second)
    draw(page, pad(page), [(0.1, 0.9), (0.9, 0.5)])
    expect(values).not_to_have_text(second)

    undo.click()
    expect(values).to_have_text(second)
    undo.click()
    expect(values).to_have_text(first)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(WARNING).first).to_be_visible()
    assert page.locator("lw-digit-pad").evaluate("(one) => one.empty")
    undo.click()

    expect(values).to_have_text(first)
    expect(page.locator(WARNING)).to_have_count(0)


def percentages(page: Page, api: httpx2.Client) -> list[str]:
    """Probabilities of the drawing on the pad, from the API, as the page writes them."""
    png = page.locator("lw-digit-pad").evaluate(
        "async (one) => Array.from(new Uint8Array(await (await one.toBlob()).arrayBuffer()))"
    )
    media = {"Content-Type": "image/png"}
    answer = api.post("/cnn/predict", content=bytes(png), headers=media).json()
    return [percentage(one) for one in answer["prediction"]["probabilities"]]


def percentage(probability: float) -> str:
    """A probability as `formatPercent` of the page writes it."""
    if 0.9995 < probability < 1:
        return "> 99.9 %"
    return "< 0.1 %" if 0 < probability < 0.0005 else f"{100 * probability:.1f} %"


def test_the_keyboard_draws(page: Page) -> None:
    """Arrows move the pen, Space lowers it; a stroke downwards is a 1. Tab leaves the pad."""
    page.get_by_role("button", name="Clear").click()
    pad(page).focus()
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    for _ in range(18):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")

    expect(page.locator(WINNER)).to_have_text("1")
    page.keyboard.press("Backspace")
    expect(page.locator(WARNING).first).to_be_visible()
    page.keyboard.press("Tab")
    expect(pad(page)).not_to_be_focused()


def test_preprocessing_can_be_switched_off(page: Page) -> None:
    """Without preprocessing the drawing keeps its position."""
    page.get_by_role("button", name="Clear").click()
    # Exact values of one channel follow when the whole stroke has been shown.
    with page.expect_response(lambda answer: "channels=" in answer.url):
        draw(page, pad(page), [(0.1, 0.1), (0.1, 0.4)])
    prepared = seen_by_the_network(page)
    with page.expect_response(lambda answer: "preprocess=none" in answer.url):
        page.locator("#sees").get_by_role("checkbox").click()
    settle(page)

    raw = seen_by_the_network(page)

    assert centre_of(prepared) == pytest.approx((14, 14), abs=1.5)
    assert centre_of(raw) == pytest.approx((0.25 * 28, 0.1 * 28), abs=1.5)


def seen_by_the_network(page: Page) -> np.ndarray:
    """Brightness of the displayed network input, (28, 28)."""
    values = page.locator("#seen canvas").first.evaluate(
        """(canvas) => {
          const copy = new OffscreenCanvas(28, 28).getContext("2d", { willReadFrequently: true });
          copy.drawImage(canvas, 0, 0, 28, 28);
          return Array.from(copy.getImageData(0, 0, 28, 28).data.filter((_, at) => at % 4 === 0));
        }"""
    )
    return np.array(values, float).reshape(28, 28)


def centre_of(picture: np.ndarray) -> tuple[float, float]:
    """Centre of mass: row and column."""
    rows, columns = np.indices(picture.shape)
    total = picture.sum()
    return float((rows * picture).sum() / total), float((columns * picture).sum() / total)


def tiles(page: Page, layer: str) -> Locator:
    """Heat map of a layer's column."""
    return page.locator(f'#network section[aria-label$=": {layer}"] lw-tensor-heatmap')


def test_a_channel_is_selected(page: Page, api: httpx2.Client) -> None:
    """A click selects a channel in the inspector; so do the arrow keys and Enter."""
    picker = page.locator("#inspector .channel-picker input")
    heatmap = tiles(page, "relu2")
    heatmap.scroll_into_view_if_needed()
    box = heatmap.evaluate("(one) => one.boxOf(9).toJSON()")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(picker).to_have_value("9")
    expect(page.locator("#inspector .chip[aria-pressed=true]")).to_have_text("relu2")

    heatmap.get_by_role("listbox").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(picker).to_have_value("11")
    expect(heatmap.get_by_role("option", selected=True)).to_have_count(1)
    truth = ask(api, "/cnn/activations?layers=relu2", api.get("/samples/0.png").content)["relu2"]
    shown = page.locator(".inspector-value data").get_attribute("value")
    assert_computed_alike(shown, truth[11].max())


def test_values_under_the_pointer_equal_the_api(opened: Opener, api: httpx2.Client) -> None:
    """The value of a tile under the pointer equals the API's to the bit."""
    page = opened("#range=layer")
    truth = ask(api, "/cnn/activations", api.get("/samples/0.png").content)
    for layer, channel in [("relu1", 5), ("pool1", 31), ("relu2", 40), ("pool2", 7), ("relu3", 63)]:
        heatmap = tiles(page, layer)
        heatmap.scroll_into_view_if_needed()
        box = heatmap.evaluate("(one, channel) => one.boxOf(channel).toJSON()", channel)
        page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
        tip = heatmap.locator(".tip")
        expect(tip).to_contain_text(f"channel {channel} ")
        said = re.fullmatch(r"channel (\d+) · y (\d+) · x (\d+): (\S+)", tip.inner_text())
        assert said, tip.inner_text()
        at, y, x = (int(said[place]) for place in (1, 2, 3))
        assert_computed_alike(said[4].replace("−", "-"), truth[layer][at, y, x])


def test_a_stale_answer_never_comes_through(page: Page, api: httpx2.Client) -> None:
    """A late response does not replace the response of a newer request."""
    held = hold(page, "**/cnn/activations*")
    samples = page.locator("#samples button.sample")
    samples.nth(3).click()
    expect(samples.nth(3)).to_have_attribute("aria-pressed", "true")
    with page.expect_response(lambda answer: "/cnn/activations" in answer.url):
        samples.nth(6).click()
    wanted = winner_of(
        api, api.get(f"/samples/{samples.nth(6).get_attribute('data-index')}.png").content
    )
    expect(page.locator(WINNER)).to_have_text(wanted)

    assert len(held) == 1
    held[0].continue_()
    settle(page)

    expect(page.locator(WINNER)).to_have_text(wanted)


def test_a_late_sample_replaces_no_newer_one(page: Page, api: httpx2.Client) -> None:
    """A sample of a link, which is loaded late, does not replace one that was chosen after it."""
    held = hold(page, "**/samples?count=200")
    with page.expect_request("**/samples?count=200"):
        Opener.turn(page, "#sample=57")
    chosen = page.locator("#samples button.sample").nth(4)
    chosen.click()
    expect(page.locator(WINNER)).to_have_text("4")

    held[0].continue_()
    settle(page)

    expect(chosen).to_have_attribute("aria-pressed", "true")
    listed = api.get("/samples?count=10").json()["samples"]
    truth = next(one for one in listed if one["label"] == 4)["pixels"]
    assert page.locator("lw-digit-pad").evaluate("(one) => one.base") == truth


def test_a_late_sample_leaves_a_stroke_that_has_begun(page: Page) -> None:
    """The stroke is on the picture that the pad has shown since it began."""
    drawn = page.locator("lw-digit-pad")
    before = drawn.evaluate("(one) => one.base")
    held = hold(page, "**/samples?count=200")
    with page.expect_request("**/samples?count=200"):
        Opener.turn(page, "#sample=57")
    draw_a_seven(page, pad(page), lift=False)
    held[0].continue_()
    settle(page)
    page.mouse.up()

    expect(page).to_have_url(re.compile("strokes="))
    assert "sample=57" not in page.url
    settle(page)
    assert drawn.evaluate("(one) => one.base") == before
    assert drawn.evaluate("(one) => one.strokes")


def test_another_drawing_lifts_the_pen_of_the_keyboard(page: Page) -> None:
    """An arrow key after it moves the cursor, without a line."""
    canvas = pad(page)
    canvas.focus()
    page.keyboard.press("Space")
    page.locator("lw-digit-pad").evaluate("(one) => { one.strokes = ''; }")

    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")

    assert page.locator("lw-digit-pad").evaluate("(one) => one.strokes") == ""


def test_samples_that_are_not_loaded_are_requested_again(opened: Opener) -> None:
    """The refusal is a sentence at the pad; the next choice of such a sample loads it."""
    page = opened()
    opened.watchers[-1].expect("status of 400")
    page.route(
        "**/samples?count=200",
        lambda route: route.fulfill(status=400, json={"detail": "No samples."}),
        times=2,
    )
    refusal = page.locator("#pad .refusal")
    Opener.turn(page, "#sample=57")
    expect(refusal).to_have_text("No samples.")
    page.locator("#samples button.sample").nth(4).click()
    expect(page.locator(WINNER)).to_have_text("4")
    expect(refusal).to_be_hidden()
    more = page.get_by_role("button", name="More: ten other samples")
    more.click()
    expect(refusal).to_have_text("No samples.")

    first = page.locator("#samples button.sample").first
    before = first.get_attribute("data-index")
    more.click()

    expect(first).not_to_have_attribute("data-index", str(before))
    with page.expect_response(lambda answer: "/cnn/activations" in answer.url):
        Opener.turn(page, "#sample=57")
    expect(refusal).to_be_hidden()


def test_a_finger_draws(opened: Opener) -> None:
    """On a phone a finger draws without scrolling the page."""
    page = opened(viewport=PHONE, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Clear").click()
    pad(page).scroll_into_view_if_needed()
    box = pad(page).bounding_box()
    assert box
    places = [
        {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in SEVEN
    ]
    scrolled = page.evaluate("scrollY")
    finger = page.context.new_cdp_session(page)
    for at, place in enumerate(places):
        kind = "touchMove" if at else "touchStart"
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [place]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    expect(page.locator(WINNER)).to_have_text("7")
    assert page.evaluate("scrollY") == scrolled
