"""The page about declarations: its examples are valid, its tables whole, its sentences true."""

import re

import pytest

from models import derivation
from models.declaration.declaration import KEYS, parse_declaration
from models.declaration.layer_line import LAYERS, parse_line
from models.declaration.operations import ACTIVATIONS, UNSUPPORTED, LayerError
from models.declaration.toml_file import DeclarationError
from models.derivation import derive
from tests.docs.fences import ROOT, fences
from tests.oracles.declarations import declared

PAGE = "docs/declarations.md"
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
EXAMPLES = [one.code for one in fences() if (one.page, one.language) == (PAGE, "toml")]
ERRORS = next(one.code for one in fences() if (one.page, one.language) == (PAGE, "text"))


def cells(line: str) -> str:
    """The first cell of a table's row."""
    return line.split("|")[1]


TERMS = {
    term
    for line in TEXT.splitlines()
    if line.startswith("| `")
    for term in re.findall(r"`([^`]+)`", cells(line))
}
"""Terms in the first column of the page's tables."""


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_are_valid(example: str) -> None:
    """Every example of the page is a network."""
    assert derive(parse_declaration(example)).nodes


def test_every_key_and_layer_is_in_a_table() -> None:
    """Keys, layers and activations are those that the parser knows."""
    words = {term.split()[0] for term in TERMS}

    assert {*KEYS} <= TERMS
    assert {*LAYERS, *ACTIVATIONS} <= words


def test_lines_of_tables_are_layer_lines() -> None:
    """A term of a table that begins with a layer can be parsed, N being a number."""
    layers = [term for term in TERMS if term.split()[0] in {*LAYERS, *ACTIVATIONS}]
    for term in layers:
        text = term.replace(" N", " 3").replace(" NAME", " pool1")
        if " " in term or text in {"pool", "flatten", "norm", "globalpool", *ACTIVATIONS}:
            assert parse_line(text).operation


def test_options_of_the_table_are_known() -> None:
    """Each option of `conv` and `pool` is read by one of them."""
    table = TEXT[TEXT.index("| option of") :].partition("\n\n")[0]
    options = re.findall(r"`([^`]+)`", " ".join(map(cells, table.splitlines()[2:])))

    assert len(options) > 10
    for option in options:
        assert any(_is_line(f"{layer} {option}") for layer in ("conv 8", "pool", "pool avg")), (
            option
        )


def _is_line(text: str) -> bool:
    try:
        parse_line(text)
    except LayerError:
        return False
    return True


def test_sentences_are_those_of_errors() -> None:
    """Each error of the page is that of its lines, for grey images of 8 x 9 and three classes."""
    lines = ERRORS.strip().splitlines()
    for layers, sentence in zip(lines[::2], lines[1::2], strict=True):
        with pytest.raises(DeclarationError) as caught:
            derive(parse_declaration(declared(*layers.split(" | "))))
        start, dots, _ = sentence.strip().partition("…")
        assert start in str(caught.value) if dots else str(caught.value).endswith(start)


def test_every_layer_that_cannot_be_declared_is_listed() -> None:
    """The words and sentences are those of the parser."""
    for word, reason in UNSUPPORTED.items():
        row = next(line for line in TEXT.splitlines() if f"`{word}`" in line.partition("| L")[0])
        assert f"| Lightwell has no {reason} |" in row


def test_reserved_names_and_limits_are_stated() -> None:
    """Names that no layer may have, and the largest sizes, are on the page."""
    names = TEXT[TEXT.index("Reserved are") :].partition("\n\n")[0]
    sizes = TEXT[TEXT.index("## Limits") :].partition("## Errors")[0]

    assert {*derivation.RESERVED} <= {*re.findall(r"`([^`]+)`", names)}
    for limit in (derivation.MAX_PARAMETERS, derivation.MAX_VALUES, derivation.MAX_FLOPS):
        assert f"{limit:,}" in sizes
