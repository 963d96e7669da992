"""Page document: HTML whose files have fingerprints in their addresses, and are loaded at once.

A browser asks for `explorer/main.js?v=3f9c…` once: another content has another address. Modules
import each other by their plain relative addresses, which an import map translates.
"""

import base64
import hashlib
import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

FINGERPRINT_LENGTH = 10
"""Hexadecimal digits of a fingerprint."""

ADDRESS = re.compile(r'(?P<name>\b(?:href|src))="(?P<path>[\w./-]+\.\w+)"')
"""Attribute of a page document that may be the address of a file."""

ENTRY = re.compile(r'<script type="module" src="(?P<path>[^"?]+)')
STATIC_IMPORT = re.compile(
    r"""^(?:import|export)\b(?:[^"'();]*?\bfrom)?\s*["'](?P<path>\.[^"']+)["']""", re.MULTILINE
)
"""Import at the beginning of a module, which is loaded before the module runs."""

IMPORT = re.compile(r"""["'](?P<path>\.{1,2}/[\w./-]+\.(?:js|css))["']""")
"""Import anywhere in a module, also one that runs later, and address of a style sheet."""

HINT = re.compile(r'[ \t]*<link rel="modulepreload" href="(?P<path>[^"?]+)" />\n')
"""Preload hint of the document for a module that its scripts import later."""

TEMPLATE = re.compile(r"(?=<template\b)")
"""Beginning of a template of the document, whose links are added to the page later."""


class PageDocument(NamedTuple):
    """Page document as it is served.

    Attributes:
        html: Content.
        script_hash: Source of the content security policy that allows its import map.
    """

    html: str
    script_hash: str


def fingerprint(content: bytes) -> str:
    """Return the fingerprint of a file of a page document: the beginning of its SHA-256."""
    return hashlib.sha256(content).hexdigest()[:FINGERPRINT_LENGTH]


def page_document(html: str, files: Mapping[str, bytes], folder: str = "") -> PageDocument:
    """Build a page document: with fingerprints, an import map, and preload hints.

    Args:
        html: The document as it is written, with a module script in its head, and hints for
            modules that are imported later: each becomes a hint for every module that it needs.
        files: Files that it may load, by their paths below the root of the server.
        folder: Folder of the document, below the same root.
    """
    addresses = {
        posixpath.relpath(name, folder or "."): f"?v={fingerprint(content)}"
        for name, content in files.items()
    }

    def module(found: re.Match[str]) -> str:
        return posixpath.normpath(posixpath.join(folder, found["path"]))

    def address(name: str) -> str:
        path = posixpath.relpath(name, folder or ".")
        return path + addresses[path]

    def hints(modules: Iterable[str], known: set[str]) -> str:
        needed = [one for one in reachable(modules, files, STATIC_IMPORT) if one not in known]
        known.update(needed)
        return "".join(f'<link rel="modulepreload" href="{address(one)}" />\n' for one in needed)

    def with_hints(part: str, known: set[str]) -> str:
        return HINT.sub(lambda found: hints([module(found)], known), part)

    entries = [module(found) for found in ENTRY.finditer(html)]
    imports = {
        _relative(posixpath.relpath(name, folder or ".")): _relative(address(name))
        for name in sorted(reachable(entries, files, IMPORT))
    }
    text = json.dumps({"imports": imports}, separators=(",", ":"))
    first: set[str] = set()
    head = f'<script type="importmap">{text}</script>\n{hints(entries, first)}'
    # Each template is added to the page by itself: it has all that the head has not.
    opening, *templates = TEMPLATE.split(html)
    html = with_hints(opening, first) + "".join(with_hints(one, {*first}) for one in templates)
    html = ADDRESS.sub(lambda found: _with_fingerprint(found, addresses), html)
    html = re.sub(r"[ \t]*(?=<script\b)", lambda _: head, html, count=1)
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return PageDocument(html, f"'sha256-{digest}'")


def _relative(path: str) -> str:
    """Return a path of a page document's import map, which begins with a dot."""
    return path if path.startswith("../") else f"./{path}"


def _with_fingerprint(found: re.Match[str], addresses: Mapping[str, str]) -> str:
    """Return an attribute of a page document with the fingerprint of its file, if it is one."""
    path = found["path"]
    return f'{found["name"]}="{path}{addresses.get(path, "")}"'


def reachable(
    entries: Iterable[str], files: Mapping[str, bytes], imports: re.Pattern[str]
) -> Iterator[str]:
    """Yield the modules that a page document can load, nearest to its scripts first.

    Args:
        entries: Paths of the modules of its script elements.
        files: All modules by path.
        imports: Pattern of the imports that count.
    """
    waiting = list(entries)
    seen = set(waiting)
    for name in waiting:
        yield name
        for found in imports.finditer(files[name].decode()):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), found["path"]))
            if path in files and path not in seen:
                seen.add(path)
                waiting.append(path)
