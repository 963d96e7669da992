"""Pages of other origins: custom elements and client, loaded by one script tag."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import numpy as np
from playwright.sync_api import Page, expect

from tests.docs.fences import SERVER, code_of, fences
from tests.page.answers import ask, colour_tables, coloured
from tests.page.browsers import keep, pixels, settle
from tests.page.conftest import Opener
from tests.page.test_drawing import draw_a_seven
from tests.servers import ROOT


@contextmanager
def served(html: str) -> Iterator[str]:
    """Serve one page from another port, hence another origin."""
    # Without this link the browser requests /favicon.ico.
    page = html.replace("<head>", '<head><link rel="icon" href="data:,">').encode()

    class Handler(BaseHTTPRequestHandler):
        """Responds to every GET with the page."""

        def do_GET(self) -> None:
            """Send the page."""
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Keep the test's output free of access logs."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def page_with(body: str, url: str) -> str:
    """HTML with the script tag of the SDK and a body."""
    script = f'<script type="module" src="{url}/sdk/lightwell.js"></script>'
    head = f'<!doctype html><html lang="en"><head><title>Mine</title>{script}</head>'
    return f"{head}<body>{body}</body></html>"


def colours_of_gates(page: Page, lane: str, cells: list[tuple[int, int]]) -> np.ndarray:
    """Colours in the centre of cells (step, unit) of a lane."""
    places = page.evaluate(
        """([lane, cells]) => cells.map(([step, unit]) =>
          document.querySelector("lw-gate-trace").cellCentre(lane, step, unit))""",
        [lane, cells],
    )
    seen = pixels(page)
    return np.array([seen[int(place["y"]), int(place["x"])] for place in places])


def test_the_example_shows_gates_and_activations(opened: Opener, api: httpx2.Client) -> None:
    """`examples/embed.html`, served from another origin, shows gates and activations."""
    html = (ROOT / "examples" / "embed.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<script", html)) == 1
    sequence = re.search(r'sequence="([01]+)"', html)
    assert sequence
    with served(html.replace(SERVER, opened.url)) as address:
        page = opened(at=address)
        trace = page.locator("lw-gate-trace")
        expect(trace.locator("canvas").first).to_be_visible()
        expect(page.locator("lw-tensor-heatmap canvas").first).to_be_visible()

        gate = ask(api, f"/lstm/gates?sequence={sequence[1]}")["forget_gate"]
        table = colour_tables(api)["viridis"]
        cells = [(1, 0), (2, 3), (len(sequence[1]), 5)]
        seen = colours_of_gates(page, "forget_gate", cells)
        wanted = [coloured(table, gate[step - 1, unit], 0, 1) for step, unit in cells]
        assert np.abs(seen - np.array(wanted)).max() <= 1

        heatmap = page.locator("lw-tensor-heatmap").first
        heatmap.scroll_into_view_if_needed()
        before = pixels(heatmap)
        with page.expect_response(lambda answer: "/cnn/activations" in answer.url) as answered:
            draw_a_seven(page, page.locator("lw-digit-pad canvas").first)
        assert answered.value.ok
        expect(page.locator("lw-tensor-heatmap[aria-busy]")).to_have_count(0)
        settle(page)
        assert (pixels(heatmap) != before).any()
        keep(page, "embedded")


def test_html_and_javascript_of_the_docs_run(opened: Opener) -> None:
    """The HTML of the docs displays its elements; the client of docs/embedding.md runs."""
    pieces = [one.code for one in fences() if one.language == "html" and "<iframe" not in one.code]
    assert len(pieces) >= 2
    for piece in pieces:
        html = piece.replace(SERVER, opened.url)
        with served(
            f'<!doctype html><html lang="en"><head></head><body>{html}</body></html>'
        ) as at:
            page = opened(at=at)
            for element in page.locator("lw-gate-trace, lw-tensor-heatmap, lw-digit-pad").all():
                expect(element.locator("canvas").first).to_be_visible()
    code = code_of("docs/embedding.md", "javascript", opened.url)
    with served(f'<head></head><script type="module">{code}</script>') as at:
        page = opened(at=at, visit=False)
        with page.expect_console_message() as told:
            page.goto(at)
        assert re.fullmatch(r"yes \[step, unit\] 0\.\d+", told.value.text)


def test_elements_take_attributes(opened: Opener, api: httpx2.Client) -> None:
    """Attributes choose lanes and units; a change sends another request."""
    body = """<lw-gate-trace sequence="110100" values="cell,input_gate" units="2,5" cmap="cividis">
      </lw-gate-trace>"""
    with served(page_with(body, opened.url)) as address:
        page = opened(at=address)
        trace = page.locator("lw-gate-trace")
        expect(trace.locator("canvas:visible")).to_have_count(2 + 2)  # and their colour bars

        gate = ask(api, "/lstm/gates?sequence=110100")["input_gate"]
        table = colour_tables(api)["cividis"]
        seen = colours_of_gates(page, "input_gate", [(4, 2), (6, 5)])
        wanted = [coloured(table, gate[3, 2], 0, 1), coloured(table, gate[5, 5], 0, 1)]
        assert np.abs(seen - np.array(wanted)).max() <= 1
        assert (
            page.evaluate("document.querySelector('lw-gate-trace').cellCentre('input_gate', 1, 0)")
            is None
        )
        with page.expect_response(lambda answer: "/lstm/trace" in answer.url):
            trace.evaluate("(one) => { one.sequence = '01'; }")
        expect(trace.locator("[role=slider]")).to_have_attribute("aria-valuemax", "2")


def test_errors_are_shown_in_the_element(opened: Opener) -> None:
    """An element shows the server's error message instead of the picture."""
    body = """<lw-gate-trace sequence="10a"></lw-gate-trace>
      <lw-gate-trace sequence="101" values="forgot_gate"></lw-gate-trace>
      <lw-tensor-heatmap probe="/lstm/gates?sequence=102"></lw-tensor-heatmap>
      <lw-answer-bars sequence="10a"></lw-answer-bars>
      <lw-attribution image="/samples/0.png" method="none"></lw-attribution>"""
    with served(page_with(body, opened.url)) as address:
        page = opened(visit=False, at=address)
        opened.watchers[-1].expect("status of 422")
        page.goto(address)

        elements = page.locator("body > *").all()
        assert len(elements) == 5
        for element in elements:
            expect(element.get_by_role("alert")).to_be_visible()
        expect(page.locator("lw-gate-trace").nth(1)).to_contain_text("forgot_gate")
        expect(page.locator("lw-attribution")).to_contain_text("method")
        expect(page.locator("lw-attribution canvas").first).to_be_hidden()


def test_the_keyboard_reads_a_map_of_another_size(opened: Opener) -> None:
    """A cursor outside of the map of another layer goes to its last row and column."""
    body = (
        '<lw-tensor-heatmap image="/samples/0.png" layer="relu1" channel="3"></lw-tensor-heatmap>'
    )
    with served(page_with(body, opened.url)) as address:
        page = opened(at=address)
        maps = page.locator("lw-tensor-heatmap")
        frame, status = maps.locator(".frame"), maps.get_by_role("status")
        expect(frame).to_have_attribute("aria-label", re.compile("^relu1, 28 by 28"))
        frame.press("End")
        expect(status).to_contain_text("y 27 · x 27: ")

        maps.evaluate("(one) => one.setAttribute('layer', 'pool2')")
        expect(frame).to_have_attribute("aria-label", re.compile("^pool2, 7 by 7"))
        frame.blur()
        frame.focus()
        expect(status).to_contain_text(re.compile(r"y 6 · x 6: −?[\d.]+"))
        frame.press("ArrowLeft")
        expect(status).to_contain_text(re.compile(r"y 6 · x 5: −?[\d.]+"))


def test_a_foreign_origin_loads_pictures_only(opened: Opener) -> None:
    """A page of a foreign origin may load pictures and modules, but gets no JSON."""
    # A sandboxed frame has the origin "null", which is not allowed.
    frame = '<iframe title="Far" sandbox="allow-scripts" srcdoc="<p>Far</p>"></iframe>'
    with served(page_with(frame, opened.url)) as address:
        page = opened(at=address)
        opened.watchers[-1].expect("blocked by CORS policy")
        opened.watchers[-1].expect("ERR_FAILED")
        far = page.frames[1]
        far.wait_for_load_state()
        read = """async (url) => {
          try { return (await fetch(url)).status; } catch { return 0; }
        }"""

        assert far.evaluate("origin") == "null"
        assert far.evaluate(read, f"{opened.url}/lstm/gates.png?sequence=101") == 200
        assert far.evaluate(read, f"{opened.url}/sdk/lightwell.js") == 200
        assert far.evaluate(read, f"{opened.url}/lstm/gates?sequence=101") == 0
