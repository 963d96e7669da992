"""Matching of an imported file's tensors with the parameters of a declared network.

By name first, then by the numbers in names, then by shapes where these leave no choice. A match
that is not certain is refused, unless answers of the original network decide it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import numpy as np

from models.architecture import INPUT, Architecture, Node
from models.declaration.operations import Norm, Recurrent
from models.importers.errors import ConversionError, listed, printable
from models.importers.fitting import Fitted, Orders, channel_first_orders, fit, is_kind
from models.importers.groups import Group, groups_of, unknown
from models.importers.names import adjacent, named, numbered

MAX_TRIED = 24
"""Matches that are compared with answers of the original network, at most."""

MAX_CHOICES = 2048
"""Choices of a layer of the file for a declared one in the search for matches, at most."""

Reproduces = Callable[[dict[str, np.ndarray]], bool]
"""Whether parameters give the answers of the original network, from which an import was made."""


class Match(NamedTuple):
    """Match of one parameter with an imported file's tensors.

    Attributes:
        ours: Name of the parameter, such as `conv1.kernel`.
        theirs: Names of the tensors in the file; empty where it has none.
        transformation: Change of the values in a few words.
    """

    ours: str
    theirs: tuple[str, ...]
    transformation: str


@dataclass(frozen=True)
class Matched:
    """Parameters of a declared network from an imported file, with the match of each.

    Attributes:
        parameters: Arrays in float32 by our names.
        by: Rule that matched each layer, by its name: `name`, `number`, `shape`, `neighbour` or
            `reference`.
    """

    parameters: dict[str, np.ndarray]
    matches: tuple[Match, ...]
    by: Mapping[str, str] = field(default_factory=dict)


def match_tensors(
    architecture: Architecture,
    tensors: Mapping[str, np.ndarray],
    reproduces: Reproduces | None = None,
) -> Matched:
    """Match an imported file's tensors with the parameters of a declared network.

    Args:
        tensors: Arrays by their names in the file: a state_dict of PyTorch, variables of Flax or
            Keras by path, or our own.
        reproduces: Whether parameters give the original's answers; it decides between matches.

    Raises:
        ConversionError: A tensor is missing, left over, of another shape, or several tensors fit
            one layer; the sentence names them and a way out.
    """
    matching = _Matching(architecture, groups_of(tensors))
    matching.by_name()
    matching.by_number()
    matching.by_shape()
    matching.by_neighbour()
    matching.by_shape()
    if matching.nodes:
        matching.check_candidates()
        matching.by_reference(reproduces)
    if matching.groups:
        raise unknown(matching.groups)
    return matching.result()


class _Matching:
    """Matching of declared layers with those of an imported file, rule after rule.

    Attributes:
        nodes: Declared layers that have parameters and no match yet.
        groups: Layers of the file that have no match yet.
    """

    def __init__(self, architecture: Architecture, groups: list[Group]) -> None:
        self.architecture = architecture
        # Flax and Keras have kernels, and our order of values after a flatten.
        is_torch = any("weight" in group.tensors for group in groups)
        self.orders: Orders = channel_first_orders(architecture) if is_torch else {}
        self.shapes: dict[str, dict[str, tuple[int, ...]]] = {}
        for name, shape in architecture.parameters.items():
            layer, parameter = name.split(".", 1)
            self.shapes.setdefault(layer, {})[parameter] = shape
        self.nodes = [node for node in architecture.nodes if node.name in self.shapes]
        self.groups = groups
        self.found: dict[str, tuple[Group, str]] = {}
        self._known_fits: dict[tuple[str, str], bool] = {}

    def fitted(self, node: Node, group: Group) -> dict[str, Fitted] | None:
        """Return a declared layer's parameters from a layer of the imported file."""
        if not is_kind(node, group):
            return None
        return fit(node, group, self.shapes[node.name], self.orders)

    def _fits(self, node: Node, group: Group) -> bool:
        """Return whether a layer of the imported file fits a declared one, computed once."""
        pair = node.name, group.name
        if pair not in self._known_fits:
            self._known_fits[pair] = self.fitted(node, group) is not None
        return self._known_fits[pair]

    def take(self, node: Node, group: Group, by: str) -> None:
        """Match a declared layer with a layer of the imported file."""
        self.found[node.name] = group, by
        self.nodes.remove(node)
        self.groups.remove(group)

    def kinds(self) -> Iterator[tuple[list[Node], list[Group]]]:
        """Iterate over kinds of layers that have no match: declared ones and those of the file."""
        kinds: dict[str, list[Node]] = {}
        for node in self.nodes:
            kinds.setdefault(_kind(node), []).append(node)
        for nodes in kinds.values():
            yield nodes, [group for group in self.groups if is_kind(nodes[0], group)]

    def by_name(self) -> None:
        """Match layers of one name; names that only follow from the order count all together."""
        lines = self.architecture.declaration.layers
        for node in list(self.nodes):
            if lines[node.line].name is not None:
                self._take_named([node])
        for nodes, groups in list(self.kinds()):
            if len(nodes) == len(groups) and all(self._named(node) in groups for node in nodes):
                self._take_named(nodes)

    def _named(self, node: Node) -> Group | None:
        """Return the layer of the imported file that has a declared layer's name."""
        found = [group for group in self.groups if is_kind(node, group) and named(group, node)]
        return found[0] if len(found) == 1 else None

    def _take_named(self, nodes: list[Node]) -> None:
        for node in nodes:
            group = self._named(node)
            if group is None:
                continue
            if self.fitted(node, group) is None:
                raise self._misfit(node, group)
            self.take(node, group, "name")

    def _misfit(self, node: Node, group: Group) -> ConversionError:
        """Return the error of an imported layer that has the name and not the shape."""
        line = self.architecture.declaration.layers[node.line].text
        msg = (
            f"layer {node.name} ({line}) needs {_sizes(self.shapes[node.name])}, and "
            f"{printable(group.name)} has "
            f"{_sizes({name: one.shape for name, one in group.tensors.items()})}: correct the line"
        )
        return ConversionError(msg)

    def by_number(self) -> None:
        """Match layers of one kind by the numbers in names that differ in nothing else."""
        for nodes, groups in list(self.kinds()):
            ordered = numbered(groups)
            if ordered is None or len(nodes) != len(ordered):
                continue
            pairs = list(zip(nodes, ordered, strict=True))
            if all(self._fits(node, group) for node, group in pairs):
                for node, group in pairs:
                    self.take(node, group, "number" if len(pairs) > 1 else "shape")

    def by_shape(self) -> None:
        """Match layers where shapes leave one choice, as long as there are such."""
        while pair := next(self._forced(), None):
            self.take(*pair, "shape")

    def by_neighbour(self) -> None:
        """Match normalisations with those next to their convolution in the imported file."""
        for node in list(self.nodes):
            before = self._before(node)
            if before is None or not isinstance(node.operation, Norm):
                continue
            fitting = [group for group in self.groups if self._fits(node, group)]
            found = adjacent(before, fitting)
            if found is not None:
                self.take(node, found, "neighbour")

    def _before(self, node: Node) -> Group | None:
        """Return the imported layer of the last matched layer that a declared one follows."""
        name = node.inputs[0]
        while name != INPUT and name not in self.found:
            name = self.architecture.node(name).inputs[0]
        return None if name == INPUT else self.found[name][0]

    def _forced(self) -> Iterator[tuple[Node, Group]]:
        """Iterate over pairs of which one has no other candidate in the imported file."""
        candidates = self._candidates()
        for node, groups in zip(self.nodes, candidates, strict=True):
            if len(groups) == 1:
                yield node, groups[0]
        if len(self.groups) != len(self.nodes):
            return
        for group in self.groups:
            takers = [node for node in self.nodes if self._fits(node, group)]
            if len(takers) == 1:
                yield takers[0], group

    def _candidates(self) -> list[list[Group]]:
        return [[group for group in self.groups if self._fits(node, group)] for node in self.nodes]

    def check_candidates(self) -> None:
        """Check that every declared layer without a match can have a layer of the file alone."""
        candidates = self._candidates()
        for node, groups in zip(self.nodes, candidates, strict=True):
            if groups:
                continue
            line = self.architecture.declaration.layers[node.line].text
            names = [name for group in self.groups for name in group.names.values()]
            rest = f"; left are {listed(names)}" if names else ""
            msg = (
                f"layer {node.name} ({line}) needs {_sizes(self.shapes[node.name])}, and no tensor "
                f"of the file fits{rest}"
            )
            raise ConversionError(msg)
        if (short := _short(candidates)) is not None:
            node, count = self.nodes[short[0]], short[1]
            line = self.architecture.declaration.layers[node.line].text
            msg = (
                f"{count + 1} declared layers, one of them {node.name} ({line}), need a layer of "
                f"the file each, and only {count} fit them"
            )
            raise ConversionError(msg)

    def by_reference(self, reproduces: Reproduces | None) -> None:
        """Match the rest of an imported file by the answers of the original network."""
        if reproduces is None:
            raise self._ambiguous()
        nodes, tried = list(self.nodes), list(islice(self._assignments(), MAX_TRIED + 1))
        if len(tried) > MAX_TRIED:
            raise self._ambiguous()
        right = [one for one in tried if reproduces(self._parameters(one))]
        if len(right) != 1:
            msg = (
                f"{len(right) or 'none'} of {len(tried)} matches by shape give the answers of the "
                "reference: name the declaration's layers as the file does"
            )
            raise ConversionError(msg)
        for node in nodes:
            self.take(node, right[0][node.name], "reference")

    def _ambiguous(self) -> ConversionError:
        """Return the error of several tensors that fit one layer of the imported network."""
        node, groups = next(
            (node, groups)
            for node, groups in zip(self.nodes, self._candidates(), strict=True)
            if len(groups) > 1
        )
        line = self.architecture.declaration.layers[node.line].text
        names = [next(iter(group.names.values())) for group in groups]
        bare = line.rpartition(":")[2].strip()
        example = re.sub(r"[^a-z0-9_]+", "_", groups[0].name.lower()).strip("_") or "name"
        msg = (
            f"layer {node.name} ({line}) may be {' or '.join(map(printable, names[:4]))}, of one "
            f'shape: name the layers as the file does ("{example}: {bare}"), or give a reference '
            "with the original's answers"
        )
        return ConversionError(msg)

    def _assignments(self) -> Iterator[dict[str, Group]]:
        """Iterate over all matches of the rest of an imported file.

        Raises:
            ConversionError: They are not found within `MAX_CHOICES`.
        """
        names, candidates = [node.name for node in self.nodes], self._candidates()
        # Groups that are chosen for the first nodes, from which a search goes on.
        begun: list[list[Group]] = [[]]
        for _ in range(MAX_CHOICES):
            if not begun:
                return
            chosen = begun.pop()
            if len(chosen) == len(names):
                yield dict(zip(names, chosen, strict=True))
                continue
            used = {group.name for group in chosen}
            free = [group for group in candidates[len(chosen)] if group.name not in used]
            begun += [[*chosen, group] for group in reversed(free)]
        raise self._ambiguous()

    def _parameters(self, rest: Mapping[str, Group]) -> dict[str, np.ndarray]:
        """Return all parameters with a match of the rest of an imported file."""
        groups = {name: group for name, (group, _) in self.found.items()} | dict(rest)
        return {name: one.values for name, one in self._whole(groups).items()}

    def _whole(self, groups: Mapping[str, Group]) -> dict[str, Fitted]:
        """Return every parameter from the imported layers, in the order of our parameters."""
        found: dict[str, Fitted] = {}
        for name, group in groups.items():
            fitted = self.fitted(self.architecture.node(name), group) or {}
            found |= {f"{name}.{parameter}": one for parameter, one in fitted.items()}
        return {
            name: found[name]._replace(values=np.ascontiguousarray(found[name].values, np.float32))
            for name in self.architecture.parameters
        }

    def result(self) -> Matched:
        """Return the parameters and matches of the imported file."""
        whole = self._whole({name: group for name, (group, _) in self.found.items()})
        return Matched(
            {name: one.values for name, one in whole.items()},
            tuple(Match(name, one.theirs, one.transformation) for name, one in whole.items()),
            {
                node.name: self.found[node.name][1]
                for node in self.architecture.nodes
                if node.name in self.found
            },
        )


def _short(candidates: list[list[Group]]) -> tuple[int, int] | None:
    """Return a declared layer for which the file has too few layers; None where all have one.

    Returns:
        Index of the declared layer, and number of layers in the file that fit it and those that
        compete with it, of which there is one more.
    """
    owners: dict[str, int] = {}

    def is_placed(index: int, seen: set[str]) -> bool:
        for group in candidates[index]:
            if group.name in seen:
                continue
            seen.add(group.name)
            owner = owners.get(group.name)
            if owner is None or is_placed(owner, seen):
                owners[group.name] = index
                return True
        return False

    for index in range(len(candidates)):
        seen: set[str] = set()
        if not is_placed(index, seen):
            return index, len(seen)
    return None


def _kind(node: Node) -> str:
    """Return the kind of a declared layer, by which imported layers are counted."""
    match node.operation:
        case Recurrent(cell):
            return cell
        case Norm(kind):
            return f"{kind} norm"
        case operation:
            return type(operation).__name__


def _sizes(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
