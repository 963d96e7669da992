"""Content of the wheel: names, imports and texts, compared with the checkout without running it."""

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile

import pytest

from hatch_build import COMMANDS, MOVED, target_of, wheel_files
from tests.servers import ROOT

BARE = "|".join(MOVED)
POSIX = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty", "uvloop"}
ADDRESS = re.compile(r"/[\w./{}*-]*")


@pytest.fixture(scope="module")
def files(wheel: Path) -> dict[str, bytes]:
    """Content of the wheel's files by their path."""
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def trees(files: dict[str, bytes]) -> dict[str, ast.Module]:
    """Syntax trees of the wheel's modules by their path."""
    return {name: ast.parse(one) for name, one in files.items() if name.endswith(".py")}


def test_two_names_become_importable(files: dict[str, bytes]) -> None:
    """The wheel has the packages `lightwell` and `lightwell_client`, and no other name."""
    tops = {name.partition("/")[0] for name in files}

    assert {one for one in tops if not one.endswith(".dist-info")} == {
        "lightwell",
        "lightwell_client",
    }


def test_all_imports_are_of_the_wheel_or_of_others(trees: dict[str, ast.Module]) -> None:
    """No module imports a bare name, and each import from Lightwell is of a module of the wheel."""
    modules = {
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in trees
    }
    found = {one for tree in trees.values() for one in imported(tree)}
    own = {one for one in found if one.partition(".")[0] in {"lightwell", "lightwell_client"}}

    assert not {one for one in found if re.match(rf"({BARE}|tests|hatch_build)\b", one)}
    assert len(own) > 300
    # What is imported may be a name in the module before it.
    assert {
        one for one in own if one not in modules and one.rpartition(".")[0] not in modules
    } == set()


def imported(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted names that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{one.name}" for one in node.names)


def test_no_module_imports_posix_unguarded(trees: dict[str, ast.Module]) -> None:
    """No module needs a module of POSIX alone at its import, but those of worker processes."""
    found = {
        f"{name}: {one}"
        for name, tree in trees.items()
        if not name.startswith("lightwell/api/workers/")  # where `--workers` is refused elsewhere
        for one in imported_at_once(tree)
    }

    assert "lightwell/api/server/process.py: uvicorn" in found
    assert {one for one in found if one.rpartition(": ")[2] in POSIX} == set()


def imported_at_once(tree: ast.Module) -> Iterator[str]:
    """Yield the packages that a module imports on every platform when it is imported."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_no_text_names_a_module_of_the_checkout(trees: dict[str, ast.Module]) -> None:
    """No string has a command of the checkout, and no list of arguments runs its packages."""
    for name, tree in trees.items():
        texts = strings(tree)
        assert not [one for one in texts if re.search(rf"python\s+-m\s+({BARE})\b", one)], name
        assert not [one for one in pairwise(texts) if one[0] == "-m" and one[1] in MOVED], name


def strings(tree: ast.Module) -> list[str]:
    """Return the strings of a module in their order."""
    nodes = (one for one in ast.walk(tree) if isinstance(one, ast.Constant))
    return [one.value for one in nodes if isinstance(one.value, str)]


def test_modules_differ_in_names_alone(files: dict[str, bytes]) -> None:
    """A module is that of the checkout, line by line, but for names of modules and commands."""
    modules = [one for one in wheel_files(ROOT) if one.suffix == ".py"]

    assert len(modules) == len([one for one in files if one.endswith(".py")])
    for file in modules:
        before = (ROOT / file).read_text(encoding="utf-8").splitlines()
        after = files[target_of(file).as_posix()].decode().splitlines()
        for old, new in zip(before, after, strict=True):
            assert old == new or old == restored(new, old), file
            assert old == new or ADDRESS.findall(old) == ADDRESS.findall(new), file


def restored(line: str, old: str) -> str:
    """Undo the rewriting of a line of source code."""
    line = re.sub(rf"; from lightwell import ({BARE})(, ({BARE}))*$", "", line)
    line = re.sub(rf"\blightwell\.(?=({BARE})\b)", "", line)
    for module, command in COMMANDS.items():
        if f"python -m {module}" in old:
            line = re.sub(rf"\blightwell {command}\b", f"python -m {module}", line)
    return line


def test_names_and_keys_stay(trees: dict[str, ast.Module]) -> None:
    """Rewriting reaches imports and texts: no variable, attribute or key got another name."""
    for file, tree in trees.items():
        nodes = list(ast.walk(tree))
        attributes = {ast.unparse(one) for one in nodes if is_of_name(one)}
        keys = {one.value for one in nodes if isinstance(one, ast.Constant)}
        assert not {f"lightwell.{name}" for name in MOVED} & (attributes | keys), file


def is_of_name(node: ast.AST) -> bool:
    """Return whether a node of a syntax tree is an attribute of a name, such as `a.b`."""
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)


def test_data_files_are_those_of_the_checkout(files: dict[str, bytes]) -> None:
    """Weights, reports, pages and scripts of pages are in the wheel, byte by byte."""
    data = {one for one in wheel_files(ROOT) if one.suffix != ".py"}

    assert {one.suffix for one in data} >= {
        ".css",
        ".html",
        ".js",
        ".json",
        ".safetensors",
        ".toml",
    }
    for one in data:
        assert files[target_of(one).as_posix()] == (ROOT / one).read_bytes(), one


def test_an_installation_needs_two_packages(files: dict[str, bytes]) -> None:
    """Without an extra the wheel needs NumPy and httpx2; the extra `server` has all others."""
    (name,) = (one for one in files if one.endswith("METADATA"))
    needed = re.findall(r"^Requires-Dist: (.+)$", files[name].decode(), re.MULTILINE)
    extras = set(re.findall(r"extra == '(\w+)'", "\n".join(needed)))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert [one.split(">")[0] for one in needed if "extra" not in one] == ["httpx2", "numpy"]
    assert extras | {"client"} == set(project["optional-dependencies"])
    for extra in extras:
        assert any("fastapi" in one and f"extra == '{extra}'" in one for one in needed), extra
