"""Names of layers in imported files: equal to declared ones, numbered, or next to each other."""

import re

import numpy as np

from models.architecture import Node
from models.declaration.operations import Recurrent
from models.importers.groups import Group

INDEX = re.compile(r"[0-9]+")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def named(group: Group, node: Node) -> bool:
    """Return whether a declared layer has the name of an imported one, or its last parts."""
    parts = [part for part in group.name.split(".") if part != "cell"]
    if isinstance(node.operation, Recurrent) and len(parts) > 1 and parts[-1] == "l0":
        parts.pop()
    # A number alone is a position, not a name; behind a name it is one in a container.
    ends = [parts]
    while len(ends[-1]) > 1 and ends[-1][-1].isdecimal():
        ends.append(ends[-1][:-1])
    return any(_has_tail(end, _plain(node.name)) for end in ends)


def _has_tail(parts: list[str], name: str) -> bool:
    """Return whether the last parts of an imported layer's name are a name, of any number."""
    tail = ""
    for part in reversed(parts):
        tail = _plain(part) + tail
        # Parts before these only make it longer.
        if len(tail) >= len(name):
            return tail == name and not part.isdecimal()
    return False


def adjacent(group: Group, others: list[Group]) -> Group | None:
    """Return the one of other imported layers that is next to a layer in its container.

    It is the only one there, or has the number of the layer (`conv2` and `bn2`), or the next
    position (`stem.0` and `stem.1`).
    """
    container, _, last = group.name.rpartition(".")
    inner = [one for one in others if one.name.rpartition(".")[0] == container]
    following = f"{int(last) + 1}" if last.isdecimal() else None
    rules = (
        [one for one in inner if one.name.rpartition(".")[2] == following],
        [
            one
            for one in inner
            if not last.isdecimal() and INDEX.findall(last) == INDEX.findall(_last(one))
        ],
        inner if container else [],
    )
    return next((found[0] for found in rules if len(found) == 1), None)


def _last(group: Group) -> str:
    return group.name.rpartition(".")[2]


def numbered(groups: list[Group]) -> list[Group] | None:
    """Return imported layers ordered by the one number in which names differ; None without."""
    split = [(INDEX.split(group.name), INDEX.findall(group.name)) for group in groups]
    if len(groups) == 1:
        return groups
    texts, numbers = [tuple(text) for text, _ in split], [list(map(int, n)) for _, n in split]
    # Keras numbers from the second layer on: conv2d, conv2d_1.
    stems = [text[0].rstrip("_") for text in texts]
    if len(set(texts)) > 1 or not texts:
        is_keras = len(set(stems)) == 1 and all(len(text) <= 2 for text in texts)  # noqa: PLR2004
        if not is_keras:
            return None
        keys = [number[0] if number else 0 for number in numbers]
        return [groups[index] for index in np.argsort(keys, kind="stable")]
    differing = [
        place for place in range(len(numbers[0])) if len({one[place] for one in numbers}) > 1
    ]
    if len(differing) != 1:
        return None
    keys = [number[differing[0]] for number in numbers]
    return [groups[index] for index in np.argsort(keys, kind="stable")]
