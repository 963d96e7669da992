"""Search of units: rankings equal NumPy's, a choice opens the unit in place, others are refused."""

import re

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.page.answers import ask
from tests.page.browsers import PHONE, keep
from tests.page.conftest import Opener

FIELDS = {"digits": ("#inspector", "channel"), "sequences": ("#lanes", "unit")}


def finder(page: Page, view: str) -> Locator:
    """Open the finder of a view; return its box."""
    panel, noun = FIELDS[view]
    found = page.locator(f"{panel} .finder")
    found.get_by_text(f"Find a {noun}").click()
    expect(found.locator("input")).to_be_focused()
    return found


def find(box: Locator, question: str) -> None:
    """Type a question, and send it with Enter."""
    box.locator("input").fill(question)
    box.locator("input").press("Enter")


def listed(box: Locator) -> tuple[list[str], list[float]]:
    """Names and numbers of the results."""
    names = box.locator(".found button > .number:first-child").all_inner_texts()
    numbers = box.locator(".found data").evaluate_all("all => all.map((one) => Number(one.value))")
    return names, numbers


def test_channels_that_respond_to_a_digit(opened: Opener, api: httpx2.Client) -> None:
    """The list is that of the class means in NumPy; a choice opens the channel in place."""
    page = opened("#digits")
    box = finder(page, "digits")
    find(box, "responds to 7")
    expect(box.locator(".found li")).to_have_count(10)
    truth = []
    for layer, count in (("relu1", 32), ("relu2", 64), ("relu3", 64), ("relu4", 128)):
        for channel in range(0, count, 9):
            means = ask(api, f"/cnn/unit?layer={layer}&channel={channel}&steps=0")["class_means"]
            rest = np.delete(means, 7).mean(dtype=np.float64)
            if means.any():
                truth.append((float((means[7] - rest) / (means[7] + rest)), f"{layer}.{channel}"))

    names, scores = listed(box)

    assert scores == sorted(scores, reverse=True)
    # Of every ninth unit, asked one by one, those above the last listed one are in the list.
    above = [name for score, name in truth if score > scores[-1]]
    assert above
    assert set(above) <= set(names)
    for score, name in truth:
        if name in names:
            assert np.isclose(scores[names.index(name)], score, atol=1e-6)
    assert names == api.get("/cnn/units?label=7").json()["tensors"][0]["coordinates"]["unit"]
    keep(page, "find-channel", full=False)

    box.locator(".found button").nth(2).click()
    layer, channel = names[2].split(".")
    expect(box.locator(".found button").nth(2)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#inspector .chip[aria-pressed=true]")).to_have_text(layer)
    expect(page.locator("#inspector input[type=number]").first).to_have_value(channel)


def test_one_layer_and_the_picture(opened: Opener, api: httpx2.Client) -> None:
    """A question may name a layer; “this digit” ranks by the maps on display."""
    page = opened("#digits")
    box = finder(page, "digits")
    find(box, "silent in relu2")
    expect(box.locator(".found button").first).to_contain_text("relu2.")
    silent = ask(api, "/cnn/units?by=silence&layers=relu2")["score"]
    assert np.allclose(listed(box)[1], silent, atol=1e-7)

    find(box, "responds to this digit in relu3")
    expect(box.locator(".found button").first).to_contain_text("relu3.")
    maps = ask(api, "/cnn/activations?layers=relu3", api.get("/samples/0.png").content)["relu3"]
    means = maps.astype(np.float64).mean(axis=(1, 2))
    first = np.argsort(-means, kind="stable")[:10]
    names, scores = listed(box)
    assert names == [f"relu3.{channel}" for channel in first]
    np.testing.assert_allclose(scores, means[first], rtol=1e-9)


@pytest.mark.parametrize(
    ("fragment", "view", "question"),
    [
        ("#digits&checkpoint=round-1", "digits", "responds to 7"),
        ("#sequences&sequenceCheckpoint=round-1", "sequences", "follows the count"),
    ],
)
def test_a_ranking_of_other_weights_than_those_on_display(
    opened: Opener, fragment: str, view: str, question: str
) -> None:
    """Recorded statistics are of the trained weights, which is said where others are shown."""
    page = opened(fragment)
    box = finder(page, view)
    note = box.get_by_text("The ranking is one of the trained weights")
    find(box, question)
    expect(note).to_be_visible()
    # The address is written a moment later, and would undo a change of it.
    expect(page).to_have_url(re.compile("find"))

    page.evaluate("location.hash = location.hash.replace(/&(sequenceC|c)heckpoint=[^&]*/, '')")
    expect(note).to_be_hidden()
    if view == "digits":
        expect(page).not_to_have_url(re.compile("checkpoint"))
        page.evaluate("location.hash += '&checkpoint=round-1'")
        expect(note).to_be_visible()
        find(box, "responds to this digit")
        expect(box.locator(".found button").first).to_contain_text("largest value")
        expect(note).to_be_hidden()


def test_units_that_follow_a_quantity(opened: Opener, api: httpx2.Client) -> None:
    """The list is sorted by R², as NumPy sorts that of the API."""
    page = opened("#sequences&unit=5")
    box = finder(page, "sequences")
    answer = api.get("/lstm/summary?sequence=1").json()
    (r2,) = (one for one in answer["tensors"] if one["name"] == "r2")
    for question, follows in (
        ("last bit", "bit"),
        ("counter", "difference"),
        ("clock", "steps"),
        ("follows the count", "difference"),
    ):
        row = r2["coordinates"]["follows"].index(f"cell · {follows}")
        values = np.array(r2["data"])[row]
        order = np.argsort(-values, kind="stable")
        find(box, question)
        said = f"8 units found; unit {order[0]} is the first."
        expect(page.locator("#live")).to_have_text(said)
        expect(box.locator(".found .number:first-child")).to_have_text(
            [f"unit {unit}" for unit in order]
        )

        np.testing.assert_allclose(listed(box)[1], values[order], rtol=1e-6)
        box.locator(".found button").first.click()
        pressed = page.locator("#lanes .units-bar [aria-pressed=true]")
        expect(pressed).to_contain_text(f"{order[0]} ")
    keep(page, "find-unit", full=False)


def test_memory_and_gates(opened: Opener, api: httpx2.Client) -> None:
    """Time constants and saturated gates are those of the API, in their order."""
    page = opened("#sequences")
    box = finder(page, "sequences")
    answer = api.get("/lstm/summary?sequence=1").json()
    tensors = {one["name"]: one for one in answer["tensors"]}
    constants = np.array(tensors["time_constant"]["data"], float)  # null is infinite
    constants[np.isnan(constants)] = np.inf

    find(box, "forgets soonest")
    expect(box.locator(".found button").first).to_contain_text(f"unit {constants.argmin()}")
    find(box, "output gate mostly closed")
    saturation = tensors["saturation"]
    row = saturation["coordinates"]["gate"].index("output_gate < 0.1")
    shares = np.array(saturation["data"])[row]
    expect(box.locator(".found button").first).to_contain_text(f"unit {shares.argmax()}")
    np.testing.assert_allclose(listed(box)[1], np.sort(shares)[::-1], rtol=1e-6)


def test_a_question_that_is_none(opened: Opener) -> None:
    """The page says which questions are, and one of them can be chosen."""
    page = opened("#digits")
    box = finder(page, "digits")

    find(box, "sings in the rain")

    expect(box.locator("[role=status]")).to_contain_text("“sings in the rain” is not understood.")
    expect(page.locator("#live")).to_contain_text("is not understood")
    examples = box.locator(".found .example button")
    assert 4 <= examples.count() <= 8
    name = examples.first.inner_text()
    examples.first.click()
    expect(box.locator("input")).to_have_value(name)
    expect(box.locator(".found li:not(.example)")).to_have_count(10)


def test_a_question_is_in_the_address(opened: Opener) -> None:
    """A link opens the finder with its answers; closing it clears the address."""
    page = opened("#digits&find=responds+to+3&layer=relu2&channel=1")
    box = page.locator("#inspector .finder")
    expect(box.locator(".found li")).to_have_count(10)
    expect(box.locator("input")).to_have_value("responds to 3")

    box.locator("input").press("Escape")
    expect(box.locator("input")).to_be_hidden()
    expect(page).not_to_have_url(re.compile("find="))


@pytest.mark.parametrize("view", ["digits", "sequences"])
def test_the_list_fits_a_phone(opened: Opener, view: str) -> None:
    """Nothing of the box is beyond the window."""
    page = opened(f"#{view}", viewport=PHONE)
    box = finder(page, view)
    find(box, "responds to 7" if view == "digits" else "follows the count")
    expect(box.locator(".found li").first).to_be_visible()
    keep(page, f"find-{view}", full=False)

    edges = box.locator(".menu").bounding_box()

    assert edges
    assert edges["x"] >= 0
    assert edges["x"] + edges["width"] <= PHONE["width"]
