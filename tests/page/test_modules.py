"""Modules of the page: the document names those of the first answer, and the others for later."""

import gzip
import re

import pytest

from api.responses.documentation_comments import without_documentation
from api.responses.page_document import page_document
from api.routes.page import STATIC, read_files

FIRST = ("explorer/main.js", "explorer/images/images-chapter.js")
"""Entry point of the page, and the module of its first view."""

IMPORT = re.compile(r'^(?:import|export)\b(?:[^;"]*?\bfrom)?\s*"([^"]+)"', re.MULTILINE)
LINK = re.compile(r'<link rel="modulepreload" href="([^"?]+)\?v=\w+" />')
STYLE = re.compile(r'<link rel="stylesheet" href="([^"?]+)')
MOST_BYTES = 60_000
"""Compressed bytes of document, styles and modules of the first answer."""

FILES = read_files(STATIC)
DOCUMENT = page_document(FILES["index.html"].decode(), FILES).html
OPENING, *TEMPLATES = DOCUMENT.split("<template")
"""The document up to its first template, and each template with what follows it."""


def imported(name: str) -> set[str]:
    """Modules that a module imports before it runs."""
    folder = (STATIC / name).parent
    found = IMPORT.findall(FILES[name].decode())
    return {(folder / one).resolve().relative_to(STATIC.resolve()).as_posix() for one in found}


def needed(*names: str) -> set[str]:
    """Modules, with all that they import."""
    found: set[str] = set()
    left = set(names)
    while left:
        found |= left
        left = {other for name in left for other in imported(name)} - found
    return found


def test_the_modules_of_the_first_answer_are_preloaded() -> None:
    """The document names each once, so that a browser asks for all at once, not level by level."""
    assert sorted(LINK.findall(OPENING)) == sorted(needed(*FIRST))


@pytest.mark.parametrize(
    ("template", "module"),
    [
        ("image-modules", "explorer/images/image-panels.js"),
        ("sequence-modules", "explorer/sequences/sequences-chapter.js"),
    ],
)
def test_a_template_has_the_modules_of_later_panels(template: str, module: str) -> None:
    """Each that the first answer does not need, also where another template has it too."""
    (part,) = (one for one in TEMPLATES if f'id="{template}"' in one)

    assert sorted(LINK.findall(part)) == sorted(needed(module) - needed(*FIRST))


def test_the_files_of_the_first_answer_are_small() -> None:
    """Document, styles and modules of the first answer have few bytes, compressed."""
    styles = STYLE.findall(OPENING)
    contents = [
        DOCUMENT.encode(),
        *(FILES[one] for one in styles),
        *(without_documentation(FILES[one]) for one in needed(*FIRST)),
    ]

    assert len(styles) == 3
    assert 30_000 < sum(len(gzip.compress(one)) for one in contents) <= MOST_BYTES
