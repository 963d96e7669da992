"""React example: it compiles, and works in a page of another origin."""

from pathlib import Path

from playwright.sync_api import expect

from tests.docs.fences import SERVER
from tests.page.conftest import Opener
from tests.page.test_embedding import served
from tests.servers import ROOT
from tests.tools import NODE, module, run

EXAMPLE = ROOT / "examples" / "react"
SCRIPT = '<script type="module" src="main.js"></script>'


def test_it_compiles() -> None:
    """The example passes the strict compiler, custom element and events included."""
    assert run(NODE, module("typescript/bin/tsc"), "-p", ".", cwd=EXAMPLE) == ""


def test_typing_and_stepping(opened: Opener, tmp_path: Path) -> None:
    """React sets the bits of the element and receives its answers and steps."""
    run(
        module("esbuild/bin/esbuild"), "main.tsx", "--bundle", "--minify", "--jsx=automatic",
        '--define:process.env.NODE_ENV="production"', f"--outfile={tmp_path / 'main.js'}",
        "--log-level=error", cwd=EXAMPLE,
    )  # fmt: skip
    html = (EXAMPLE / "index.html").read_text(encoding="utf-8").replace(SERVER, opened.url)
    assert SCRIPT in html
    bundle = (tmp_path / "main.js").read_text(encoding="utf-8")
    with served(html.replace(SCRIPT, f'<script type="module">{bundle}</script>')) as address:
        page = opened(at=address)
        said = page.locator("#gates p[role=status]")
        expect(said).to_contain_text("in 1011001110? The network says yes. You look at step 10.")

        page.get_by_label("Bits").fill("00x01")
        expect(said).to_contain_text("in 0001? The network says no. You look at step 4.")
        page.locator("lw-gate-trace [role=slider]").press("ArrowLeft")

        expect(said).to_contain_text("You look at step 3.")
        expect(page.locator("lw-gate-trace canvas").first).to_be_visible()
