"""Modules of the page: those of the first view are preloaded, and the others are not."""

import gzip
import re
from pathlib import Path

from tests.servers import ROOT

STATIC = ROOT / "api" / "static"
FIRST = ("explorer/main.js", "explorer/images/images-chapter.js")
"""Entry point of the page, and the module of its first view."""

IMPORT = re.compile(r'^(?:import|export)\b(?:[^;"]*?\bfrom)?\s*"([^"]+)"', re.MULTILINE)
LINK = re.compile(r'<link rel="modulepreload" href="([^"]+)" />')
MOST_BYTES = 150_000
"""Compressed bytes of page, styles and modules of the first view."""


def imported(name: str) -> set[str]:
    """Modules that a module imports before it runs."""
    found = IMPORT.findall((STATIC / name).read_text(encoding="utf-8"))
    folder = (STATIC / name).parent
    return {(folder / one).resolve().relative_to(STATIC.resolve()).as_posix() for one in found}


def needed(*names: str) -> set[str]:
    """Modules, with all that they import."""
    found: set[str] = set()
    left = set(names)
    while left:
        found |= left
        left = {other for name in left for other in imported(name)} - found
    return found


def test_the_modules_of_the_first_view_are_preloaded() -> None:
    """The page names each, so that a browser asks for all at once and not level by level."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")

    assert sorted(needed(*FIRST) - {FIRST[0]}) == LINK.findall(page)


def test_the_first_view_is_small() -> None:
    """Page, styles and modules of the first view have few bytes, compressed."""
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    styles = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    files = ["index.html", *styles, *needed(*FIRST)]

    sizes = [len(gzip.compress(Path(STATIC, one).read_bytes())) for one in files]

    assert len(styles) > 5
    assert 50_000 < sum(sizes) <= MOST_BYTES
