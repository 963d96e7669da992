"""Links and code of the page restore or return exactly the view on display."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.browsers import settle
from tests.page.conftest import Opener, show
from tests.page.test_drawing import draw_a_seven, pad
from tests.tools import require, run


def shown(page: Page) -> dict[str, object]:
    """Displayed answers and selections of both views, to compare two pages."""
    view = page.locator(".top nav")
    view.get_by_role("link", name="Sequences").click()
    Opener.wait_until_alive(page)
    sequences = {
        "answers": page.locator("#sequence-bars .bar-value").all_inner_texts(),
        "sequence": page.locator("lw-gate-trace").evaluate("(one) => one.answer.input.sequence"),
        "place": page.locator("lw-gate-trace").evaluate("(one) => [one.step, one.unit]"),
    }
    view.get_by_role("link", name="Digits").click()
    Opener.wait_until_alive(page)
    return sequences | {
        "digits": page.locator("#digit-bars .bar-value").all_inner_texts(),
        "channel": page.locator("#inspector .channel-picker input").input_value(),
        "layer": page.locator("#inspector .chip[aria-pressed=true]").all_inner_texts(),
        "value": page.locator("#inspector .inspector-value").inner_text(),
        "settings": [
            page.locator(f"#{one}").input_value() for one in ("palette", "range", "theme")
        ],
        "seen": page.locator("#seen canvas").first.evaluate("(one) => one.toDataURL()"),
    }


def test_a_link_restores_the_state(opened: Opener) -> None:
    """A link restores drawing, selection, colours and sequence in another profile."""
    page = opened("#layer=pool2&channel=9&y=3&x=2&sequence=1100101&step=4&unit=6")
    page.get_by_role("button", name="Clear").click()
    draw_a_seven(page, pad(page))
    page.locator("#palette").select_option("cividis")
    page.locator("#range").select_option("channel")
    page.locator("#theme").select_option("dark")
    expect(page.locator("#digit-bars li.winner .bar-name")).to_have_text("7")
    settle(page)
    page.locator("#share").click()
    expect(page.locator("#share")).not_to_have_text("Share link")
    link = page.url
    first = shown(page)
    assert "strokes=" in link
    assert len(link) < 8192

    other = opened(link.removeprefix(opened.url + "/"))
    settle(other)

    assert shown(other) == first
    assert first["place"] == [4, 6]
    assert first["sequence"] == "1100101"
    assert first["layer"] == ["pool2"]


def test_a_link_is_copied(opened: Opener) -> None:
    """With permission, the button copies the link to the clipboard."""
    page = opened("#channel=4", permissions=["clipboard-read", "clipboard-write"])
    page.locator("#share").click()
    expect(page.locator("#share")).to_have_text("Link copied")

    assert page.evaluate("navigator.clipboard.readText()") == page.url
    assert "channel=4" in page.url


NONSENSE = (
    "#layer=conv9&channel=99999&y=77&x=-5&sample=5000&palette=jet&range=none&filters=dense9",
    "#sequence=10a&step=99999&unit=-4&order=none&theme=pink",
    "#sequence=&strokes=!!!&pixels=AAAA&otherPixels=A&compare=true",
    "#%00=&=&layer=%FF%FE",
)


def test_a_link_with_invalid_values_opens(opened: Opener) -> None:
    """A link with invalid values opens the page without an error."""
    page = opened(visit=False)
    for fragment in NONSENSE:
        page.goto("about:blank")
        page.goto(f"{opened.url}/{fragment}")
        opened.wait_until_alive(page)


def code_of(page: Page, panel: str, language: str) -> str:
    """Code of a panel in a language."""
    body = show(page, f"{panel}-code")
    body.get_by_role("button", name=language, exact=True).click()
    expect(body.locator("code")).not_to_be_empty()
    return body.locator("code").inner_text()


@pytest.mark.parametrize("drawn", [False, True], ids=["sample", "drawing"])
def test_code_of_a_digit_runs(opened: Opener, tmp_path: Path, drawn: bool) -> None:
    """The curl, fetch and Python code return the prediction and the layers of the page."""
    require("curl", shutil.which("curl") is not None)
    page = opened("#layer=relu2")
    if drawn:
        page.get_by_role("button", name="Clear").click()
        draw_a_seven(page, pad(page))
        expect(page.locator("#digit-bars li.winner .bar-name")).to_have_text("7")
        settle(page)
    name = page.locator("#digit-bars li.winner .bar-name").inner_text()

    answer = json.loads(run("sh", "-ec", code_of(page, "digit", "curl"), cwd=tmp_path))
    assert answer["prediction"]["name"] == name
    said = run(sys.executable, "-c", code_of(page, "digit", "Python"), cwd=tmp_path)
    assert "relu" in said
    with page.expect_console_message() as told:
        page.evaluate(f"(async () => {{ {code_of(page, 'digit', 'fetch')} }})()")
    assert told.value.args[0].json_value()["name"] == name


def test_code_of_a_sequence_runs(opened: Opener, tmp_path: Path) -> None:
    """The code of a sequence returns the prediction of the page."""
    require("curl", shutil.which("curl") is not None)
    page = opened("#sequence=1101100")
    name = page.locator("#sequence-bars li.winner .bar-name").inner_text()

    answer = json.loads(run("sh", "-ec", code_of(page, "sequence", "curl"), cwd=tmp_path))
    assert answer["prediction"]["name"] == name
    assert answer["input"]["sequence"] == "1101100"
    said = run(sys.executable, "-c", code_of(page, "sequence", "Python"), cwd=tmp_path)
    assert "(7, " in said
    with page.expect_console_message() as told:
        page.evaluate(f"(async () => {{ {code_of(page, 'sequence', 'fetch')} }})()")
    assert told.value.args[0].json_value()["name"] == name
