"""Token of the page: a form asks for it, and no address, script or document keeps it."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.page.browsers import PHONE, WIDE, keep
from tests.page.conftest import OTHER_SECRET, SECRET, Opener, show
from tests.page.test_drawing import draw_a_seven, pad
from tests.page.test_opening import SERIOUS, violations

REFUSED = r"status of 401"


def refused(outside: Opener, fragment: str = "", **options: Any) -> Page:
    """Open the page without a token, which shows its form."""
    page = outside(visit=False, **options)
    outside.watchers[-1].expect(REFUSED)
    page.goto(f"{outside.url}/{fragment}")
    expect(form(page)).to_be_visible()
    return page


def form(page: Page) -> Locator:
    """The form that asks for the token."""
    return page.get_by_role("dialog", name="This server needs a token")


def enter(page: Page, token: str) -> None:
    """Type a token and press Enter."""
    page.get_by_label("Token", exact=True).fill(token)
    page.keyboard.press("Enter")


def test_a_form_asks_for_the_token(outside: Opener) -> None:
    """A wrong token is an error in the form; after the right one the page has its answers."""
    page = refused(outside)
    field = page.get_by_label("Token", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("type", "password")

    enter(page, "wrong-secret")
    expect(form(page).get_by_role("alert")).to_have_text("This is not a token of this server.")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    enter(page, "two words")
    expect(form(page).get_by_role("alert")).to_contain_text("printable ASCII")
    enter(page, f" {SECRET} ")

    outside.wait_until_alive(page)
    expect(form(page)).to_have_count(0)


def test_the_token_is_kept_by_nothing_but_a_cookie(outside: Opener) -> None:
    """No address, history, storage or document has it, nor the cookie that is set for it."""
    page = refused(outside, "#sequence=101")
    before = page.evaluate("history.length")
    enter(page, SECRET)
    outside.wait_until_alive(page)
    page.locator("#share").click()

    assert page.evaluate("history.length") == before
    assert "sequence=101" in page.url
    kept = page.evaluate("[document.cookie, JSON.stringify([localStorage, sessionStorage])]")
    assert kept == ["", "[{},{}]"]
    assert SECRET not in page.content() + page.url
    assert not [one for one in outside.watchers[-1].requests if SECRET in one]
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert SECRET not in cookie["value"]
    page.reload()
    outside.wait_until_alive(page)


def test_an_expired_cookie_keeps_the_drawing(outside: Opener) -> None:
    """A 401 of an open page brings the form, and after it the request is repeated."""
    page = refused(outside)
    enter(page, SECRET)
    outside.wait_until_alive(page)
    page.context.clear_cookies()
    page.get_by_role("button", name="Clear").click()
    draw_a_seven(page, pad(page))

    expect(form(page)).to_be_visible()
    expect(form(page)).to_have_count(1)
    enter(page, OTHER_SECRET)

    expect(form(page)).to_have_count(0)
    expect(page.locator("#digit-bars li.winner .bar-name")).to_have_text("7")
    expect(page).to_have_url(re.compile("strokes="))


def test_pictures_and_code_know_of_the_token(outside: Opener) -> None:
    """A refused analysis is drawn after the form; copied code takes the token from a variable."""
    page = refused(outside, "#sequences")
    enter(page, SECRET)
    outside.wait_until_alive(page)
    page.context.clear_cookies()
    show(page, "counter")
    expect(form(page)).to_be_visible()
    enter(page, SECRET)

    expect(page.locator("#counter .figure").first).to_be_visible()
    code = show(page, "sequence-code").locator("code")
    expect(code).to_contain_text('-H "Authorization: Bearer $LIGHTWELL_TOKEN"')
    assert SECRET not in code.inner_text()


@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_form_fits_and_axe_finds_nothing_serious(
    outside: Opener, viewport: dict[str, int], theme: str
) -> None:
    """The form lies within the window, with its error too."""
    page = refused(outside, viewport=viewport, color_scheme=theme)
    enter(page, "wrong-secret")
    expect(form(page).get_by_role("alert")).to_be_visible()
    keep(page, "token", full=False)
    box = form(page).bounding_box()

    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= viewport["width"]
    found = [one for one in violations(page) if one["impact"] in SERIOUS]
    assert not found, found


@pytest.mark.parametrize(("status", "kind"), [(503, "busy"), (429, "too-many-requests")])
def test_a_refused_request_is_repeated(opened: Opener, status: int, kind: str) -> None:
    """After `Retry-After` the page sends the request again, and meanwhile says why it waits."""
    page = opened()
    opened.watchers[-1].expect(f"status of {status}")
    problem = {"type": f"urn:lightwell:problem:{kind}", "status": status, "detail": "Later."}
    tries: list[str] = []

    def answer(route: Route) -> None:
        tries.append(route.request.url)
        if len(tries) == 1:
            route.fulfill(status=status, json=problem, headers={"Retry-After": "2"})
        else:
            route.continue_()

    page.route("**/cnn/activations*", answer)
    # Not a stroke, whose later requests would replace the refused one.
    page.locator("#samples button.sample").nth(7).click()

    note = page.get_by_role("status").filter(has_text="The page repeats the request.")
    expect(note).to_be_visible()
    expect(page.locator("#digit-bars li.winner .bar-name")).to_have_text("7")
    expect(note).to_have_count(0)
    assert len(tries) >= 2
