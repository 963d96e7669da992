"""Map of the embedding: test images in their places, and the drawn digit that moves among them."""

import base64
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Response, expect

from tests.page.answers import ask, assert_computed_alike, number
from tests.page.browsers import PHONE, keep, settle
from tests.page.conftest import Opener, show
from tests.page.test_drawing import draw_a_seven

MOST_BYTES = 12_000
"""Bytes of the digit's place on the wire, at most, heads included."""

LECTURE = {"width": 1280, "height": 720}


@pytest.fixture
def shown(page: Page) -> Locator:
    """The panel, with the first place of the digit."""
    return with_place(page)


def with_place(page: Page) -> Locator:
    """Show the panel of a page, and wait for the digit's place."""
    found = show(page, "map")
    expect(found.locator(".map-place")).to_contain_text("across")
    settle(page)
    return found


def places(panel: Locator) -> np.ndarray:
    """Positions of the test images on the map, in CSS pixels, in the order of the answer."""
    return np.array(
        panel.locator(".images text").evaluate_all(
            "all => all.map(one => [Number(one.getAttribute('x')), Number(one.getAttribute('y'))])"
        )
    )


def own(panel: Locator) -> list[float]:
    """Coordinates of the digit, as they are written."""
    across, upward = panel.locator(".map-place").inner_text().split(",")
    return [number(across), number(upward)]


def digit(api: httpx2.Client) -> dict[str, Any]:
    """JSON body of the digit in the initial state."""
    return {"image": base64.b64encode(api.get("/samples/0.png").content).decode()}


def test_the_map_equals_the_api(shown: Locator, api: httpx2.Client) -> None:
    """Every image is a digit of its class, in its place; the picture's numbers are exact."""
    truth = ask(api, "/cnn/embedded")
    found = places(shown)

    texts = shown.locator(".images text").all_text_contents()
    assert texts == [str(label) for label in truth["label"]]
    for axis, (name, direction) in enumerate((("across", 1), ("upward", -1))):
        line = np.polyfit(truth[name], found[:, axis], 1)
        assert np.sign(line[0]) == direction
        np.testing.assert_allclose(np.polyval(line, truth[name]), found[:, axis], atol=0.01)
    placed = ask(api, "/cnn/embedding?images=nearest", digit(api))
    exact = [placed[f"{name}.picture"][0] for name in ("across", "upward")]
    assert_computed_alike(own(shown), exact)


def test_the_nearest_images_equal_the_api(shown: Locator, api: httpx2.Client) -> None:
    """Eight of them, with digit, distance and pixels; a sentence counts the digits."""
    answer = api.post("/cnn/embedding?images=nearest", json=digit(api)).json()
    truth = {one["name"]: one for one in answer["tensors"]}
    buttons = shown.locator(".nearest-images button")

    expect(buttons).to_have_count(8)
    numbers = truth["distance"]["coordinates"]["neighbour"]
    for at, name in enumerate(numbers):
        title = buttons.nth(at).get_attribute("title") or ""
        said, distance = title.split(", distance ")
        assert said == f"Test image {name}"
        assert_computed_alike(float(distance), truth["distance"]["data"][at])
        assert buttons.nth(at).locator("strong").inner_text() == str(truth["label"]["data"][at])
    pixels = buttons.first.locator("canvas").evaluate(
        "one => Array.from(one.getContext('2d').getImageData(0, 0, 28, 28).data)"
    )
    assert pixels[::4] == np.ravel(truth["neighbours"]["data"][0]).tolist()
    votes = dict(enumerate(truth["votes"]["data"]))
    for label, count in votes.items():
        said = f"{count} {'is' if count == 1 else 'are'} a {label}"
        assert (said in shown.inner_text()) == bool(count)
    expect(shown.locator(".near circle")).to_have_count(8)


def test_pointer_and_keys_read_and_choose_an_image(
    page: Page, shown: Locator, api: httpx2.Client
) -> None:
    """Exact coordinates and the class are written; a click or Enter loads the picture."""
    truth = ask(api, "/cnn/embedded")
    names = api.get("/cnn/embedded").json()["tensors"][0]["coordinates"]["image"]
    far = int(np.argmax(truth["across"]))
    glyph = shown.locator(".images text").nth(far).bounding_box()
    assert glyph
    page.mouse.move(glyph["x"] + glyph["width"] / 2, glyph["y"] + glyph["height"] / 2)

    reading = shown.locator(".map-pointed")
    expect(reading).to_contain_text(f"Test image {names[far]}, a {truth['label'][far]}:")
    written = [number(one) for one in reading.inner_text().split(":")[1].split(",")]
    exact = [truth[name][far] for name in ("across", "upward")]
    np.testing.assert_array_equal(np.array(written, np.float32), exact)
    picture = ask(api, f"/cnn/embedded?image={names[far]}")["picture"][0]
    canvas = shown.locator(".map-preview canvas")
    expect(canvas).to_have_count(1)
    drawn = canvas.evaluate("e => Array.from(e.getContext('2d').getImageData(0, 0, 28, 28).data)")
    assert drawn[::4] == picture.ravel().tolist()

    map_ = shown.locator(".embedding-map")
    map_.focus()
    map_.press("ArrowLeft")
    expect(reading).not_to_contain_text(f"Test image {names[far]},")
    left = int(re.search(r"Test image (\d+),", reading.inner_text()).group(1))  # type: ignore[union-attr]
    assert truth["across"][names.index(left)] < truth["across"][far]
    map_.press("Enter")

    expect(page).to_have_url(re.compile("pixels="))
    rows = ask(api, f"/cnn/embedded?image={left}")["picture"][0]
    settle(page)
    base = page.locator("#pad lw-digit-pad").evaluate("one => one.base.map((row) => [...row])")
    np.testing.assert_array_equal(base, rows)


def test_the_digit_moves_while_it_is_drawn(opened: Opener, api: httpx2.Client) -> None:
    """A pad beside the map draws; the digit has a trail, and each place is a small answer."""
    page = opened("#digits", viewport=LECTURE)
    panel = with_place(page)
    panel.get_by_role("button", name="Clear").click()
    settle(page)
    before = own(panel)
    answers: list[Response] = []
    page.on("response", lambda one: answers.append(one) if "/cnn/embedd" in one.url else None)
    draw_a_seven(page, panel.locator("lw-digit-pad canvas"))
    settle(page)

    assert answers
    assert not [one.url for one in answers if "/cnn/embedded" in one.url]
    for one in answers:
        query = parse_qs(urlsplit(one.url).query)
        assert query["images"] == ["nearest"]
        assert query["include"] == ["tensors"]
    sizes = [one.request.sizes() for one in answers]
    assert max(one["responseBodySize"] + one["responseHeadersSize"] for one in sizes) <= MOST_BYTES
    assert own(panel) != before
    assert len((panel.locator(".trail").get_attribute("points") or "").split()) > 1
    png = bytes(
        page.locator("#pad lw-digit-pad").evaluate(
            "async (one) => Array.from(new Uint8Array(await (await one.toBlob()).arrayBuffer()))"
        )
    )
    truth = ask(api, "/cnn/embedding?images=nearest", png)
    exact = [truth[f"{name}.picture"][0] for name in ("across", "upward")]
    assert_computed_alike(own(panel), exact)
    expect(page).to_have_url(re.compile("strokes="))
    # Pad and map are in view together.
    panel.locator(".map-shown").evaluate("one => one.scrollIntoView({ block: 'center' })")
    for part in (".embedding-map svg", "lw-digit-pad"):
        box = panel.locator(part).bounding_box()
        assert box
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= LECTURE["height"]
    keep(page, "map", full=False)


def test_axes_and_class_are_in_the_address(opened: Opener, api: httpx2.Client) -> None:
    """Other axes place the images anew; one class alone is shown, and the rest is faint."""
    page = opened("#digits&panel=map&mapAcross=3&mapUpward=2&mapClass=7")
    panel = with_place(page)
    truth = ask(api, "/cnn/embedded?across=3&upward=2")

    found = places(panel)
    line = np.polyfit(truth["across"], found[:, 0], 1)
    np.testing.assert_allclose(np.polyval(line, truth["across"]), found[:, 0], atol=0.01)
    others = int((truth["label"] != 7).sum())
    expect(panel.locator(".images .is-other")).to_have_count(others)
    panel.locator("#choose-mapAcross").select_option("axis 0")
    expect(page).to_have_url(re.compile("mapUpward=2"))
    expect(panel.locator(".ticks")).to_contain_text("axis 0:")
    panel.locator("#choose-mapUpward").select_option("axis 0")
    expect(panel.locator(".ticks")).to_contain_text("axis 1:")
    panel.locator("#choose-mapClass").select_option("all classes")
    expect(panel.locator(".images .is-other")).to_have_count(0)


def test_the_map_is_fetched_once(opened: Opener) -> None:
    """Other pictures ask for the digit's place alone."""
    page = opened()
    with_place(page)
    page.locator("#samples button.sample").nth(3).click()
    settle(page)

    asked = [one for one in opened.watchers[-1].requests if re.search(r"/cnn/embedded\?", one)]
    assert len(asked) == 1, asked


def test_reduced_motion_and_narrow_pages(opened: Opener) -> None:
    """The mark moves at once where motion is reduced; on a phone nothing is wider than the page."""
    page = opened(viewport=PHONE, reduced_motion="reduce", has_touch=True)
    panel = with_place(page)

    style = panel.locator("g.picture").evaluate("one => getComputedStyle(one).transitionDuration")
    assert float(style.removesuffix("s")) == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    keep(page, "map", full=False)
