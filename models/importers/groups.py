"""Groups of an imported file's tensors: one for each layer, found by their names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from models.importers.errors import ConversionError, listed, printable
from models.importers.recurrent import CELL_LAYERS

WRAPPERS = ("module", "_orig_mod", "model", "net", "network", "state_dict", "params", "nnx")
"""First parts of names that a wrapper of the whole network adds."""

COLLECTIONS = {"params", "batch_stats"}
"""Collections of Flax Linen, which are no part of a layer's name."""

VALUES = {"value", "raw_value"}
"""Last parts of Flax NNX names, which are no part of a parameter's name."""

TORCH_CELL = re.compile(r"(weight|bias)_(ih|hh)(?:_l([0-9]+))?")

MAX_DEPTH = 64
"""Parts of a tensor's name in an imported file."""

UNUSED = re.compile(r"(^|\.)(num_batches_tracked|rngs|rng)(\.|$)")
"""Tensors that no answer depends on: counters, and states of random number generators."""

REFUSED: Mapping[str, str] = {
    r"_reverse$|(^|\.)(backward|bidirectional)": "a bidirectional layer, which cannot be declared: "
    "a step of a trace would depend on later steps",
    r"weight_hr(_l[0-9]+)?$": "a projected LSTM (proj_size), which cannot be declared",
    r"in_proj_(weight|bias)$|(^|\.)attention": "an attention layer, which cannot be declared",
    r"parametrizations|weight_[gv]$|weight_orig$": "a parametrised weight: call "
    "torch.nn.utils.parametrize.remove_parametrizations before saving",
    r"(qweight|zero_point|_packed_params)": "a quantised network: save it in float32",
}
"""Patterns of tensors' names of layers that cannot be declared, with the end of a sentence."""


@dataclass
class Group:
    """Group of an imported file's tensors that belong to one layer.

    Attributes:
        name: Name of the layer in the file, such as `layer1.0.conv1`.
        tensors: Arrays by the parameter's name in the layer, such as `weight`.
        names: Whole name in the file of each, by the same keys.
    """

    name: str
    tensors: dict[str, np.ndarray] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


def groups_of(tensors: Mapping[str, np.ndarray]) -> list[Group]:
    """Group an imported file's tensors by layer, in the order of the file.

    Raises:
        ConversionError: A tensor belongs to a layer that cannot be declared, or is not of numbers.
    """
    paths = {name: _path(name) for name in tensors}
    used = {
        name: path for name, path in paths.items() if path and not UNUSED.search(".".join(path))
    }
    if not used:
        msg = "the file holds no tensors of a network"
        raise ConversionError(msg)
    for name, path in used.items():
        if len(path) > MAX_DEPTH:
            msg = f"tensor {printable(name)} is nested more than {MAX_DEPTH} deep, the limit"
            raise ConversionError(msg)
    _refuse(used)
    shared = _wrapper(list(used.values()))
    cells = _cells(list(used.values()))
    groups: dict[str, Group] = {}
    for name, path in used.items():
        layer, parameter = _split(path, cells)
        layer = layer[len(shared) :] or layer
        key = ".".join(layer)
        group = groups.setdefault(key, Group(key))
        group.tensors[parameter] = as_float32(name, tensors[name])
        group.names[parameter] = name
    return list(groups.values())


def as_float32(name: str, values: np.ndarray) -> np.ndarray:
    """Return an imported tensor as float32; float16, bfloat16 and float64 are converted.

    Raises:
        ConversionError: It is of whole numbers, or has values that are not finite.
    """
    if values.dtype.kind != "f" and values.dtype.name != "bfloat16":
        msg = f"tensor {printable(name)} is of {values.dtype}: weights must be floating-point"
        raise ConversionError(msg)
    with np.errstate(over="ignore"):
        found = np.asarray(values, np.float32)
    if not np.isfinite(found).all():
        msg = f"tensor {printable(name)} has values that are not finite in float32"
        raise ConversionError(msg)
    return found


def _path(name: str) -> tuple[str, ...]:
    """Return the parts of a tensor's name, without collections and wrappers of values."""
    parts = [part for part in re.split(r"[./]", name) if part and part not in COLLECTIONS]
    while len(parts) > 1 and parts[-1] in VALUES:
        parts.pop()
    return tuple(parts)


def _refuse(paths: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse tensors of layers that cannot be declared."""
    for pattern, reason in REFUSED.items():
        for name, path in paths.items():
            if re.search(pattern, ".".join(path)):
                msg = f"tensor {printable(name)} is of {reason}"
                raise ConversionError(msg)


def _wrapper(paths: list[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the first parts of names that all tensors share, as a wrapper adds them."""
    shared: list[str] = []
    shortest = min(len(path) for path in paths)
    for depth in range(max(shortest - 2, 0)):
        parts = {path[depth] for path in paths}
        if len(parts) > 1 or not parts <= set(WRAPPERS):
            break
        shared.append(parts.pop())
    return tuple(shared)


def _cells(paths: list[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Return the paths of Flax's recurrent cells: those with layers for inputs and for hidden."""
    inner: dict[tuple[str, ...], set[str]] = {}
    for path in paths:
        if len(path) > 2 and path[-2] in CELL_LAYERS:  # noqa: PLR2004 - cell, its layer, a parameter
            inner.setdefault(path[:-2], set()).add(path[-2])
    wanted = ({"dense_i", "dense_h"}, {"ii", "hi"}, {"ir", "hr"}, {"i", "h"})
    return {cell for cell, parts in inner.items() if any(pair <= parts for pair in wanted)}


def _split(path: tuple[str, ...], cells: set[tuple[str, ...]]) -> tuple[tuple[str, ...], str]:
    """Split the path of a tensor into that of its layer and the name of its parameter."""
    if path[:-2] in cells and path[-2] in CELL_LAYERS:
        return path[:-2], f"{path[-2]}.{path[-1]}"
    found = TORCH_CELL.fullmatch(path[-1])
    if found is None:
        return path[:-1], path[-1]
    kind, source, level = found.groups()
    return (*path[:-1], *([f"l{level}"] if level else [])), f"{kind}_{source}"


def unknown(groups: list[Group]) -> ConversionError:
    """Return the error of tensors in an imported file that no declared layer takes."""
    names = [name for group in groups for name in group.names.values()]
    msg = f"no declared layer takes {listed(names)}: declare their layers, or remove the tensors"
    return ConversionError(msg)
