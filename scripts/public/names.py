"""Public names by heading and kind: their text form, its parser, and the names that are gone.

A heading is an operation (`POST /cnn/predict cnn_predict`) or another group (`settings`); a kind
is `query`, `body`, `answer` and so on. Long lists that several headings have in common come first,
each under the heading that has it first, so that a probe takes few lines.
"""

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

Names = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Public names: heading → kind → sorted words."""

WIDTH = 150
_KIND = re.compile(r"  ([a-z_]+): (.*)")
_NAME = re.compile(r"`([^`]+)`")
_SHARED = re.compile(r"\(.+\)")


def write(names: Names) -> str:
    """Write public names as the text of docs/public-names.txt; `read` parses it."""
    return "\n".join(_lines(names)) + "\n"


def _lines(names: Names) -> Iterator[str]:
    """Write the lines of docs/public-names.txt: shared lists, then each heading with its kinds."""
    shared = _shared(names)
    for words, reference in shared.items():
        yield reference
        yield from _wrapped("", " ".join(words))
    for heading, kinds in names.items():
        yield heading
        for kind, words in kinds.items():
            yield from _wrapped(f"{kind}: ", shared.get(words) or " ".join(words))


def _shared(names: Names) -> dict[tuple[str, ...], str]:
    """Find lists of public names that are longer than a line and come more than once; name each."""
    each = [(heading, kind, words) for heading in names for kind, words in names[heading].items()]
    count = Counter(words for _, _, words in each if len(" ".join(words)) > WIDTH)
    shared: dict[tuple[str, ...], str] = {}
    for heading, kind, words in each:
        if count[words] > 1:
            shared.setdefault(words, f"({kind} of {heading})")
    return shared


def _wrapped(before: str, text: str) -> list[str]:
    """Break a list of public names into lines, between words only."""
    return textwrap.wrap(
        before + text,
        WIDTH,
        initial_indent="  ",
        subsequent_indent="    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def read(text: str) -> Names:
    """Read public names from the text of docs/public-names.txt, as `write` has it.

    Raises:
        ValueError: A line is neither a heading, nor a kind, nor the rest of one.
    """
    names: dict[str, dict[str, tuple[str, ...]]] = {}
    shared: dict[str, tuple[str, ...]] = {}
    heading = ""
    # A line of four spaces or more continues the one before it.
    for line in re.sub(r"\n {4,}", " ", text).splitlines():
        if not line.startswith(" "):
            heading = line
            if not _SHARED.fullmatch(line):
                names[heading] = {}
        elif _SHARED.fullmatch(heading):
            shared[heading] = tuple(line.split())
        elif found := _KIND.fullmatch(line):
            kind, words = found.groups()
            names[heading][kind] = shared.get(words) or tuple(words.split())
        else:
            msg = f"not a line of a list of names: {line!r}"
            raise ValueError(msg)
    return names


def flat(names: Names) -> set[str]:
    """Return each public name with heading and kind: `settings variables LIGHTWELL_PORT`."""
    each = {
        f"{heading} {kind} {word}"
        for heading, kinds in names.items()
        for kind, words in kinds.items()
        for word in words
    }
    return each | set(names)


def removed(before: Names, now: Names, announced: Iterable[str]) -> list[str]:
    """Return the public names that are gone without an announcement.

    Args:
        before: The committed list.
        now: The names of the code.
        announced: Names that the changelog removes; one covers all that begin with it.
    """
    allowed = tuple(announced)
    return sorted(
        name
        for name in flat(before) - flat(now)
        if not any(name == one or name.startswith(f"{one} ") for one in allowed)
    )


def announced_in(changelog: str) -> list[str]:
    """Return the public names that the newest section of a changelog may remove.

    They are in backticks under `### Removed`, and were under `### Deprecated` in an earlier minor
    version; or their line says that they were never released.
    """
    (newest, entries), *earlier = _sections(changelog)
    deprecated = {
        name
        for version, older in earlier
        if _minor(version) != _minor(newest)
        for line in older.get("Deprecated", ())
        for name in _NAME.findall(line)
    }
    return [
        name
        for line in entries.get("Removed", ())
        for name in _NAME.findall(line)
        if name in deprecated or "never released" in line
    ]


def _sections(changelog: str) -> list[tuple[str, dict[str, list[str]]]]:
    """Read the changelog's sections for removed public names: version → heading → entries."""
    sections: list[tuple[str, dict[str, list[str]]]] = []
    for line in re.sub(r"\n  +", " ", changelog).splitlines():
        if line.startswith("## "):
            sections.append((line.strip("# []"), {}))
        elif line.startswith("### "):
            entries = sections[-1][1].setdefault(line.removeprefix("### "), [])
        elif line.startswith("- "):
            entries.append(line)
    return sections


def _minor(version: str) -> str:
    """Return the minor version of a changelog section, `0.2` of `0.2.0] - 2026-11-28`."""
    return ".".join(version.split(".")[:2])
