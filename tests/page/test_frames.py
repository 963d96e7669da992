"""Views of one part in a frame of another site: allowed sites, controls, token."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.page.answers import assert_computed_alike
from tests.page.browsers import PHONE, Watcher, hold, keep, settle
from tests.page.conftest import SECRET, Opener
from tests.page.profiles import Profiles
from tests.page.test_drawing import draw_a_seven
from tests.page.test_embedding import page_with, served
from tests.page.test_opening import SERIOUS, violations
from tests.servers import TIMEOUT_S, started


@pytest.fixture(scope="module")
def framed() -> Iterator[str]:
    """Address of a server whose views pages of this machine may frame."""
    with started("--frame-ancestors", "http://127.0.0.1:*", ready="Ready after") as server:
        yield server.url


@pytest.fixture
def oracle(framed: str) -> Iterator[httpx2.Client]:
    """Client of that server, whose answers are the expected values."""
    with httpx2.Client(base_url=framed, timeout=TIMEOUT_S) as client:
        yield client


@pytest.fixture
def elsewhere(profiles: Profiles, framed: str, watchers: list[Watcher]) -> Iterator[Opener]:
    """Opens pages with frames of that server."""
    with Opener(profiles, framed, watchers) as opener:
        yield opener


def frame_of(src: str) -> str:
    """HTML with a frame, which is as high as the view in it asks for."""
    return f"""<!doctype html><html lang="en"><head><title>Lesson</title></head><body>
      <iframe src="{src}" title="View" width="640" height="200" style="border: 0"></iframe>
      <script>addEventListener("message", ({{ data }}) => {{
        document.querySelector("iframe").height = data.height; }});</script></body></html>"""


def view(page: Page) -> FrameLocator:
    """Content of the frame."""
    return page.frame_locator("iframe")


def test_a_drawing_is_answered_in_a_frame(elsewhere: Opener) -> None:
    """The sample at first, then the drawing; the page learns how high the view is."""
    with served(frame_of(f"{elsewhere.url}/embed/digit")) as address:
        page = elsewhere(at=address)
        winner = view(page).locator("lw-answer-bars li.winner .name")
        expect(winner).to_have_text("2")
        page.wait_for_function("() => Number(document.querySelector('iframe').height) > 300")
        keep(page, "frame-digit")

        draw_a_seven(page, view(page).locator("lw-digit-pad canvas"))
        expect(winner).to_have_text("7")
        view(page).get_by_role("button", name="A handwritten 4").click()
        expect(winner).to_have_text("4")


def test_the_last_choice_is_shown(elsewhere: Opener, oracle: httpx2.Client) -> None:
    """A sample that is loaded late replaces neither a newer one nor a drawing."""
    numbers = {
        one["label"]: one["index"] for one in oracle.get("/samples?count=10").json()["samples"]
    }
    page = elsewhere(visit=False)
    first, three = (hold(page, f"**/samples/{index}.png") for index in (0, numbers[3]))
    with page.expect_request("**/samples/0.png"):
        page.goto(f"{elsewhere.url}/embed/digit")
    winner = page.locator("lw-answer-bars li.winner .name")
    draw_a_seven(page, page.locator("lw-digit-pad canvas"), lift=False)
    first[0].continue_()
    settle(page)
    page.mouse.up()
    expect(winner).to_have_text("7")

    page.get_by_role("button", name="A handwritten 3").click()
    page.get_by_role("button", name="A handwritten 5").click()
    expect(winner).to_have_text("5")
    three[0].continue_()
    settle(page)
    expect(winner).to_have_text("5")


def test_a_cleared_pad_has_no_answer(elsewhere: Opener) -> None:
    """A sample can be cleared, with its bars, and a sample that is refused says so."""
    page = elsewhere(visit=False)
    elsewhere.watchers[-1].expect("status of 400")
    page.goto(f"{elsewhere.url}/embed/digit")
    lines = page.locator("lw-answer-bars li")
    expect(lines).to_have_count(10)
    clear = page.get_by_role("button", name="Clear")
    clear.click()
    expect(lines).to_have_count(0)
    expect(clear).to_be_disabled()
    page.get_by_role("button", name="Undo").click()
    expect(lines).to_have_count(10)

    page.route(
        "**/samples/*.png",
        lambda route: route.fulfill(status=400, json={"detail": "No such sample."}),
        times=1,
    )
    page.get_by_role("button", name="A handwritten 5").click()
    expect(page.get_by_role("alert")).to_have_text("No such sample.")
    page.get_by_role("button", name="A handwritten 5").click()
    expect(page.locator("lw-answer-bars li.winner .name")).to_have_text("5")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_controls_are_chosen(elsewhere: Opener) -> None:
    """Those of the list alone; the settings are those of the address."""
    with served(frame_of(f"{elsewhere.url}/embed/layer?controls=none&layer=relu3&sample=3")) as at:
        page = elsewhere(at=at)
        expect(view(page).locator("lw-tensor-heatmap [role=option]")).to_have_count(64)
        assert view(page).locator("button, select, lw-digit-pad").count() == 0
    with served(frame_of(f"{elsewhere.url}/embed/gates?sequence=110&values=cell&theme=dark")) as at:
        page = elsewhere(at=at)
        expect(view(page).locator("lw-gate-trace canvas").first).to_be_visible()
        view(page).get_by_label("Sequence").fill("1101")
        expect(view(page).locator("lw-gate-trace")).to_have_attribute("sequence", "1101")
        keep(page, "frame-gates")


def test_an_attribution_lies_over_the_digit(elsewhere: Opener, oracle: httpx2.Client) -> None:
    """The slider fades it; the method can be chosen; a pointer reads the exact value."""
    page = elsewhere(visit=False)
    page.goto(f"{elsewhere.url}/embed/attribution?sample=0")
    shown = page.locator("lw-attribution")
    expect(shown.locator("canvas[role=img]")).to_be_visible()
    expect(shown.locator("canvas[role=img]")).to_have_css("opacity", "0.8")
    keep(page, "frame-attribution")

    shown.get_by_role("slider").fill("25")
    expect(shown.locator("canvas[role=img]")).to_have_css("opacity", "0.25")
    with page.expect_response(lambda one: "method=gradient&" in f"{one.url}&"):
        page.get_by_label("Method").select_option("gradient")
    expect(shown.locator("canvas[role=img]")).to_have_attribute(
        "aria-label", "Attribution by gradient"
    )
    box = shown.locator("canvas[role=img]").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 10.5 / 28, box["y"] + box["height"] * 14.5 / 28)
    digit = oracle.get("/samples/0.png").content
    answer = oracle.post(
        "/cnn/attribution?method=gradient", content=digit, headers={"Content-Type": "image/png"}
    ).json()
    (tensor,) = (one for one in answer["tensors"] if one["name"] == "attribution")
    said = shown.locator("output")
    expect(said).to_contain_text("y 14 · x 10: ")
    value = float(said.inner_text().split(": ")[1].replace("−", "-"))
    assert_computed_alike(value, tensor["data"][14][10])


@pytest.mark.parametrize("part", ["digit", "layer", "attribution", "gates"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_views_fit_and_axe_finds_nothing_serious(elsewhere: Opener, part: str, theme: str) -> None:
    """On a phone, in both colour schemes."""
    page = elsewhere(visit=False, viewport=PHONE, color_scheme=theme)
    page.goto(f"{elsewhere.url}/embed/{part}")
    expect(page.locator("canvas").first).to_be_visible()
    settle(page)
    keep(page, f"embed-{part}")

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert not [one for one in violations(page) if one["impact"] in SERIOUS]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("colour=red", "“colour” is not a setting of this view; it takes controls, model"),
        ("controls=pad,knob", "“knob” is not a control of this view; it has pad, samples, or none"),
    ],
)
def test_wrong_settings_are_named(elsewhere: Opener, query: str, sentence: str) -> None:
    """In place of the view."""
    page = elsewhere(visit=False)
    page.goto(f"{elsewhere.url}/embed/digit?{query}")

    expect(page.get_by_role("alert")).to_contain_text(sentence)


def test_the_token_is_in_the_fragment(outside: Opener) -> None:
    """Which no request has; without it the view says that the server needs one."""
    page = outside(visit=False)
    page.goto(f"{outside.url}/embed/gates#token={SECRET}")
    expect(page.locator("lw-gate-trace canvas").first).to_be_visible()
    asked = outside.watchers[-1].requests
    assert not [one for one in asked if SECRET in urlsplit(one).query]

    page = outside(visit=False)
    outside.watchers[-1].expect("401")
    page.goto(f"{outside.url}/embed/gates")
    expect(page.locator("lw-gate-trace").get_by_role("alert")).to_contain_text(
        "The server needs a token"
    )


def test_a_page_from_a_file_is_told_why_it_is_refused(
    elsewhere: Opener, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The element names the way out: to serve the folder."""
    script = f'<script type="module" src="{elsewhere.url}/sdk/lightwell.js"></script>'
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(f"<!doctype html>{script}<lw-gate-trace sequence='10'></lw-gate-trace>")
    page = elsewhere(visit=False)
    elsewhere.watchers[-1].expect("CORS policy|ERR_FAILED|another host: file")

    page.goto(file.as_uri())

    sentence = page.locator("lw-gate-trace").get_by_role("alert")
    expect(sentence).to_contain_text(
        "This page was opened from a file, and a Lightwell server does not answer requests of such"
    )
    expect(sentence).to_contain_text("python -m http.server 8080")


def test_answer_bars_show_the_prediction(elsewhere: Opener, oracle: httpx2.Client) -> None:
    """Of an image, of a sequence, and of an answer that the page has; without requests for it."""
    bars = "".join(
        f"<lw-answer-bars {one}></lw-answer-bars>"
        for one in ('image="/samples/3.png"', 'sequence="0010"', "")
    )
    truth = oracle.get("/lstm/predict?sequence=0010").json()["prediction"]
    with served(page_with(bars, elsewhere.url)) as address:
        page = elsewhere(at=address)
        first, second, third = page.locator("lw-answer-bars").all()
        expect(first.locator("li")).to_have_count(10)
        expect(second.locator("li.winner .name")).to_have_text(truth["name"])
        own = {"model": "cnn", "prediction": truth, "warnings": []}
        third.evaluate(f"(one) => {{ one.answer = {json.dumps(own)}; }}")
        expect(third.locator("li.winner .value")).to_have_text(
            second.locator("li.winner .value").inner_text()
        )
        expect(third.locator("li")).to_have_count(2)


def test_a_pad_keeps_its_size_in_a_row(elsewhere: Opener) -> None:
    """Beside a picture that would take all of the width."""
    body = (
        '<div style="display: flex; gap: 8px; width: 600px"><lw-digit-pad></lw-digit-pad>'
        '<lw-tensor-heatmap image="/samples/0.png" layer="relu1" style="flex: 1 1 100%">'
        "</lw-tensor-heatmap></div>"
    )
    with served(page_with(body, elsewhere.url)) as address:
        page = elsewhere(at=address)
        expect(page.locator("lw-tensor-heatmap canvas").first).to_be_visible()
        box = page.locator("lw-digit-pad").bounding_box()

    assert box
    assert (box["width"], box["height"]) == (280, 280)


def test_a_heat_map_has_axes_a_cap_and_a_height(elsewhere: Opener) -> None:
    """A value of a small matrix is at most 48 pixels, or `cell`; a picture at most `height`."""
    probe = 'probe="/lstm/gates?sequence=101" tensor="forget_gate"'
    body = "".join(
        f"<lw-tensor-heatmap {probe} bare {one}></lw-tensor-heatmap>"
        for one in ("axes", 'cell="10"', 'height="60"', 'height="120" axes')
    )
    with served(page_with(body, elsewhere.url)) as address:
        page = elsewhere(at=address)
        maps = page.locator("lw-tensor-heatmap").all()
        for one in maps:
            expect(one.locator("canvas").first).to_be_visible()
        settle(page)
        sizes = [one.locator("canvas").first.bounding_box() for one in maps]
        keep(page, "heatmap-axes")
        heights = [one.bounding_box() for one in maps]

        assert all(sizes)
        assert all(heights)
        assert sizes[0]["width"] == 3 * 48  # type: ignore[index]
        assert sizes[1]["width"] == 30  # type: ignore[index]
        assert sizes[2]["height"] <= 60  # type: ignore[index]
        assert heights[3]["height"] <= 120  # type: ignore[index]
        ticks = maps[0].locator(".ticks")
        expect(ticks.first).to_contain_text("unit")
        expect(ticks.last).to_contain_text("step")
        assert maps[0].locator(".ticks.columns span").all_inner_texts() == ["1", "2", "3"]
