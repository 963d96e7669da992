"""The table of threats: every row is there once, and names files that exist."""

import re

from tests.servers import ROOT

ROWS = 76
TABLE = ROOT / "tests" / "reliability" / "README.md"
ROW = re.compile(r"^\| (\d+)(?: to (\d+)|, (\d+))? \|", re.MULTILINE)


def test_every_threat_is_in_the_table_once() -> None:
    """Rows 1 to 76 follow each other."""
    numbers = []
    for first, last, second in ROW.findall(TABLE.read_text(encoding="utf-8")):
        numbers += range(int(first), int(last or second or first) + 1)

    assert numbers == list(range(1, ROWS + 1))


def test_every_named_file_is_there() -> None:
    """Tests and programs of the table exist."""
    text = TABLE.read_text(encoding="utf-8")
    tests = re.findall(r"`([\w/]+(?:\.py|/))`", text)
    programs = re.findall(r"`python -m scripts\.(\w+)", text)

    assert len(tests) > 30
    assert [name for name in tests if not (ROOT / "tests" / name).exists()] == []
    for name in programs:
        assert list((ROOT / "scripts").glob(f"{name}*")), name
