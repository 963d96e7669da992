"""Vocabulary: one name for one thing, in names, docstrings, comments and docs."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.servers import ROOT

PACKAGES = ("api", "lightwell", "lightwell_client", "models", "probes", "scripts")
SUFFIXES = {".css", ".html", ".js", ".md", ".mjs", ".py", ".toml"}

RETIRED: Mapping[str, str] = {
    "anatomy": "architecture",
    "contestants?": "benchmarked system",
    "Corked": "write-coalescing transport",
    "familiarity": "out-of-distribution detector",
    "forsaken": "disconnected",
    "hold_alternatives": "add_parameter_sets",
    "ledger": "access log",
    "lone_on_loop": "run_inline",
    "milestones?": "training checkpoint",
    "nobody|somebody|whoever": "the person or the program",
    "Notice": "input warning",
    "patience": "timeout, or seconds of retries",
    "skeletons?": "graph definition",
    "zoo": "registry",
}
"""Terms that are not used, and the term of the field for each."""

ALLOWED: Mapping[str, frozenset[str]] = {
    "familiarity": frozenset(
        {
            "models/shipped/README.md",
            "models/cnn/ood_detector.py",
            "scripts/ood_detector.py",
        }
    ),
    "milestones?": frozenset(
        {
            "docs/training.md",
            "models/shipped/README.md",
            "models/cnn/layer_comparison.py",
            "models/model_files.py",
            "models/cnn/records.py",
            "models/network_files.py",
            "models/runtime/artifacts.py",
            "probes/cnn/layers.py",
            "scripts/artifacts.py",
            "scripts/run_directory.py",
        }
    ),
    "Notice": frozenset({"lightwell_client/__init__.py", "lightwell_client/answers.py"}),
    "patience": frozenset({"lightwell_client/client.py"}),
}
"""Files that name a file on disk, or a name of the client that it keeps."""

VAGUE = re.compile(
    r"\b(anew|likewise|nobody|said|so many|somebody|stands?|told|what|whatever|whoever)\b",
    re.IGNORECASE,
)
"""Words that take the place of a noun."""


def files(*folders: str) -> Iterator[Path]:
    """Yield the hand-written files of some folders."""
    for folder in folders:
        found = (ROOT / folder).rglob("*")
        yield from (one for one in sorted(found) if one.is_file() and one.suffix in SUFFIXES)


def first_lines() -> Iterator[tuple[str, str]]:
    """Yield each docstring's file and first line, those of attributes and constants too."""
    for path in files(*PACKAGES):
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Module(body=body) | ast.ClassDef(body=body):
                    statements = body
                case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
                    statements = body[:1]
                case _:
                    continue
            for one in statements:
                match one:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        yield path.relative_to(ROOT).as_posix(), text.strip().splitlines()[0]


@pytest.mark.parametrize("term", RETIRED)
def test_a_retired_term_is_not_used(term: str) -> None:
    """No file uses a retired term, in its text or its name."""
    pattern = re.compile(
        rf"(?<![A-Za-z])({term})(?![A-Za-z])", 0 if term[0].isupper() else re.IGNORECASE
    )
    allowed = ALLOWED.get(term, frozenset())
    using = [
        name
        for path in files(*PACKAGES, "docs", "examples")
        if (name := path.relative_to(ROOT).as_posix()) not in allowed
        and pattern.search(f"{path.stem}\n{path.read_text(encoding='utf-8')}")
    ]

    assert not using, f"'{term}' is now '{RETIRED[term]}'"


def test_first_lines_name_their_subject() -> None:
    """No docstring's first line has a word that takes the place of a noun."""
    vague = [f"{name}: {line}" for name, line in first_lines() if VAGUE.search(line)]

    assert not vague


def test_a_first_line_means_one_thing() -> None:
    """No two files have the same first line, which would fit both."""
    places = defaultdict(set)
    for name, line in first_lines():
        places[line].add(name)
    repeated = {line: sorted(names) for line, names in places.items() if len(names) > 1}

    assert not repeated
