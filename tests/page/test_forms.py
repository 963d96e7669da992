"""HTML forms of docs/clients.md, in pages of another origin."""

import json

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.docs.fences import SERVER, fences
from tests.page.conftest import Opener
from tests.page.test_embedding import served

PLAIN, FETCHING = (
    one.code for one in fences() if (one.page, one.language) == ("docs/clients.md", "html")
)


def page_with(body: str, url: str) -> str:
    """HTML of a page without scripts and styles of ours."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Mine</title></head>'
        f"<body>{body.replace(SERVER, url)}</body></html>"
    )


def choose(page: Page, png: bytes) -> None:
    """Choose a file in the form of a page."""
    file = {"name": "digit.png", "mimeType": "image/png", "buffer": png}
    page.locator("input[type=file]").set_input_files(file)


@pytest.fixture
def digit(api: httpx2.Client) -> bytes:
    """PNG of a 2."""
    return api.get("/samples/0.png").content


def classify(page: Page, digit: bytes) -> str:
    """Submit the form with a file; return the digit in the JSON that the browser then shows."""
    choose(page, digit)
    with page.expect_navigation() as answered:
        page.get_by_role("button", name="Classify").click()
    assert answered.value.ok
    shown = json.loads(page.locator("pre").inner_text())
    return str(shown["prediction"]["name"])


def test_a_form_posts_a_file(opened: Opener, digit: bytes) -> None:
    """A form of another origin sends a file, and the browser shows the answer."""
    with served(page_with(PLAIN, opened.url)) as address:
        page = opened(at=address)

        assert classify(page, digit) == "2"
        assert page.url == f"{opened.url}/cnn/predict"


def test_a_form_gets_a_picture(opened: Opener) -> None:
    """A form that sends a sequence to a path with .png shows a picture."""
    with served(page_with(PLAIN, opened.url)) as address:
        page = opened(at=address)
        with page.expect_navigation() as answered:
            page.get_by_role("button", name="Show the gates").click()

        assert answered.value.header_value("content-type") == "image/png"
        assert page.url == f"{opened.url}/lstm/gates.png?sequence=10110"
        assert page.locator("img").evaluate("(picture) => picture.naturalWidth") > 100


def test_fetch_sends_the_data_of_a_form(opened: Opener, digit: bytes) -> None:
    """A script of an allowed origin sends the form by `fetch`, and the page stays."""
    with served(page_with(FETCHING, opened.url)) as address:
        page = opened(at=address)
        choose(page, digit)
        page.get_by_role("button", name="Classify").click()

        expect(page.locator("output")).to_have_text("2")
        assert page.url == address
