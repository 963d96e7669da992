"""Build hook of the wheel: the packages of the checkout become packages below `lightwell`.

In a checkout they are `api`, `models`, `probes` and `scripts`. Installed under these names they
would hide a user's own `models.py`, or be hidden by it. So the wheel has `lightwell/api` and so on,
and each import and each mention of a module in a string is rewritten at its position in the syntax.
"""

import ast
import io
import re
import tokenize
from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PREFIX = "lightwell"
"""Package of the wheel that holds the moved ones."""

MOVED = ("api", "models", "probes", "scripts")
"""Packages of the checkout that the wheel has below `lightwell`."""

KEPT = ("lightwell", "lightwell_client")
"""Packages that the wheel has under their own names, with imports rewritten."""

COMMANDS: Mapping[str, str] = {
    "api": "serve",
    "scripts.activations": "activations",
    "scripts.convert": "convert",
    "scripts.train": "train",
    "scripts.verify": "verify",
}
"""Module that is run by `python -m` in a checkout → command of `lightwell` in the wheel."""

# Scripts that need the checkout: its tests, documentation, history or other environments.
DEVELOPMENT = (
    "scripts/bench",
    "scripts/classroom",
    "scripts/compare",
    "scripts/docs.py",
    "scripts/install.py",
    "scripts/overload",
    "scripts/public",
    "scripts/readme_images.py",
    "scripts/soak.py",
)

_NAMES = "|".join(MOVED)
_RUN = re.compile(rf"python -m (?P<module>(?:{_NAMES})\b(?:\.\w+)*)")
_MODULE = re.compile(rf"(?<![\w./-])(?P<module>(?:{_NAMES})(?:\.\w+)+)")
_STARTS = tuple(getattr(tokenize, f"{kind}STRING_START", -1) for kind in "FT")
_ENDS = tuple(getattr(tokenize, f"{kind}STRING_END", -1) for kind in "FT")

Edit = tuple[int, int, str]
"""Start and end in the source, and the text that replaces it."""


class MovedPackages(BuildHookInterface[Any]):
    """Build hook that adds the moved packages to a standard wheel; an editable one has none."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files of all packages to the wheel, Python's rewritten in a temporary folder."""
        if version != "standard":
            return
        self._folder = TemporaryDirectory(prefix="lightwell-wheel-")
        root = Path(self.root)
        files = wheel_files(root)
        modules = {module_name(file) for file in files if file.suffix == ".py"} | set(COMMANDS)
        for file in files:
            target, source = target_of(file), root / file
            if file.suffix == ".py":
                text = source.read_text(encoding="utf-8")
                source = Path(self._folder.name, target)
                source.parent.mkdir(parents=True, exist_ok=True)
                source.write_text(rewrite(text, modules), encoding="utf-8")
            build_data["force_include"][str(source)] = target.as_posix()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the temporary folder of the rewritten files."""
        if version == "standard":
            self._folder.cleanup()


def wheel_files(root: Path) -> list[Path]:
    """Return the files of the wheel, relative to the root of the checkout or source archive."""
    files = (
        path.relative_to(root)
        for package in (*MOVED, *KEPT)
        for path in sorted((root / package).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    )
    return [file for file in files if not any(file.is_relative_to(one) for one in DEVELOPMENT)]


def target_of(file: Path) -> Path:
    """Return the path in the wheel of a file of the checkout."""
    return Path(PREFIX, file) if file.parts[0] in MOVED else file


def module_name(file: Path) -> str:
    """Return the dotted name of a module of the checkout."""
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rewrite(source: str, modules: Collection[str]) -> str:
    """Rewrite the names of moved packages in the source code of a module.

    Args:
        source: Source code of the checkout.
        modules: Dotted names of all modules of the checkout, which a string may mention.
    """
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    edits = [*_imports(source, starts), *_mentions(source, starts, modules)]
    edits += [(start, start, f"{PREFIX}.") for start in _run_packages(source, starts)]
    for start, end, text in sorted(edits, reverse=True):
        source = source[:start] + text + source[end:]
    return source


def _imports(source: str, starts: list[int]) -> Iterator[Edit]:
    """Yield the edits of absolute imports from moved packages."""

    def offset(line: int, column: int) -> int:
        # The syntax tree has columns in bytes.
        before = source[starts[line - 1] : starts[line]].encode()[:column]
        return starts[line - 1] + len(before.decode())

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and _is_moved(node.module or ""):
            start = offset(node.lineno, node.col_offset) + len("from ")
            if not source.startswith(node.module or "", start):
                msg = f"line {node.lineno}: write the import with single spaces"
                raise ValueError(msg)
            yield start, start, f"{PREFIX}."
        elif isinstance(node, ast.Import):
            moved = [one for one in node.names if _is_moved(one.name)]
            for one in moved:
                start = offset(one.lineno, one.col_offset)
                yield start, start, f"{PREFIX}."
            # `import api.app` binds `api`, and `import lightwell.api.app` does not.
            bound = sorted({one.name.partition(".")[0] for one in moved if one.asname is None})
            if bound:
                end = offset(node.end_lineno or node.lineno, node.end_col_offset or 0)
                yield end, end, f"; from {PREFIX} import {', '.join(bound)}"


def _is_moved(module: str) -> bool:
    """Return whether a module of the checkout is in a moved package."""
    return module.partition(".")[0] in MOVED


def _mentions(source: str, starts: list[int], modules: Collection[str]) -> Iterator[Edit]:
    """Yield the edits of strings that mention moved modules, or commands that run them."""
    for start, end in _strings(source, starts):
        text = source[start:end]
        runs = list(_RUN.finditer(text))
        for run in runs:
            command = COMMANDS.get(run["module"])
            new = f"{PREFIX} {command}" if command else f"python -m {PREFIX}.{run['module']}"
            yield start + run.start(), start + run.end(), new
        for found in _MODULE.finditer(text):
            if any(run.start() <= found.start() < run.end() for run in runs):
                continue
            parts = found["module"].split(".")
            if any(".".join(parts[:count]) in modules for count in range(2, len(parts) + 1)):
                yield start + found.start(), start + found.start(), f"{PREFIX}."


def _run_packages(source: str, starts: list[int]) -> Iterator[int]:
    """Yield the positions of packages that a list of arguments runs: `"-m", "api"`."""
    spans = list(_strings(source, starts))
    for option, package in pairwise(spans):
        is_next = source[option[1] : package[0]].strip() == ","
        if (
            is_next
            and source[slice(*option)][1:-1] == "-m"
            and source[slice(*package)][1:-1] in MOVED
        ):
            yield package[0] + 1


def _strings(source: str, starts: list[int]) -> Iterator[tuple[int, int]]:
    """Yield start and end of each string in source code, a formatted one as a whole."""
    depth, begin = 0, 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        start, end = (starts[line - 1] + column for line, column in (token.start, token.end))
        if token.type in _STARTS:
            begin = begin if depth else start
            depth += 1
        elif token.type in _ENDS:
            depth -= 1
            if not depth:
                yield begin, end
        elif token.type == tokenize.STRING and not depth:
            yield start, end
