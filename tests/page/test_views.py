"""Views of the page: an address each, history, links to networks, tabs, and the first screen."""

import re

import httpx2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.page.answers import ask
from tests.page.browsers import PHONE, hold, keep, settle
from tests.page.conftest import Opener, show
from tests.page.test_drawing import tiles

LECTURE = {"width": 1280, "height": 720}
MOST_SCREENS = 8


def link(page: Page, name: str) -> None:
    """Follow a link of the page's header."""
    page.locator(".top nav").get_by_role("link", name=name).click()


def views(page: Page) -> list[str]:
    """Visible views."""
    return list(page.locator("main > section:visible").evaluate_all("all => all.map(e => e.id)"))


@pytest.mark.parametrize("view", ["digits", "sequences", "findings"])
def test_each_view_has_an_address(opened: Opener, view: str) -> None:
    """The address shows one view alone, also after a reload, and marks its link."""
    page = opened(f"#{view}")
    assert views(page) == [view]
    page.reload()
    opened.wait_until_alive(page)

    assert views(page) == [view]
    current = page.locator(".top nav [aria-current=page]")
    expect(current).to_have_text(view.capitalize())
    assert page.title().startswith(view.capitalize())


def test_back_and_forward_keep_everything(opened: Opener) -> None:
    """View and step come back; theme, palette and the input stay as they were set last."""
    page = opened("#digits&layer=relu2&channel=11")
    page.locator("#samples button.sample").nth(7).click()
    link(page, "Sequences")
    opened.wait_until_alive(page)
    page.locator("#lanes [role=slider]").first.press("ArrowLeft")
    page.locator("#theme").select_option("dark")
    page.locator("#palette").select_option("cividis")
    expect(page).to_have_url(re.compile("#sequences&.*step=15.*theme=dark"))

    page.go_back()
    expect(page).to_have_url(re.compile("#digits&.*theme=dark"))
    assert views(page) == ["digits"]
    expect(page.locator("#theme")).to_have_value("dark")
    expect(page.locator("#palette")).to_have_value("cividis")
    expect(page.locator("#samples button.sample").nth(7)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#inspector .channel-picker input")).to_have_value("11")
    page.go_forward()

    assert views(page) == ["sequences"]
    expect(page.locator("#lanes [role=slider]").first).to_have_attribute("aria-valuenow", "15")
    expect(page.locator("#theme")).to_have_value("dark")
    page.reload()
    opened.wait_until_alive(page)
    expect(page.locator("#lanes [role=slider]").first).to_have_attribute("aria-valuenow", "15")


def test_a_second_tab_keeps_everything(opened: Opener) -> None:
    """A link of the header that is opened in another tab has settings, input and step."""
    page = opened("#sequences&sequence=110100&step=3&theme=dark")
    address = page.locator(".top nav a[data-view=digits]").evaluate("(one) => one.href")
    other = page.context.new_page()
    other.goto(address)
    opened.wait_until_alive(other)

    assert views(other) == ["digits"]
    expect(other.locator("#theme")).to_have_value("dark")
    link(other, "Sequences")
    opened.wait_until_alive(other)
    expect(other.locator("#lanes [role=slider]").first).to_have_attribute("aria-valuenow", "3")


def test_a_link_without_a_view_still_opens(opened: Opener) -> None:
    """Links of a page that had no views show that of their values, with the same values."""
    page = opened("#sequence=110100&step=3&unit=6")
    assert views(page) == ["sequences"]
    expect(page.locator("#lanes [role=slider]").first).to_have_attribute("aria-valuenow", "3")

    page = opened("#layer=relu2&sequence=110100")
    assert views(page) == ["digits"]
    expect(page.locator("#inspector .channel-picker input")).to_have_value("0")
    link(page, "Sequences")
    opened.wait_until_alive(page)
    assert page.locator("lw-gate-trace").evaluate("one => one.answer.input.sequence") == "110100"


def test_a_view_that_is_typed_keeps_the_values(opened: Opener) -> None:
    """An address of a view alone, typed into an open page, changes the place only."""
    page = opened("#digits&layer=relu2&channel=11&theme=dark")
    opened.turn(page, "#sequences")
    opened.wait_until_alive(page)
    assert views(page) == ["sequences"]
    page.go_back()

    expect(page.locator("#inspector .channel-picker input")).to_have_value("11")
    expect(page.locator("#theme")).to_have_value("dark")


def test_the_tab_is_in_the_address(opened: Opener) -> None:
    """Tabs are chosen by pointer and arrow keys, and kept in the address."""
    page = opened("#digits&panel=filters")
    expect(page.locator("#filters .filter").first).to_be_visible()
    expect(page.locator(".tabbed > .panel:visible")).to_have_count(1)
    page.locator("#tab-filters").press("ArrowRight")

    expect(page.locator("#tab-layers")).to_be_focused()
    expect(page.locator("#layers")).to_be_visible()
    expect(page).to_have_url(re.compile("panel=layers"))


def test_the_network_is_on_the_first_screen(opened: Opener) -> None:
    """At 1280×720 pad, input, layers, answer and the map of a channel are in view."""
    page = opened(viewport=LECTURE)
    settle(page)
    keep(page, "first-screen", full=False)
    for part in ("#pad canvas", "#answer .bars", "#network .outputs", "#seen canvas"):
        box = page.locator(part).first.bounding_box()
        assert box
        assert box["y"] + box["height"] <= LECTURE["height"], part
    for column in page.locator("#network .stage").all():
        box = column.bounding_box()
        assert box
        assert box["y"] + box["height"] <= LECTURE["height"]
        assert box["x"] + box["width"] <= LECTURE["width"]
    first = page.locator(".inspector-map").bounding_box()
    assert first
    assert first["y"] + 100 < LECTURE["height"]


@pytest.mark.parametrize("viewport", [LECTURE, PHONE], ids=["lecture", "phone"])
def test_the_detail_of_a_channel_opens_in_view(opened: Opener, viewport: dict[str, int]) -> None:
    """A click on a channel brings its map into view; on a phone it opens below its layer."""
    page = opened(viewport=viewport, reduced_motion="reduce")
    heatmap = tiles(page, "pool1")
    heatmap.scroll_into_view_if_needed()
    box = heatmap.evaluate("(one) => one.boxOf(9).toJSON()")
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    expect(page.locator("#inspector .channel-picker input")).to_have_value("9")
    expect(page.locator("#inspector h2")).to_be_in_viewport()
    expect(page.locator(".inspector-map")).to_be_in_viewport(ratio=0.3)
    expect(page).to_have_url(re.compile("layer=pool1.*channel=9|channel=9.*layer=pool1"))
    if viewport == PHONE:
        above = page.locator(".stages > .detail").evaluate(
            "e => e.previousElementSibling.dataset.layer"
        )
        assert above == "pool1"


def test_a_silent_channel_says_so(opened: Opener, api: httpx2.Client) -> None:
    """In place of a map of zeros a sentence, and a button to a channel that responds."""
    digit = api.get("/samples/0.png").content
    truth = ask(api, "/cnn/activations?layers=relu3", digit)["relu3"]
    silent = int(np.flatnonzero(truth.max((1, 2)) == 0)[0])
    page = opened(f"#digits&layer=relu3&channel={silent}")
    inspector = page.locator("#inspector")

    expect(inspector).to_contain_text(f"Channel {silent} of relu3 is silent")
    expect(page.locator(".inspector-map")).to_be_hidden()
    expect(page.locator("#arithmetic")).to_be_hidden()
    inspector.get_by_role("button", name="Show its zeros").click()
    expect(page.locator(".inspector-map")).to_be_visible()
    page.locator("#inspector").get_by_role("button", name="Next channel").click()
    page.locator("#inspector").get_by_role("button", name="Previous channel").click()
    opened.turn(
        page, f"#digits&layer=relu3&channel={int(np.flatnonzero(truth.max((1, 2)) == 0)[1])}"
    )
    inspector.get_by_role("button", name="which responds").click()

    expect(page.locator(".inspector-map")).to_be_visible()
    channel = int(page.locator("#inspector .channel-picker input").input_value())
    assert channel == int(truth.var((1, 2)).argmax())


def test_the_first_channel_is_worth_seeing(page: Page, api: httpx2.Client) -> None:
    """Without a channel in the address it is the one with the largest contrast."""
    digit = api.get("/samples/0.png").content
    truth = ask(api, "/cnn/activations?layers=relu1", digit)["relu1"]

    best = str(truth.var((1, 2)).argmax())
    expect(page.locator("#inspector .channel-picker input")).to_have_value(best)


@pytest.mark.parametrize("view", ["digits", "sequences"])
def test_a_phone_has_few_screens(opened: Opener, view: str) -> None:
    """A view is within six screens, with its longest tab eight; settings are folded away."""
    page = opened(f"#{view}", viewport=PHONE)
    expect(page.locator("#settings")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollHeight") <= 6 * PHONE["height"]
    for panel in page.locator("[role=tab]:visible").all():
        show(page, str(panel.get_attribute("aria-controls")))
        settle(page)
        height = page.evaluate("document.documentElement.scrollHeight")
        assert height <= MOST_SCREENS * PHONE["height"], panel.inner_text()
    page.get_by_role("button", name="Settings").click()
    expect(page.locator("#theme")).to_be_visible()
    keep(page, f"phone-{view}")


def test_an_older_answer_is_dimmed_at_once(page: Page) -> None:
    """Until the answer of the chosen sample is there, what belongs to the old one is dimmed."""
    held = hold(page, "**/cnn/activations*")
    page.locator("#samples button.sample").nth(3).click()

    expect(page.locator("#digits.is-stale")).to_have_count(1)
    expect(page.locator("#answer")).to_have_css("opacity", "0.4")
    held[0].continue_()
    expect(page.locator("#digits.is-stale")).to_have_count(0)
    expect(page.locator("#answer")).to_have_css("opacity", "1")
    expect(page.locator("#digit-bars li.winner .bar-name")).to_have_text("3")
