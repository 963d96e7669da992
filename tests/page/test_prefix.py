"""The page below a prefix: mounted in another application, and behind a proxy that removes it."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.mounted import PATH
from tests.page.browsers import Watcher
from tests.page.conftest import SECRET, Opener
from tests.page.profiles import Profiles
from tests.page.stripping_proxy import stripping_proxy
from tests.page.test_embedding import page_with
from tests.page.test_opening import visit_every_panel
from tests.servers import TIMEOUT_S, started

JUPYTER = "/user/a@b.org/proxy/8000"
"""Prefix of Jupyter's proxy, which the server does not know."""


@pytest.fixture(scope="module")
def mounted() -> Iterator[str]:
    """Address of Lightwell in another application; it needs a token."""
    with started(module="tests.mounted", environment={"LIGHTWELL_TOKEN": SECRET}) as server:
        yield server.url


@pytest.fixture(scope="module")
def proxied(url: str) -> Iterator[str]:
    """Address of a server behind a proxy that removes the prefix."""
    with stripping_proxy(url, JUPYTER) as found:
        yield found


@pytest.fixture
def below(profiles: Profiles, proxied: str, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens pages behind the proxy, closed at the end of the test."""
    with Opener(profiles, proxied, watchers) as opener:
        yield opener


@pytest.fixture
def inside(profiles: Profiles, mounted: str, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens pages of the other application, closed at the end of the test."""
    with Opener(profiles, mounted, watchers) as opener:
        yield opener


def assert_all_below(opener: Opener, prefix: str) -> None:
    """Every address that the page has asked for begins with the prefix."""
    asked = [urlsplit(one) for one in opener.watchers[-1].requests]
    outside = [
        one for one in asked if one.scheme == "http" and not one.path.startswith(f"{prefix}/")
    ]
    assert len(asked) > 60
    assert not outside, outside


def test_the_page_works_behind_a_proxy_that_removes_the_prefix(below: Opener) -> None:
    """All panels, pictures and links, and the code to copy, have addresses below the prefix."""
    page = below("#compare=true")
    code = []
    for view in ("Digits", "Sequences", "Findings"):
        page.locator(".top nav").get_by_role("link", name=view).click()
        below.wait_until_alive(page)
        visit_every_panel(page)
        code += page.locator("pre code:visible").all_inner_texts()
        links = page.locator("a[href]:visible").evaluate_all("all => all.map((one) => one.href)")
        assert [one for one in links if not one.startswith((f"{below.url}/", "https:"))] == []

    assert_all_below(below, JUPYTER)
    assert len(code) == 2
    assert all(below.url in one for one in code)


def test_the_page_works_in_another_application(inside: Opener) -> None:
    """The token in its address becomes a cookie of the prefix alone, and the page has answers."""
    page = inside(visit=False)
    page.goto(f"{inside.url}/?token={SECRET}")
    inside.wait_until_alive(page)

    assert_all_below(inside, PATH)
    assert page.url.startswith(f"{inside.url}/")
    assert SECRET not in page.url
    (cookie,) = page.context.cookies()
    assert cookie["path"] == PATH


def test_the_form_of_the_token_works_behind_the_proxy(
    profiles: Profiles, guarded: str, watchers: list[Watcher]
) -> None:
    """Its cookie is for the prefix in the browser's address, which the server does not know."""
    with (
        stripping_proxy(guarded, JUPYTER) as address,
        Opener(profiles, address, watchers) as opener,
    ):
        page = opener(visit=False)
        watchers[-1].expect("status of 401")
        page.goto(f"{address}/")
        page.get_by_label("Token", exact=True).fill(SECRET)
        page.keyboard.press("Enter")
        opener.wait_until_alive(page)
        (cookie,) = page.context.cookies()
        page.goto(f"{address}/?token={SECRET}")
        opener.wait_until_alive(page)

    assert cookie["path"] == JUPYTER
    assert_all_below(opener, JUPYTER)


def try_out(page: Page, path: str) -> str:
    """Send a request from the documentation page; return the address that it went to."""
    operation = page.locator(".opblock", has=page.locator(f'[data-path="{path}"]')).first
    # Swagger UI draws every operation first.
    operation.locator(".opblock-summary-control").click(timeout=1000 * TIMEOUT_S)
    operation.get_by_role("button", name="Try it out").click()
    with page.expect_response(lambda one: one.url.endswith(path)) as response:
        operation.get_by_role("button", name="Execute").click()
    assert response.value.status == 200
    return str(response.value.url)


def test_the_documentation_works_below_a_prefix(below: Opener, inside: Opener) -> None:
    """Swagger UI sends its requests to the server that it comes from; ReDoc shows the routes."""
    for opener in (below, inside):
        page = opener(visit=False)
        page.goto(f"{opener.url}/?token={SECRET}")
        page.goto(f"{opener.url}/docs")
        assert try_out(page, "/livez") == f"{opener.url}/livez"
        opener.watchers[-1].expect(r"cdn\.redoc\.ly")  # a logo, which the policy of the page blocks
        page.goto(f"{opener.url}/redoc")
        expect(page.locator("h1", has_text="Lightwell")).to_be_visible()
        assert page.evaluate("fetch('openapi.json').then((one) => one.status)") == 200


def test_elements_ask_the_server_that_their_script_comes_from(below: Opener) -> None:
    """Also for a picture whose address is a path of the server."""
    body = (
        '<lw-gate-trace sequence="101"></lw-gate-trace>'
        '<lw-tensor-heatmap image="/samples/0.png" layer="relu1"></lw-tensor-heatmap>'
        f'<lw-tensor-heatmap image="{JUPYTER}/samples/0.png" layer="relu2"></lw-tensor-heatmap>'
    )
    page = below(visit=False)
    html = page_with(f'<link rel="icon" href="data:,">{body}', below.url)
    page.route("**/mine.html", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(f"{below.url}/mine.html")

    expect(page.locator("lw-gate-trace canvas").first).to_be_visible()
    for at in range(2):
        expect(page.locator("lw-tensor-heatmap").nth(at).locator("canvas").first).to_be_visible()
