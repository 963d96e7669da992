"""Bytes of a stroke: the page asks for a byte a value while it is drawn, for exact values after."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx2
from playwright.sync_api import Response

from scripts.classroom.requests import STROKE_PARAMETERS, VALUES_PARAMETERS, drawing
from tests.page.answers import ask, assert_computed_alike
from tests.page.conftest import Opener
from tests.page.test_drawing import draw_a_seven, pad, tiles

MOST_BYTES = 20_000
"""Bytes of the answers to one stroke on the wire, at most, heads included."""


def wire_bytes(api: httpx2.Client, query: dict[str, str], png: bytes) -> int:
    """Bytes of an answer on the wire to a client that takes gzip."""
    headers = {"Content-Type": "image/png", "Accept-Encoding": "gzip"}
    answer = api.post("/cnn/activations", params=query, content=png, headers=headers)
    assert answer.headers["content-encoding"] == "gzip"
    head = sum(len(name) + len(value) + 4 for name, value in answer.headers.items())
    return head + 19 + answer.num_bytes_downloaded


def test_a_stroke_costs_few_bytes(api: httpx2.Client) -> None:
    """A view of a drawing and the values after it, as the page requests both."""
    for seed in range(5):
        png = drawing(seed)
        view, values = (
            wire_bytes(api, dict(query), png) for query in (STROKE_PARAMETERS, VALUES_PARAMETERS)
        )
        assert view + values <= MOST_BYTES, (view, values)


def query_of(response: Response) -> dict[str, str]:
    """Query parameters of the request of a response."""
    return {name: one[0] for name, one in parse_qs(urlsplit(response.url).query).items()}


def is_view(response: Response) -> bool:
    """Whether a response has the layers that the page shows."""
    return "/cnn/activations?" in response.url and "channels=" not in response.url


def test_the_page_asks_for_exact_values_after_a_stroke(opened: Opener, api: httpx2.Client) -> None:
    """Views while it grows, then those of the selected channel; all when the pointer goes on."""
    page = opened(f"#digits&layer=relu1&channel={VALUES_PARAMETERS['channels']}")
    with page.expect_response(is_view):
        page.get_by_role("button", name="Clear").first.click()
    views: list[Response] = []
    page.on("response", lambda one: views.append(one) if is_view(one) else None)
    with page.expect_response(lambda one: "channels=" in one.url) as after:
        draw_a_seven(page, pad(page))

    for query in map(query_of, views):
        for name, value in STROKE_PARAMETERS.items():
            assert query[name] == value, json.dumps(query)
    for name, value in VALUES_PARAMETERS.items():
        assert query_of(after.value)[name] == value
    png = bytes(
        page.locator("lw-digit-pad").evaluate(
            "async (one) => Array.from(new Uint8Array(await (await one.toBlob()).arrayBuffer()))"
        )
    )
    truth = ask(api, "/cnn/activations?layers=relu1", png)["relu1"][0].max()
    shown = page.locator(".inspector-value data")
    # Shown a moment after its response, once.
    page.wait_for_function(
        "([largest, most]) => "
        "Math.abs(document.querySelector('.inspector-value data').value - largest) <= most",
        arg=[float(truth), 5e-6 * (1 + float(truth))],
    )
    assert_computed_alike(shown.get_attribute("value"), truth)

    with page.expect_response(is_view) as exact:
        tiles(page, "relu2").hover()
    assert not {"encoding", "include"} & query_of(exact.value).keys()
