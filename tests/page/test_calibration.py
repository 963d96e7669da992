"""Calibrated probabilities next to the softmax, and the meaning of a probability in a sentence."""

from typing import Any

import httpx2
from playwright.sync_api import Page, expect

from tests.page.browsers import PHONE, keep
from tests.page.conftest import Opener
from tests.page.test_drawing import WARNING, WINNER, draw_a_seven, pad, percentage

CALIBRATED = "#digit-bars li .bar-calibrated"
HEADING = "#digit-bars .bar-heading span"


def drawn_prediction(page: Page, api: httpx2.Client) -> dict[str, Any]:
    """Prediction of the drawing on the pad, from the API."""
    png = page.locator("lw-digit-pad").evaluate(
        "async (one) => Array.from(new Uint8Array(await (await one.toBlob()).arrayBuffer()))"
    )
    media = {"Content-Type": "image/png"}
    return dict(api.post("/cnn/predict", content=bytes(png), headers=media).json()["prediction"])


def test_calibrated_probabilities_are_beside_the_softmax(page: Page, api: httpx2.Client) -> None:
    """Both columns have the values of the API, a heading each, and the server's sentence below."""
    page.get_by_role("button", name="Clear").first.click()
    draw_a_seven(page, pad(page))
    expect(page.locator(WINNER)).to_have_text("7")
    expected = drawn_prediction(page, api)

    expect(page.locator("#digit-bars .bar-value")).to_have_text(
        [percentage(one) for one in expected["probabilities"]]
    )
    expect(page.locator(CALIBRATED)).to_have_text(
        [percentage(one) for one in expected["calibrated"]]
    )
    expect(page.locator(HEADING)).to_have_text(["softmax", "calibrated"])
    expect(page.locator("#reliability")).to_have_text(expected["reliability"]["sentence"])
    page.get_by_text("What these numbers mean").click()
    expect(page.locator(".calibrated-words")).to_be_visible()
    temperature = api.get("/models/cnn").json()["training"]["calibration"]["temperature"]
    title = page.locator(HEADING).last.get_attribute("title") or ""
    assert f"logits / {temperature}" in title
    winner = page.locator("#digit-bars li.winner")
    assert f"calibrated {percentage(max(expected['calibrated']))}" in (
        winner.get_attribute("aria-label") or ""
    )
    keep(page, "calibrated-1440")


def test_an_image_with_a_warning_is_not_called_calibrated(page: Page) -> None:
    """A blank pad has no calibrated column, and the page says that nothing was measured."""
    page.get_by_role("button", name="Clear").first.click()

    expect(page.locator(WARNING).first).to_be_visible()
    expect(page.locator("#reliability")).to_contain_text("was not measured")
    expect(page.locator(CALIBRATED).first).to_be_hidden()
    expect(page.locator("#digit-bars .bar-heading")).to_be_hidden()
    expect(page.locator(".calibrated-words")).to_be_hidden()


def test_other_bars_have_no_calibrated_column(opened: Opener) -> None:
    """The bars of the sequence have no second column: no temperature is fitted for the LSTM."""
    page = opened("#sequences")
    expect(page.locator("#sequence-bars .bar-value").first).to_be_visible()
    expect(page.locator("#sequence-bars .bar-heading")).to_be_hidden()
    expect(page.locator("#sequence-bars .bar-calibrated").first).to_be_hidden()


def test_the_bars_fit_a_phone(opened: Opener) -> None:
    """On a narrow screen the bars are beside the pad, without the calibrated column."""
    page = opened(viewport=PHONE)
    panel = page.locator("#answer").bounding_box()
    winner = page.locator("#digit-bars li.winner")
    track, value = (winner.locator(f".bar-{one}").bounding_box() for one in ("track", "value"))
    pad_box = pad(page).bounding_box()
    assert panel
    assert track
    assert value
    assert pad_box
    assert track["width"] > 25
    assert track["x"] + track["width"] <= value["x"]
    assert value["x"] + value["width"] <= panel["x"] + panel["width"]
    assert panel["x"] >= pad_box["x"] + pad_box["width"]
    assert panel["y"] < pad_box["y"] + pad_box["height"]
    assert "calibrated" in (winner.get_attribute("aria-label") or "")
    keep(page, "calibrated-phone")


def test_the_sdk_has_calibrated_probabilities(page: Page, api: httpx2.Client) -> None:
    """The client of the SDK returns both fields of an image, and neither of a sequence."""
    pixels = api.get("/samples?count=1").json()["samples"][0]["pixels"]
    expected = api.post("/cnn/predict", json={"pixels": pixels}).json()["prediction"]
    read = """async (pixels) => {
      const { Lightwell } = await import("/sdk/lightwell.js");
      const lightwell = new Lightwell();
      const [image, bits] = await Promise.all([lightwell.predict(pixels), lightwell.gates("101")]);
      return [image.prediction, bits.prediction];
    }"""

    image, bits = page.evaluate(read, pixels)

    assert image == expected
    assert bits.keys() == {"label", "name", "probabilities", "logits"}
