"""TOML files of a network, of any origin: text, tables and values for errors."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.printable import printable_line
from models.whole_files import WholeFileError, read_whole

MAX_TEXT = 200
"""Characters of a text of one line."""


MAX_DOTS = 64
"""Dots of a line outside of texts: those of a key, or of the numbers of a list."""

STRING = re.compile(
    r"""
    "{3}(?:\\[\s\S]|[^"\\]|"(?!""))*+(?:"{3,5}|\\?\Z)
    | '{3}(?:[^']|'(?!''))*+(?:'{3,5}|\Z)
    | "(?:\\.|[^"\\\n])*+(?:"|\\?$)
    | '[^'\n]*+(?:'|$)
    | \#.*
    """,
    re.MULTILINE | re.VERBOSE,
)
"""Text in quotes of a TOML file, in three of a kind over several lines, or a comment.

A text that is not closed is to the end of its line, or in three quotes to that of the file.
"""


class DeclarationError(ValueError):
    """Error of a declaration: a sentence that names the key or the layer, and the limit."""


def read_text(path: Path, limit: int) -> str:
    """Read the text of a TOML file.

    Args:
        limit: Most bytes of the file.

    Raises:
        DeclarationError: The file is missing, too large, or not UTF-8 text.
    """
    try:
        content = read_whole(path, limit)
    except WholeFileError as error:
        raise DeclarationError(str(error)) from error
    try:
        # Editors on Windows may write a byte order mark, which TOML does not allow.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"{path.name} is not UTF-8 text"
        raise DeclarationError(msg) from error


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Parse the text of a TOML file.

    Args:
        name: Name of the file, for errors.

    Raises:
        DeclarationError: It is not TOML, or has too many dots in a line.
    """
    _check_dots(text, name)
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        msg = f"{name} has lists or tables that are nested too deeply"
        raise DeclarationError(msg) from error
    except ValueError as error:  # a TOMLDecodeError, or that of a number of thousands of digits
        msg = f"{name} is not TOML: {printable_line(str(error))[:MAX_TEXT]}"
        raise DeclarationError(msg) from error


def _check_dots(text: str, name: str) -> None:
    """Check the keys of a TOML file, whose parser takes memory by the square of their parts.

    Raises:
        DeclarationError: A line has too many dots outside of texts.
    """
    # Lines keep their numbers.
    bare = STRING.sub(lambda found: "\n" * found[0].count("\n"), text)
    for number, line in enumerate(bare.splitlines(), 1):
        if line.count(".") > MAX_DOTS:
            msg = f"{name} has more than {MAX_DOTS} dots in line {number}"
            raise DeclarationError(msg)


def check_keys(found: Mapping[str, Any], known: Sequence[str], place: str = "") -> None:
    """Check that a table of a TOML file has known keys only.

    Args:
        place: Beginning of the error, where others have keys too: `tour.toml: `.

    Raises:
        DeclarationError: A key is not known.
    """
    for key in found:
        if key not in known:
            msg = f"{place}key {shown(key)} is not known; keys are {', '.join(known)}"
            raise DeclarationError(msg)


def check_format(found: Mapping[str, Any], version: int, place: str = "") -> None:
    """Check the version of the format of a TOML file.

    Args:
        version: The one that this server reads.
        place: Beginning of the error, as in `check_keys`.

    Raises:
        DeclarationError: It is another one, or missing.
    """
    # True and 1.0 equal 1.
    if type(found.get("format")) is not int or found["format"] != version:
        msg = f"{place}format must be {version}: write `format = {version}`"
        raise DeclarationError(msg)


def shown(value: object) -> str:
    """Return a value of a TOML file for one line of an error, shortened."""
    text = printable_line(str(value))
    return f"'{text[:59]}…'" if len(text) > 60 else f"'{text}'"  # noqa: PLR2004
