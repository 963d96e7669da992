"""Markup in texts of networks and in names of files: shown as text, never run (row 58)."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.api.bodies import PICTURE
from tests.networks import write_network
from tests.page.browsers import Watcher, settle
from tests.page.conftest import Opener
from tests.page.profiles import Profiles
from tests.page.test_networks import bars
from tests.page.test_opening import visit_every_panel
from tests.page.test_sharing import code_of
from tests.servers import started

ATTACK = "<img src=x onerror=attacked()>"
"""Runs a script, and asks for a picture, wherever it becomes markup."""

SCRIPT = "<script>attacked()</script>"
QUOTES = "\"'><svg onload=attacked()>"
LINK = "[a](javascript:attacked())"
QUOTED = ["it's", '"', "\\", "é", "😀", "$(attacked)"]
"""Symbols that code has to quote."""

ALPHABET = json.dumps([ATTACK, SCRIPT, "b", *QUOTED], ensure_ascii=False)
IMAGES = f"""
title = {"T " + ATTACK!r}
task = {"Q " + SCRIPT!r}
classes = [{ATTACK!r}, {SCRIPT!r}, {LINK!r}]
input = {{ image = [8, 16, 1] }}
layers = ["conv 3 3x5", "tanh", "flatten", "dense 3"]
"""
SYMBOLS = f"""
title = {"S " + SCRIPT!r}
classes = [{ATTACK!r}, "other"]
input = {{ alphabet = {ALPHABET}, encoding = "one-hot" }}
layers = ["gru 3", "dense 2"]
"""
BROKEN = f"""
classes = ["a", "b"]
input = {{ image = [8, 16, 1] }}
layers = [{"conv 3 " + ATTACK!r}]
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with networks of a stranger, two of which cannot be loaded."""
    folder = tmp_path_factory.mktemp("networks")
    write_network(folder / "drawings", IMAGES)
    write_network(folder / "words", SYMBOLS)
    for name in ("broken", ATTACK.replace("/", "")):
        (folder / name).mkdir()
        (folder / name / "lightwell.toml").write_text(f"format = 1\n{BROKEN}")
    with started("--models", str(folder), "--deadline-s", "120", ready="Ready after") as server:
        yield server.url


@pytest.fixture
def shown(profiles: Profiles, hostile: str, watchers: list[Watcher]) -> Iterator[Page]:
    """The page with the networks of the stranger, whose faults and requests are watched."""
    with Opener(profiles, hostile, watchers) as opener:
        yield opener("#imageModel=drawings&sequenceModel=words")


def assert_is_text(page: Page) -> None:
    """Check that no text has become an element, and that no script of it can run."""
    assert page.locator("img[src='x'], svg[onload], [onerror], a[href^='javascript']").count() == 0
    assert (
        page.locator("script:not([src])").count()
        == page.locator("script[type='importmap']:not([src])").count()
    )
    assert page.evaluate("typeof attacked") == "undefined"


def test_texts_of_a_network_are_text(shown: Page) -> None:
    """Title, classes and symbols are in the page as they are written, and run nothing."""
    expect(shown.locator("#digits h1")).to_have_text(f"T {ATTACK}")
    for name in (ATTACK, SCRIPT, LINK):
        expect(shown.locator("#answer")).to_contain_text(name)
    assert len(bars(shown, "#answer")) == 3
    visit_every_panel(shown)
    assert_is_text(shown)
    shown.locator(".top nav").get_by_role("link", name="Sequences").click()
    expect(shown.locator("#sequence-bars")).to_contain_text(ATTACK)
    visit_every_panel(shown)
    assert_is_text(shown)


def test_symbols_are_text_in_copied_code(shown: Page) -> None:
    """A shell, Python and JavaScript read each symbol as it is written."""
    Opener.turn(shown, f"#sequences&sequenceModel=words&sequence={quote(','.join(QUOTED))}")
    settle(shown)

    command = shlex.split(code_of(shown, "sequence", "curl"))
    assert json.loads(command[command.index("-d") + 1]) == {"sequence": QUOTED}
    assert command.index("-d") + 2 == len(command)
    python = code_of(shown, "sequence", "Python")
    assert ast.parse(python)
    sent = re.search(r"^body = (.*)\.encode\(\)$", python, re.MULTILINE)
    assert sent
    assert json.loads(ast.literal_eval(sent[1])) == {"sequence": QUOTED}
    with shown.expect_request(lambda request: request.method == "POST") as asked:
        shown.evaluate(f"(async () => {{ {code_of(shown, 'sequence', 'fetch')} }})()")
    assert asked.value.post_data_json == {"sequence": QUOTED}


def test_the_name_of_a_file_is_text(shown: Page) -> None:
    """A file of any name, and one that is no picture, runs nothing and shows no element."""
    names = (ATTACK.replace("/", ""), "a\"'><b>x.png", f"{SCRIPT[:8]}.png")
    for name, content in product(names, (PICTURE, b"GIF89a" + SCRIPT.encode())):
        file = {"name": name, "mimeType": "image/png", "buffer": content}
        shown.locator("#draw input[type=file]").set_input_files(file)
        settle(shown)
        assert_is_text(shown)


def test_a_shared_address_is_text(
    profiles: Profiles, hostile: str, watchers: list[Watcher]
) -> None:
    """Markup in the fragment of an address is neither an element nor a script."""
    fragment = f"#imageModel={ATTACK}&layer={SCRIPT}&bits={QUOTES}&sequenceModel={LINK}"
    with Opener(profiles, hostile, watchers) as opener:
        page = opener(fragment, visit=False)
        page.goto(f"{hostile}/{fragment}")
        settle(page)
        assert_is_text(page)
