"""Custom elements, and pictures in pages of other origins, of a server that needs a token."""

from playwright.sync_api import Page, expect

from tests.page.browsers import settle
from tests.page.conftest import SECRET, Opener
from tests.page.test_embedding import page_with, served
from tests.page.test_token import REFUSED

TRACE = '<lw-gate-trace sequence="1011" values="forget_gate,cell"></lw-gate-trace>'
HEATMAP = '<lw-tensor-heatmap image="/samples/0.png" layer="relu1"></lw-tensor-heatmap>'


def visit(outside: Opener, page: Page, address: str, *faults: str) -> None:
    """Go to a page of another origin, with these faults on its console."""
    for fault in faults:
        outside.watchers[-1].expect(fault)
    page.goto(address)


def test_elements_send_their_token(outside: Opener) -> None:
    """An element with the attribute has answers, and so have its colour bars; addresses lack it."""
    body = "".join(one.replace(" ", f' token="{SECRET}" ', 1) for one in (TRACE, HEATMAP))
    with served(page_with(body, outside.url)) as address:
        page = outside(at=address, visit=False)
        visit(outside, page, address)

        for element in page.locator("lw-gate-trace, lw-tensor-heatmap").all():
            expect(element.locator("canvas").first).to_be_visible()
        settle(page)
        assert not [one for one in outside.watchers[-1].requests if SECRET in one]
        assert page.context.cookies() == []


def test_a_missing_token_is_a_sentence_and_the_property_mends_it(outside: Opener) -> None:
    """The property is sent too, and is written into no attribute."""
    with served(page_with(TRACE + HEATMAP, outside.url)) as address:
        page = outside(at=address, visit=False)
        visit(outside, page, address, REFUSED)
        elements = page.locator("lw-gate-trace, lw-tensor-heatmap")
        for element in elements.all():
            expect(element.get_by_role("alert")).to_contain_text("The server needs a token")

        elements.evaluate_all("(all) => all.forEach((one) => { one.token = 'wrong-secret'; })")
        for element in elements.all():
            expect(element.get_by_role("alert")).to_contain_text("refuses the token")
        elements.evaluate_all(f"(all) => all.forEach((one) => {{ one.token = '{SECRET}'; }})")

        for element in elements.all():
            expect(element.locator("canvas").first).to_be_visible()
            expect(element.get_by_role("alert")).to_be_hidden()
        assert SECRET not in page.evaluate(
            """() => [document, ...document.querySelectorAll("*")].map((one) =>
              (one.shadowRoot ?? one.documentElement ?? one).innerHTML).join("")"""
        )


def test_a_token_that_was_set_before_the_element_was_defined(outside: Opener) -> None:
    """A framework may set the property before the script of the elements has been loaded."""
    early = f"<script>document.querySelector('lw-gate-trace').token = '{SECRET}';</script>"
    with served(page_with(TRACE + early, outside.url)) as address:
        page = outside(at=address, visit=False)
        visit(outside, page, address)

        expect(page.locator("lw-gate-trace canvas").first).to_be_visible()


def test_a_client_serves_all_elements_of_a_page(outside: Opener) -> None:
    """`setElementClient` gives elements the token of a client before their first request."""
    script = f"""<script type="module">
      import {{ Lightwell, setElementClient }} from "{outside.url}/sdk/lightwell.js";
      setElementClient(new Lightwell(undefined, {{ token: "{SECRET}" }}));
    </script>"""
    html = f"<!doctype html><html><head></head><body>{script}{TRACE}{HEATMAP}</body></html>"
    with served(html) as address:
        page = outside(at=address, visit=False)
        visit(outside, page, address)

        for element in page.locator("lw-gate-trace, lw-tensor-heatmap").all():
            expect(element.locator("canvas").first).to_be_visible()


def test_a_pad_passes_its_token_on_as_a_property(outside: Opener) -> None:
    """The heatmap that a pad draws for sends the pad's token, and has no attribute of it."""
    body = f"""<lw-digit-pad for="maps" token="{SECRET}"></lw-digit-pad>
      <lw-tensor-heatmap id="maps" layer="relu1"></lw-tensor-heatmap>"""
    with served(page_with(body, outside.url)) as address:
        page = outside(at=address, visit=False)
        visit(outside, page, address)
        maps = page.locator("lw-tensor-heatmap")
        canvas = page.locator("lw-digit-pad canvas").first.bounding_box()
        assert canvas
        page.mouse.move(canvas["x"] + 60, canvas["y"] + 60)
        page.mouse.down()
        page.mouse.move(canvas["x"] + 120, canvas["y"] + 120, steps=5)
        page.mouse.up()

        expect(maps.locator("canvas").first).to_be_visible()
        assert maps.get_attribute("token") is None


def test_the_token_goes_to_its_server_alone(outside: Opener, url: str) -> None:
    """An `image` of another server is requested without the token, even if it needs none."""
    body = f'<lw-tensor-heatmap image="{url}/samples/0.png" layer="relu1"></lw-tensor-heatmap>'
    body = body.replace(" ", f' token="{SECRET}" ', 1)
    with served(page_with(body, outside.url)) as address:
        page = outside(at=address, visit=False)
        outside.watchers[-1].hosts.add(url.removeprefix("http://"))
        with page.expect_request(f"{url}/samples/0.png") as asked:
            visit(outside, page, address)

        expect(page.locator("lw-tensor-heatmap canvas").first).to_be_visible()
        assert "authorization" not in asked.value.all_headers()


def test_a_signed_address_is_a_picture_of_any_page(outside: Opener) -> None:
    """An `<img>` with the address that a client has signed is loaded without a token."""
    body = f"""<img alt="Gates"><script type="module">
      import {{ Lightwell }} from "{outside.url}/sdk/lightwell.js";
      const lightwell = new Lightwell(undefined, {{ token: "{SECRET}" }});
      const parameters = {{ sequence: "10110", units: [0, 3] }};
      const address = await lightwell.signed("/lstm/gates.png", parameters, {{ seconds: 60 }});
      document.querySelector("img").src = address;
    </script>"""
    with served(page_with(body, outside.url)) as address:
        page = outside(at=address, visit=False)
        visit(outside, page, address)
        page.wait_for_function("() => document.querySelector('img').naturalWidth > 100")

        source = page.locator("img").get_attribute("src") or ""
        assert SECRET not in source
        assert source.startswith(f"{outside.url}/lstm/gates.png?sequence=10110&units=0,3&")
