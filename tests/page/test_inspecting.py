"""Inspector, arithmetic and filters: the page's numbers equal the API's."""

import math
import re
from itertools import pairwise

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.page.answers import (
    altered,
    ask,
    assert_computed_alike,
    colour_tables,
    coloured,
    number,
)
from tests.page.browsers import pixels, settle
from tests.page.conftest import Opener, show

MAP = ".inspector-map .pixel-map"
VALUE = ".inspector-value data"
SIDES = {"conv1": 28, "relu1": 28, "pool1": 14, "relu2": 14, "pool2": 7, "conv3": 7, "relu3": 7}


@pytest.fixture(scope="module")
def digit(api: httpx2.Client) -> bytes:
    """PNG of the digit in the initial state."""
    return api.get("/samples/0.png").content


def point_at(page: Page, y: int, x: int, side: int) -> tuple[float, float]:
    """Move the pointer to a value of a map of `side` values; return its client position."""
    page.locator(MAP).scroll_into_view_if_needed()
    box = page.locator(MAP).bounding_box()
    assert box
    place = box["x"] + (x + 0.5) * box["width"] / side, box["y"] + (y + 0.5) * box["height"] / side
    page.mouse.move(*place)
    return place


def value_of(place: Locator) -> float:
    """Value of a <data> element, with every digit."""
    written = place.get_attribute("value")
    assert written is not None
    return float(written)


def colour_at(page: Page, y: int, x: int, side: int) -> np.ndarray:
    """Colour of a value of the map."""
    page.mouse.move(0, 0)
    seen = pixels(page.locator(f"{MAP} canvas:not(.pixel-map-under)"))
    height, width, _ = seen.shape
    return seen[int((y + 0.5) * height / side), int((x + 0.5) * width / side)]


# Receptive fields, computed by hand: top, left, bottom and right. A convolution adds one value on
# each side, a pooling doubles the side.
FIELDS = {
    ("relu1", 14, 0): (13, 0, 15, 1),
    ("pool1", 5, 6): (9, 11, 12, 14),
    ("relu2", 3, 4): (3, 5, 10, 12),
    ("conv3", 6, 3): (17, 5, 27, 22),
}


def test_a_value_and_its_receptive_field(opened: Opener, api: httpx2.Client, digit: bytes) -> None:
    """The value under the pointer equals the API's to the bit; its receptive field is right."""
    truth = ask(api, "/cnn/activations?layers=all", digit)
    page = opened("#before=true")
    for (layer, y, x), (top, left, bottom, right) in FIELDS.items():
        channel = int(truth[layer].max((1, 2)).argmax())
        opened.turn(page, f"#before=true&layer={layer}&channel={channel}")
        label = re.compile(f"Map of {layer}, channel {channel}:")
        expect(page.locator(MAP)).to_have_attribute("aria-label", label)
        point_at(page, y, x, SIDES[layer])
        expect(page.locator(".inspector-value")).to_contain_text(f"row {y}, column {x}")

        assert_computed_alike(value_of(page.locator(VALUE)), truth[layer][channel, y, x])
        assert number(page.locator(VALUE).inner_text()) == value_of(page.locator(VALUE))
        box = page.locator(".inspector-input rect.field")
        sides = [float(box.get_attribute(name) or "") for name in ("y", "x", "height", "width")]
        assert sides == [top, left, bottom - top + 1, right - left + 1], layer


def test_the_keyboard_points_too(page: Page, api: httpx2.Client, digit: bytes) -> None:
    """Arrow keys move from value to value, announce each, and Enter pins it."""
    point_at(page, 10, 10, 28)
    page.mouse.move(0, 0)
    page.locator(MAP).focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)

    expect(page.locator(".inspector-value")).to_contain_text("row 11, column 12")
    channel = int(page.locator("#inspector .channel-picker input").input_value())
    truth = ask(api, "/cnn/activations?layers=relu1", digit)["relu1"][channel, 11, 12]
    assert_computed_alike(value_of(page.locator(VALUE)), truth)
    expect(page.locator("#live")).to_contain_text("row 11, column 12")
    page.keyboard.press("Enter")
    expect(page.locator(f"{MAP} rect.pinned")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"y=11&x=12"))


def test_the_arithmetic_adds_up(opened: Opener, api: httpx2.Client, digit: bytes) -> None:
    """Terms, bias, sum, rounding error and the value of the map are consistent."""
    page = opened("#before=true")
    panel = page.locator("#arithmetic")
    truth = ask(api, "/cnn/activations?layers=all", digit)
    for layer in ("conv1", "relu1", "relu2", "pool2", "relu3"):
        y, x, channel = SIDES[layer] // 2, SIDES[layer] // 3, 3
        opened.turn(page, f"#before=true&layer={layer}&channel={channel}&y={y}&x={x}")
        panel.scroll_into_view_if_needed()
        expect(panel).to_contain_text(f"{layer}, channel {channel}, row {y}, column {x}")
        total = the_sum(panel)

        if SIDES[layer] < 28:
            everything = panel.get_by_role("button", name="show all")
            if everything.count():
                everything.click()
            parts = [value_of(one) for one in panel.locator(".contributions li data").all()]
            assert len(parts) == (64 if layer == "relu3" else 32)
            bias = float(np.float32(value_of(panel.locator(".arithmetic-sum .bias data"))))
            assert math.isclose(math.fsum([*parts, bias]), total, rel_tol=1e-12, abs_tol=1e-12)

        steps = [value_of(one) for one in panel.locator(".arithmetic-steps data").all()]
        assert_computed_alike(steps[-1], truth[layer][channel, y, x])
        # A rounding error of 0 has no number.
        lost, before = steps[:2] if len(steps) > (layer != "conv1") + 1 else (0.0, steps[0])
        assert total + lost == np.float32(before), layer


def the_sum(panel: Locator) -> float:
    """Check that the terms add up, exactly and as displayed; return the sum."""
    terms = panel.locator(".arithmetic-sum .term")
    exact = [value_of(one) for one in terms.locator("data").all()]
    exact[-2] = float(np.float32(exact[-2]))  # a bias is float32, its products are not
    signed = "(all) => all.map((one) => one.firstChild.textContent + one.children[0].textContent)"
    shown = terms.evaluate_all(signed)
    units = [round(number(one.replace(" ", "")) * 1e4) for one in shown]
    assert sum(units[:-1]) == units[-1], shown
    assert math.isclose(math.fsum(exact[:-1]), exact[-1], rel_tol=1e-12, abs_tol=1e-12)
    return exact[-1]


def test_colours_are_those_of_the_api(opened: Opener, api: httpx2.Client, digit: bytes) -> None:
    """For every palette and range, the map has the colours of the API's colour map and range."""
    tables = colour_tables(api)
    truth = ask(api, "/cnn/activations?layers=relu2", digit)["relu2"]
    # A channel that is silent on this digit has no colour but that of 0.
    strongest = truth.max((1, 2))
    channel = int(np.where(strongest > strongest.max() / 20, strongest, np.inf).argmin())
    y, x = (int(at) for at in np.argwhere(truth[channel] > 0.4 * truth[channel].max())[0])
    page = opened(f"#layer=relu2&channel={channel}")
    seen = set()
    for palette, extent in [
        ("viridis", "layer"),
        ("viridis", "channel"),
        ("cividis", "channel"),
        ("gray", "fixed"),
    ]:
        page.locator("#palette").select_option(palette)
        page.locator("#range").select_option(extent)
        document = api.post(
            f"/cnn/activations?layers=relu2&range={extent}&cmap={palette}",
            content=digit,
            headers={"Content-Type": "image/png"},
        ).json()
        (colour,) = (one["colour"] for one in document["tensors"] if one["name"] == "relu2")
        assert colour["map"] == palette
        low, high = (np.broadcast_to(colour[end], 64)[channel] for end in ("vmin", "vmax"))
        wanted = coloured(tables[palette], truth[channel, y, x], low, high)
        page.wait_for_function(
            """([selector, y, x, wanted]) => {
              const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
              copy.drawImage(document.querySelector(selector), -x, -y);
              const { data } = copy.getImageData(0, 0, 1, 1);
              return wanted.every((value, at) => data[at] === value);
            }""",
            arg=[f"{MAP} canvas:not(.pixel-map-under)", y, x, wanted.tolist()],
        )
        assert np.abs(colour_at(page, y, x, 14) - wanted).max() <= 1
        seen.add(tuple(wanted))
    assert len(seen) == 4


def test_a_changed_value_changes_one_pixel(opened: Opener) -> None:
    """A changed value of the answer changes the colour of its pixel alone."""
    page = opened("#layer=relu1&channel=3&y=9&x=9")
    before = [colour_at(page, 9, at, 28) for at in (9, 10)]

    def brighten(tensor: np.ndarray) -> None:
        tensor[3, 9, 9] = np.float32(1.25)

    def alter(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=altered(answer.body(), "relu1", brighten))

    page.route("**/cnn/activations*", alter)
    page.reload()
    opened.wait_until_alive(page)

    expect(page.locator(VALUE)).to_have_attribute("value", "1.25")
    after = [colour_at(page, 9, at, 28) for at in (9, 10)]
    assert np.abs(after[0] - before[0]).max() > 20
    assert (after[1] == before[1]).all()


def test_filters_are_sorted(opened: Opener, api: httpx2.Client) -> None:
    """Filters are sorted by norm or by number; a click selects the channel."""
    page = opened()
    panel = show(page, "filters")
    cards = panel.locator(".filter")
    for layer, count in (("conv1", 32), ("conv2", 64)):
        kernel = ask(api, f"/cnn/filters?layers={layer}&order=index")[f"{layer}.kernel"]
        norms = np.sqrt((kernel.astype(np.float64) ** 2).sum((1, 2, 3)))
        panel.get_by_role("button", name=layer).click()
        panel.get_by_role("button", name="strongest first").click()
        expect(cards).to_have_count(count)
        expect(cards.first).to_have_attribute("data-channel", str(norms.argmax()))
        shown = numbers_of(cards)
        assert sorted(shown) == list(range(count))
        assert all(norms[one] >= norms[other] for one, other in pairwise(shown))

        panel.get_by_role("button", name="by number").click()
        expect(cards.first).to_have_attribute("data-channel", "0")
        assert numbers_of(cards) == list(range(count))
        cards.nth(17).click()
        expect(cards.nth(17)).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".channel-picker input")).to_have_value("17")
        pressed = page.locator("#inspector .channel-picker .chip[aria-pressed=true]")
        expect(pressed).to_have_text(f"relu{layer[-1]}")


def numbers_of(cards: Locator) -> list[int]:
    """Displayed channels, in order."""
    return [
        int(one) for one in cards.evaluate_all("(all) => all.map((one) => one.dataset.channel)")
    ]


def test_kernels_of_groups_name_the_channels_that_they_read(visited: Opener) -> None:
    """Channel 5 of a convolution in two groups reads channels 2 and 3, whose kernels lead there."""
    page = visited("#sparse&layer=sparse&channel=5")
    detail = show(page, "filters").locator(".filter-detail canvas")
    page.locator("#filters .chip", has_text="sparse").click()
    expect(page.locator("#filters-body > p")).to_contain_text("one for each of 2 of the 4 channels")
    page.locator("#filters .chip", has_text="by number").click()
    first = {"x": 4, "y": 4}
    detail.hover(position=first)
    expect(page.locator("#filters .filter-detail")).to_contain_text("from mean 2, (0, 0)")

    kernels = page.locator("#inspector .inspector-kernel")
    expect(kernels).to_contain_text("for each of the channels 2 to 3 of mean")
    kernels.locator("canvas").first.hover(position=first)
    expect(kernels).to_contain_text("from mean 2, (0, 0)")
    kernels.locator("canvas").first.click(position=first)

    expect(page).to_have_url(re.compile("layer=mean&channel=2"))
    expect(page.locator(".channel-picker input")).to_have_value("2")


def test_filters_load_when_they_are_near(opened: Opener) -> None:
    """The request of the filters is sent when their tab is chosen."""
    page = opened(visit=False)
    page.goto(opened.url)
    opened.wait_until_alive(page)
    settle(page)
    assert not [one for one in opened.watchers[-1].requests if "order=norm" in one]

    with page.expect_response(lambda answer: "order=norm" in answer.url) as answered:
        show(page, "filters")

    assert answered.value.ok
