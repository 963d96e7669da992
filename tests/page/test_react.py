"""React example: it compiles, and works in a page of another origin."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.docs.fences import SERVER
from tests.page.conftest import SECRET, Opener
from tests.page.test_embedding import served
from tests.servers import ROOT
from tests.tools import NODE, module, run

EXAMPLE = ROOT / "examples" / "react"
SCRIPT = '<script type="module" src="main.js"></script>'


def test_it_compiles() -> None:
    """The example passes the strict compiler, custom element and events included."""
    assert run(NODE, module("typescript/bin/tsc"), "-p", ".", cwd=EXAMPLE) == ""


@pytest.fixture
def html(tmp_path: Path) -> str:
    """Return the page of the example, with its scripts as one in the page."""
    run(
        module("esbuild/bin/esbuild"), "main.tsx", "--bundle", "--minify", "--jsx=automatic",
        '--define:process.env.NODE_ENV="production"', f"--outfile={tmp_path / 'main.js'}",
        "--log-level=error", cwd=EXAMPLE,
    )  # fmt: skip
    page = (EXAMPLE / "index.html").read_text(encoding="utf-8")
    assert SCRIPT in page
    bundle = (tmp_path / "main.js").read_text(encoding="utf-8")
    return page.replace(SCRIPT, f'<script type="module">{bundle}</script>')


def test_typing_and_stepping(opened: Opener, html: str) -> None:
    """React sets the bits of the element and receives its answers and steps."""
    with served(html.replace(SERVER, opened.url)) as address:
        page = opened(at=address)
        said = page.locator("#gates p[role=status]")
        expect(said).to_contain_text("in 1011001110? The network says yes. You look at step 10.")

        page.get_by_label("Bits").fill("00x01")
        expect(said).to_contain_text("in 0001? The network says no. You look at step 4.")
        page.locator("lw-gate-trace [role=slider]").press("ArrowLeft")

        expect(said).to_contain_text("You look at step 3.")
        expect(page.locator("lw-gate-trace canvas").first).to_be_visible()


def test_the_token_is_a_property(outside: Opener, html: str) -> None:
    """React passes the token of the session to the element, which has it in no attribute."""
    with served(html.replace(SERVER, outside.url)) as address:
        page = outside(at=address, visit=False)
        page.add_init_script(f"sessionStorage.setItem('lightwell-token', '{SECRET}')")
        page.goto(address)

        expect(page.locator("#gates p[role=status]")).to_contain_text("The network says yes.")
        assert SECRET not in page.locator("#gates").evaluate("(one) => one.innerHTML")
