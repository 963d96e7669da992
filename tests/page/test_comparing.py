"""Comparison of images: both sides and the difference equal the API's values, of every way."""

import io
import json
import re

import httpx2
import numpy as np
from playwright.sync_api import Locator, Page, Route, expect

from tests.page.answers import (
    Arrays,
    ask,
    assert_computed_alike,
    colour_tables,
    coloured,
    difference,
)
from tests.page.browsers import keep, pixels, settle
from tests.page.conftest import Opener, show
from tests.page.test_training import POINTS

LAYER, CHANNEL, SIDE = "relu2", 7, 14
FRAGMENT = f"#compare=true&otherSample=3&layer={LAYER}&channel={CHANNEL}"
CHOSEN = f"#digits&panel=compare&layer={LAYER}&channel={CHANNEL}"


def sample(api: httpx2.Client, index: int) -> bytes:
    """PNG of a test sample."""
    return api.get(f"/samples/{index}.png").content


def truths(api: httpx2.Client) -> Arrays:
    """Compared maps by side: A, B and B − A."""
    maps = [ask(api, f"/cnn/activations?layers={LAYER}", sample(api, at))[LAYER] for at in (0, 3)]
    first, second = (one[CHANNEL].astype(np.float64) for one in maps)
    return {"A": first, "B": second, "B − A": second - first}


def shown(page: Page, y: int, x: int) -> dict[str, float]:
    """Values of all three maps at the value under the pointer."""
    figures = page.locator(".compare-maps figure")
    expect(figures).to_have_count(3)
    figures.nth(2).scroll_into_view_if_needed()
    box = figures.nth(2).locator(".pixel-map").bounding_box()
    assert box
    page.mouse.move(
        box["x"] + (x + 0.5) * box["width"] / SIDE, box["y"] + (y + 0.5) * box["height"] / SIDE
    )
    expect(figures.nth(0).locator(".compare-value")).to_contain_text(f"({y}, {x})")
    return {name: exact(figures.nth(at)) for at, name in enumerate(("A", "B", "B − A"))}


def exact(figure: Locator) -> float:
    """Value of a figure with every digit."""
    return float(figure.locator("data").get_attribute("value") or "")


def test_difference_equals_the_api(opened: Opener, api: httpx2.Client) -> None:
    """A, B and B − A equal the API's values to the bit, and have their colours."""
    page = opened(FRAGMENT)
    panel = show(page, "compare")
    expect(panel.locator(".compare-side h3")).to_have_count(2)
    truth = truths(api)
    # A position where both values are positive, so that leaving either out changes the difference.
    y, x = (
        int(at)
        for at in np.unravel_index(np.minimum(truth["A"], truth["B"]).argmax(), (SIDE, SIDE))
    )
    assert truth["A"][y, x] > 0

    told = shown(page, y, x)

    assert_computed_alike([told[name] for name in "AB"], [truth[name][y, x] for name in "AB"])
    assert told["B − A"] == difference(told)
    page.mouse.move(0, 0)
    most = np.abs(truth["B − A"]).max()
    seen = pixels(panel.locator(".compare-maps figure").nth(2).locator(".pixel-map canvas").last)
    for row, column in [(y, x), (2, 2), (11, 6), (7, 9)]:
        wanted = coloured(colour_tables(api)["RdBu"], truth["B − A"][row, column], -most, most)
        down, across = (int((at + 0.5) * len(seen) / SIDE) for at in (row, column))
        assert np.abs(seen[down, across] - wanted).max() <= 1, (row, column)
    keep(page, "compare")


def test_the_channels_that_differ_most(opened: Opener, api: httpx2.Client) -> None:
    """A layer's strip begins with the channel whose mean absolute difference is largest."""
    first, second = (
        ask(api, f"/cnn/activations?layers={LAYER}", sample(api, at))[LAYER] for at in (0, 3)
    )
    apart = np.abs(second.astype(np.float64) - first).mean((1, 2))
    page = opened(FRAGMENT)
    show(page, "compare")

    button = page.locator(f'.differing button[data-at^="{LAYER}."]').first

    expect(button).to_have_attribute("data-at", f"{LAYER}.{apart.argmax()}")
    assert np.isclose(exact(button), apart.max(), rtol=1e-12)
    button.click()
    expect(page.locator(".compare-shown h3", has_text=f"channel {apart.argmax()}")).to_be_visible()


def test_swapped_and_held(opened: Opener, api: httpx2.Client) -> None:
    """Swapping turns the signs round; a digit beside itself differs nowhere."""
    page = opened(FRAGMENT)
    panel = show(page, "compare")
    names = [
        api.get(f"/samples/{at}.png") and panel.locator(".compare-side h3").nth(at) for at in (0, 1)
    ]
    before, told = [one.inner_text() for one in names], shown(page, 7, 9)

    panel.get_by_role("button", name="Swap").click()
    expect(names[0]).to_have_text(before[1].replace("B:", "A:"))
    swapped = shown(page, 7, 9)
    panel.get_by_role("button", name="Hold").click()
    expect(names[1]).to_have_text(before[1])
    page.wait_for_function(
        "() => document.querySelectorAll('.compare-value')[2].textContent === '−1 to 1'"
    )

    assert swapped == {"A": told["B"], "B": told["A"], "B − A": -told["B − A"]}
    assert shown(page, 7, 9)["B − A"] == 0


def test_the_difference_is_saved(opened: Opener, api: httpx2.Client) -> None:
    """CSV and JSON of the difference hold the values of the map."""
    page = opened(FRAGMENT)
    panel = show(page, "compare")
    expect(panel.locator(".compare-maps figure")).to_have_count(3)
    saved = {}
    for form in ("CSV", "JSON"):
        panel.locator("summary", has_text="Save").click()
        with page.expect_download() as download:
            panel.get_by_role("button", name=form, exact=True).click()
        saved[form] = download.value.path().read_text(encoding="utf-8")

    truth = truths(api)["B − A"]
    rows = [line.split(",") for line in saved["CSV"].splitlines()]
    assert rows[0] == ["y", "x", "value"]
    document = json.loads(saved["JSON"])
    assert_computed_alike(document["data"], truth)
    assert [float(value) for *_, value in rows[1:]] == np.ravel(document["data"]).tolist()
    assert document["colour"]["vmax"] == np.abs(document["data"]).max()


def test_arrays_of_both_sides_are_saved(opened: Opener, api: httpx2.Client) -> None:
    """NumPy reads A, B and their difference from the NPZ file."""
    page = opened(FRAGMENT)
    panel = show(page, "compare")
    expect(panel.locator(".compare-maps figure")).to_have_count(3)

    panel.locator("summary", has_text="Save").click()
    with page.expect_download() as download:
        panel.get_by_role("button", name="NPZ", exact=True).click()

    truth = truths(api)
    with np.load(io.BytesIO(download.value.path().read_bytes()), allow_pickle=False) as arrays:
        assert sorted(arrays.files) == ["A", "B", "difference"]
        assert arrays["A"].dtype == np.float32
        assert_computed_alike(arrays["A"], truth["A"])
        assert_computed_alike(arrays["B"], truth["B"])
        a, b = (arrays[name].astype(np.float64) for name in "AB")
        np.testing.assert_array_equal(arrays["difference"], b - a)


def test_answers_and_their_differences(opened: Opener, api: httpx2.Client) -> None:
    """The table has the probability of each class on both sides, and B − A."""
    page = opened(FRAGMENT)
    panel = show(page, "compare")
    rows = panel.locator(".answer-table tbody tr")
    expect(rows).to_have_count(10)
    header = {"Content-Type": "image/png"}
    first, second = (
        api.post("/cnn/predict", content=sample(api, at), headers=header).json()["prediction"]
        for at in (0, 3)
    )

    for name in range(10):
        told = [float(one) for one in values(rows.nth(name))]
        a, b = first["probabilities"][name], second["probabilities"][name]
        np.testing.assert_allclose(told, [a, b, b - a], rtol=1e-6, atol=1e-9)


def values(row: Locator) -> list[str]:
    """Exact numbers of a row."""
    found = row.locator("data").evaluate_all("all => all.map((one) => one.value)")
    return [str(one) for one in found]


def test_two_channels(opened: Opener, api: httpx2.Client) -> None:
    """Another channel of the same layer: its map, the difference, and how alike they are."""
    page = opened(f"{CHOSEN}&compareBy=channel&otherChannel=9")
    panel = show(page, "compare")
    layer = ask(api, f"/cnn/activations?layers={LAYER}", sample(api, 0))[LAYER].astype(np.float64)
    first, second = layer[CHANNEL], layer[9]
    y, x = np.unravel_index(second.argmax(), second.shape)

    told = shown(page, int(y), int(x))

    assert_computed_alike(told["B"], second[y, x])
    assert told["B − A"] == difference(told)
    mean, correlation = (float(one) for one in values(panel.locator(".compare-facts")))
    assert np.isclose(mean, np.abs(second - first).mean(), rtol=1e-12)
    assert np.isclose(correlation, np.corrcoef(first.ravel(), second.ravel())[0, 1], rtol=1e-9)
    expect(panel.locator(".compare-results > div > h3").first).to_have_text(
        f"A: {LAYER}, channel {CHANNEL}. B: {LAYER}, channel 9"
    )
    keep(page, "compare-channels")

    panel.get_by_label("B: layer").select_option("relu1")
    expect(panel.locator(".compare-facts")).to_contain_text("no difference value by value")
    expect(panel.locator(".compare-maps figure:visible")).to_have_count(2)
    panel.locator("summary", has_text="Save").click()
    expect(panel.get_by_text("There is no difference to save.")).to_be_visible()


def test_two_units_of_a_dense_layer(opened: Opener, api: httpx2.Client) -> None:
    """Single values are written with their difference."""
    page = opened("#digits&panel=compare&compareBy=channel&layer=relu4&channel=3&otherChannel=5")
    panel = show(page, "compare")
    layer = ask(api, "/cnn/activations?layers=relu4", sample(api, 0))["relu4"].astype(np.float64)
    facts = panel.locator(".compare-facts")
    expect(facts).to_contain_text("B − A is")

    told = [float(one) for one in values(facts)]

    assert_computed_alike(told, [layer[3], layer[5], layer[5] - layer[3]])


def test_two_checkpoints(opened: Opener, api: httpx2.Client) -> None:
    """The same channel with the weights of another checkpoint, named as the slider names them."""
    page = opened(f"{CHOSEN}&compareBy=checkpoint&otherCheckpoint=round-1")
    panel = show(page, "compare")
    trained, early = (
        ask(api, f"/cnn/activations?layers={LAYER}{chosen}", sample(api, 0))[LAYER][CHANNEL]
        for chosen in ("", "&checkpoint=round-1")
    )
    expect(panel.locator(".compare-side").nth(1)).to_contain_text("after round 1 of 90")
    names = [text.split(" · ")[0] for text in POINTS.values()]
    expect(panel.get_by_label("B: weights").locator("option")).to_have_text(names)

    told = shown(page, 6, 7)

    assert_computed_alike([told[name] for name in "AB"], [trained[6, 7], early[6, 7]])
    assert told["B − A"] == difference(told)
    keep(page, "compare-checkpoints")


def test_a_way_chosen_while_pictures_load_stays(opened: Opener) -> None:
    """Pictures to choose from that come late do not bring the way of before back."""
    page = opened()
    held: list[Route] = []
    page.route("**/samples?*", lambda route: held.append(route))  # noqa: PLW0108 - a bound method of a list fails
    panel = show(page, "compare")

    panel.get_by_role("button", name="Another checkpoint").click()
    panel.get_by_label("B: weights").select_option("round-4")
    side = panel.locator(".compare-side").nth(1)
    expect(side).to_contain_text("after round 4 of 90")
    assert held
    for route in held:
        route.continue_()

    settle(page)
    expect(side).to_contain_text("after round 4 of 90")


def test_a_comparison_is_in_the_address(opened: Opener) -> None:
    """Chips and selects change the address, and a reload shows the same comparison."""
    page = opened(CHOSEN)
    panel = show(page, "compare")
    panel.get_by_role("button", name="Another checkpoint").click()
    panel.get_by_label("B: weights").select_option("round-4")
    side = panel.locator(".compare-side").nth(1)
    expect(side).to_contain_text("after round 4 of 90")
    expect(page).to_have_url(re.compile("compareBy=checkpoint&.*otherCheckpoint=round-4"))
    before = side.inner_text()

    page.reload()
    opened.wait_until_alive(page)

    show(page, "compare")
    expect(panel.get_by_label("B: weights")).to_have_value("round-4")
    expect(side).to_have_text(before, use_inner_text=True)
    panel.get_by_role("button", name="Another channel").click()
    expect(side).to_be_hidden()
    expect(page).to_have_url(re.compile("compareBy=channel"))
