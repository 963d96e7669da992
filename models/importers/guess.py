"""Guess of a declaration from the shapes of tensors, for imported files without a graph."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from math import isqrt

import numpy as np

from models.declaration.declaration import MAX_LAYERS
from models.importers.errors import ConversionError, listed
from models.importers.fitting import NORM_NAMES
from models.importers.groups import Group, groups_of
from models.importers.imported import Draft, InputDraft
from models.importers.recurrent import cell_parameters

COMMENT = """A GUESS from the shapes of tensors alone. Activations, pools, strides, padding, the
order of layers and the size of the input are not in the file. Correct the lines, convert
again with --declaration, and compare with the original by scripts.verify."""

SIDES = (28, 32, 64, 224, 96, 128, 48, 40, 24, 20, 16)
"""Sides of images that are guessed first."""


MAX_TRIED = 1000
"""Orders of layers that a guess tries at most."""


@dataclass(frozen=True)
class Part:
    """Part of a guessed network: a layer of the imported file with its sizes.

    Attributes:
        kind: `conv`, `dense`, `norm`, `layer norm`, `embed`, `lstm`, `gru` or `rnn`.
        inputs: Channels or numbers that it reads.
        outputs: Channels or units that it gives.
        words: Further words of its line, such as the size of windows.
    """

    name: str
    kind: str
    inputs: int
    outputs: int
    words: str = ""


def guess(tensors: Mapping[str, np.ndarray]) -> Draft:
    """Guess the declaration of a network from an imported file's tensors.

    Raises:
        ConversionError: The tensors make no chain of layers.
    """
    parts = sorted((_part(group) for group in groups_of(tensors)), key=lambda one: _order(one.name))
    if len(parts) > MAX_LAYERS:
        msg = f"the file has {len(parts)} layers; at most {MAX_LAYERS} can be declared"
        raise ConversionError(msg)
    if any(part.kind in {"lstm", "gru", "rnn"} for part in parts):
        return _sequence(parts)
    return _images(parts)


def _order(name: str) -> list[tuple[int, str]]:
    """Return a name's place among others, in which 10 follows 9."""
    return [
        (int(word), "") if word.isdecimal() else (-1, word) for word in re.split(r"([0-9]+)", name)
    ]


def _part(group: Group) -> Part:
    """Return the guessed part of an imported layer."""
    tensors = group.tensors
    for cell in ("lstm", "gru", "rnn"):
        found = _cell(cell, group)
        if found is not None:
            return Part(group.name, cell, *found)
    kernel = tensors.get("kernel", tensors.get("weight"))
    bias = "" if "bias" in tensors else " nobias"
    if kernel is not None and kernel.ndim == 4:  # noqa: PLR2004
        shape = kernel.shape if "kernel" in tensors else np.take(kernel.shape, (2, 3, 1, 0))
        rows, columns, channels, filters = map(int, shape)
        words = "" if (rows, columns) == (3, 3) else f" {rows}x{columns}"
        return Part(group.name, "conv", channels, filters, words + bias)
    if kernel is not None and kernel.ndim == 2:  # noqa: PLR2004
        if bias and re.search(r"emb", group.name, re.IGNORECASE):
            return Part(group.name, "embed", *kernel.shape)
        inputs, outputs = kernel.shape if "kernel" in tensors else kernel.shape[::-1]
        return Part(group.name, "dense", inputs, outputs, bias)
    table = tensors.get("embedding", tensors.get("embeddings"))
    if table is not None and table.ndim == 2:  # noqa: PLR2004
        return Part(group.name, "embed", *table.shape)
    if set(tensors) <= {name for names in NORM_NAMES.values() for name in names}:
        size = len(next(iter(tensors.values())))
        is_batch = any(name in tensors for name in NORM_NAMES["mean"])
        return Part(group.name, "norm" if is_batch else "layer norm", size, size)
    msg = f"{listed(list(group.names.values()))} are of no layer that can be guessed: give one "
    raise ConversionError(msg + "with --declaration")


def _cell(cell: str, group: Group) -> tuple[int, int] | None:
    """Return inputs and units of an imported recurrent layer; None if it is no such cell."""
    try:
        found = cell_parameters(cell, group.tensors)
    except (ConversionError, ValueError):
        return None
    if found is None:
        return None
    return found["dense_i.kernel"].shape[0], found["dense_h.kernel"].shape[0]


def _line(part: Part) -> str:
    """Return the line of a guessed layer, under its name in the imported file."""
    name = re.sub(r"[^a-z0-9]+", "_", part.name.lower()).strip("_")[:32]
    prefix = f"{name}: " if re.fullmatch(r"[a-z][a-z0-9_]*", name) else ""
    words = {"norm": "norm", "layer norm": "norm layer", "embed": f"embed {part.outputs}"}
    bare = words.get(part.kind, f"{part.kind} {part.outputs}{part.words}")
    return prefix + bare


def _sequence(parts: list[Part]) -> Draft:
    """Guess a network of sequences: an embedding, recurrent layers, dense layers."""
    tables = [part for part in parts if part.kind == "embed"]
    cells = _chain([part for part in parts if part.kind in {"lstm", "gru", "rnn"}])
    dense = _chain([part for part in parts if part.kind == "dense"], cells[-1].outputs)
    norms = [part for part in parts if "norm" in part.kind]
    if len(tables) > 1:
        raise _no_chain(tables)
    lines = [_line(part) for part in (*tables, *cells, *norms)] + list(_dense_lines(dense))
    given = InputDraft(features=cells[0].inputs)
    if tables:
        given = InputDraft(symbols=tables[0].inputs)
    last = dense[-1] if dense else cells[-1]
    return Draft(given, tuple(lines), last.outputs, comment=COMMENT)


def _dense_lines(dense: list[Part]) -> Iterator[str]:
    """Iterate over guessed lines of dense layers, with a ReLU between two."""
    for place, part in enumerate(dense):
        yield from (["relu"] if place else [])
        yield _line(part)
    if dense and dense[-1].outputs == 1:
        yield "sigmoid"


def _chain(parts: list[Part], start: int | None = None) -> list[Part]:
    """Return guessed layers in an order in which each reads the output of the one before.

    Args:
        start: Number that the first one reads; None for any.
    """
    for chain in islice(_chains(parts, start), MAX_TRIED):
        if len(chain) == len(parts):
            return chain
    raise _no_chain(parts)


def _chains(parts: list[Part], start: int | None) -> Iterator[list[Part]]:
    """Iterate over chains of guessed layers that cannot be longer, in the order of their names."""
    fitting = [part for part in parts if start is None or _reads(part, start)]
    for part in fitting:
        rest = [one for one in parts if one is not part]
        yield from ([part, *chain] for chain in _chains(rest, part.outputs))
    if not fitting:
        yield []


def _reads(part: Part, channels: int) -> bool:
    """Return whether a guessed layer can read a number of channels, also one by one."""
    is_depthwise = part.kind == "conv" and part.inputs == 1 and part.outputs % channels == 0
    return part.inputs == channels or is_depthwise


def _no_chain(parts: list[Part]) -> ConversionError:
    names = listed([part.name for part in parts])
    msg = f"no order of the layers can be guessed for {names}: give one with --declaration"
    return ConversionError(msg)


def _images(parts: list[Part]) -> Draft:
    """Guess a network of images: convolutions with norms and pools, then dense layers."""
    found = [part for part in parts if part.kind == "conv"]
    norms = [part for part in parts if part.kind == "norm"]
    # A depthwise convolution reads one channel at a time, wherever it is.
    channels = max((part.inputs for part in found if part.inputs in {1, 3}), default=0)
    if not channels:
        msg = "no convolution reads 1 or 3 channels: give the layers with --declaration"
        raise ConversionError(msg)
    convs = _chain(found, channels)
    dense = [part for part in parts if part.kind == "dense"]
    last = convs[-1].outputs
    first = next((part for part in dense if part.inputs % last == 0), None)
    if first is not None:
        dense = [first, *_chain([part for part in dense if part is not first], first.outputs)]
    elif dense:
        raise _no_chain(dense)
    positions = dense[0].inputs // last if dense else 1
    side, pools, padding = _geometry(convs, positions)
    lines = list(_conv_lines(convs, norms, channels, (pools, padding)))
    lines += ["globalpool" if positions == 1 else "flatten", *_dense_lines(dense)]
    image = (side, side, channels)
    given = InputDraft(image, (0.0,) * channels, (1.0,) * channels)
    return Draft(given, tuple(lines), (dense or convs)[-1].outputs, comment=COMMENT)


def _conv_lines(
    convs: list[Part], norms: list[Part], channels: int, geometry: tuple[int, str]
) -> Iterator[str]:
    """Iterate over guessed lines of convolutions, each with its norm, a ReLU and a pool."""
    pools, padding = geometry
    left = list(norms)
    for place, part in enumerate(convs):
        groups = f" groups {channels}" if part.inputs != channels else ""
        rule = " valid" if padding == "valid" and " 1x1" not in part.words else ""
        yield f"{_line(part)}{rule}{groups}"
        channels = part.outputs
        norm = next((one for one in left if one.outputs == part.outputs), None)
        if norm is not None:
            left.remove(norm)
            yield _line(norm)
        yield "relu"
        if place < pools:
            yield "pool"
    if left:
        raise _no_chain(left)


def _geometry(convs: list[Part], positions: int) -> tuple[int, int, str]:
    """Guess the side of an image, the number of pools and the padding.

    Args:
        positions: Rows times columns that the first dense layer reads; 1 for a pool of whole maps.
    """
    if positions == 1:
        return 32, min(2, len(convs) - 1), "same"
    side = isqrt(positions)
    if side * side != positions:
        msg = f"maps of {positions} positions are not square: give the layers with --declaration"
        raise ConversionError(msg)
    found: dict[int, tuple[int, str]] = {}
    for pools, padding in product(range(len(convs), -1, -1), ("same", "valid")):
        found.setdefault(_side_before(convs, side, pools, padding), (pools, padding))
    best = next((one for one in SIDES if one in found), None)
    if best is None:
        best = max((one for one in found if one <= 256), default=side)  # noqa: PLR2004
    return best, *found.get(best, (0, "same"))


def _side_before(convs: list[Part], side: int, pools: int, padding: str) -> int:
    """Return the side of the image for a side of the last maps of a guessed network."""
    for place in reversed(range(len(convs))):
        side = side * 2 if place < pools else side
        size = re.search(r"([0-9]+)x", convs[place].words)
        side += (int(size[1]) if size else 3) - 1 if padding == "valid" else 0
    return side
