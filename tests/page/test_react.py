"""React example: it compiles, builds and runs by its README, in a page of another origin."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
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


NPM = NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
SERVED = re.compile(r"http://127\.0\.0\.1:\d+/")


@pytest.fixture
def copy(opened: Opener, tmp_path: Path) -> Path:
    """A copy of the example, whose packages are those of the tests, for the server of the tests."""
    folder = tmp_path / "react"
    shutil.copytree(EXAMPLE, folder)
    (folder / "node_modules").symlink_to(module("react").parent.resolve())
    page = folder / "index.html"
    page.write_text(page.read_text(encoding="utf-8").replace(SERVER, opened.url), encoding="utf-8")
    return folder


@pytest.fixture
def address(copy: Path) -> Iterator[str]:
    """Address at which `npm start` serves the example, on a free port."""
    package = copy / "package.json"
    package.write_text(package.read_text(encoding="utf-8").replace(":5173", ":0"), encoding="utf-8")
    process = subprocess.Popen(  # noqa: S603 - our own example
        [NODE, NPM, "start"],
        cwd=copy,
        stdin=subprocess.PIPE,  # at whose end esbuild stops
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PATH": f"{NODE.parent}:{os.environ['PATH']}", "NO_COLOR": "1"},
    )
    assert process.stdout is not None
    found = next(match for line in process.stdout if (match := SERVED.search(line)))
    yield found[0]
    process.communicate()


def test_it_runs_by_its_readme(opened: Opener, address: str) -> None:
    """`npm start` serves the page, which has the answer of the server."""
    page = opened(at=address)

    expect(page.locator("#gates p[role=status]")).to_contain_text("The network says yes.")


def test_it_builds_by_its_readme(copy: Path) -> None:
    """The other commands of the README are scripts of the package, and end well."""
    readme = (copy / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"npm run (\w+)", readme)
    path = f"{NODE.parent}:{os.environ['PATH']}"

    for command in commands:
        run(NODE, NPM, "run", command, cwd=copy, env={"PATH": path})

    assert set(commands) == {"build", "check"}
    assert (copy / "main.js").stat().st_size > 100_000


def test_its_packages_are_those_that_were_tested() -> None:
    """The versions of the example are those of the tests."""
    ours = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    package = json.loads((EXAMPLE / "package.json").read_text(encoding="utf-8"))
    named = package["dependencies"] | package["devDependencies"]

    assert named.items() <= ours.items()


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
