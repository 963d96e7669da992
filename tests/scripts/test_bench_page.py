"""Command that measures the first answer of the page: its table, and its exit status."""

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from scripts.bench import page
from scripts.bench.page import MOST_BYTES, MOST_REQUESTS, MOST_S, Line, Sent, Visit

DOCUMENT, LATE = Sent("http://127.0.0.1/", 7_000), Sent("http://127.0.0.1/late.js?v=1", 900)
FIRST = Visit(4.25, 0.0, [DOCUMENT, Sent("http://127.0.0.1/cnn/activations?", 50_000)], [LATE])
SECOND = Visit(1.5, 0.0, [DOCUMENT], [])

Run = Callable[[Visit, Visit], int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command with these visits, without a server and a browser."""
    browser = SimpleNamespace(close=lambda: None)
    playwright = SimpleNamespace(chromium=SimpleNamespace(launch=lambda **_: browser))
    monkeypatch.setattr(page, "Server", lambda *_: nullcontext())
    monkeypatch.setattr(page, "sync_playwright", lambda: nullcontext(playwright))

    def run(first: Visit, second: Visit) -> int:
        def visits(_: object, url: str, line: Line) -> tuple[Visit, Visit]:
            assert url.startswith("http://127.0.0.1:")
            assert line == (800, 300)
            return first, second

        monkeypatch.setattr(page, "visits", visits)
        return page.main(["--visits", "2", "--kbit-s", "800"])

    return run


def test_it_prints_both_visits(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Seconds, requests and kB up to the answer and in all, and the address of each request."""
    assert run(FIRST, SECOND) == 0

    printed = capsys.readouterr().out
    first, second = (
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in printed.splitlines()
        if line.startswith("│")
    )
    assert first == ["first", "4.2", "2", "57", "3", "58"]
    assert second == ["second", "1.5", "1", "7", "1", "7"]
    assert LATE.url not in printed
    assert FIRST.before[1].url in printed


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (FIRST._replace(answered_s=MOST_S + 0.1), SECOND),
        (FIRST._replace(before=[DOCUMENT, Sent("", MOST_BYTES)]), SECOND),
        (FIRST, SECOND._replace(after=[LATE] * MOST_REQUESTS)),
    ],
    ids=["seconds", "bytes", "requests"],
)
def test_a_target_that_is_missed_is_the_exit_status(first: Visit, second: Visit, run: Run) -> None:
    """Of the first visit its time and bytes, of the second one its requests."""
    assert run(first, second) == 1
