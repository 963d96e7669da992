"""Files of tensors by name: safetensors, npz, msgpack and Orbax, read as data within limits."""

import io
import zipfile
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize

from models.importers.errors import ConversionError, printable
from models.importers.keras_file import open_archive, read_entry
from models.importers.limits import (
    MAX_ENTRIES,
    MAX_FILE,
    check_bytes,
    check_count,
    check_elements,
    read_bytes,
)
from models.runtime.checkpoints import MAX_HEADER

DTYPES: Mapping[str, str] = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "<u1",
    "BOOL": "?",
}
"""Types of tensors in imported safetensors files."""

MAX_PARTS = 16 * MAX_ENTRIES
"""Objects of an imported msgpack file: names, arrays, and their shapes and types."""

ARRAYS = frozenset([*range(0x90, 0xA0), 0xDC, 0xDD])
MAPS = frozenset([*range(0x80, 0x90), 0xDE, 0xDF])
EXTENSIONS = frozenset([*range(0xC7, 0xCA), *range(0xD4, 0xD9)])
"""First bytes of objects in msgpack that have others in them."""

Tensors = dict[str, np.ndarray]


def read_tensors(path: Path) -> Tensors:
    """Read the tensors of an imported file by their names.

    Nested names are joined with dots. Nothing in the file is run.

    Raises:
        ConversionError: The format is not known, or the file is damaged or too large.
    """
    if path.is_dir():
        return _orbax(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        msg = (
            f"{printable(path.name)}: tensors are read from {', '.join(READERS)} and Orbax folders"
        )
        raise ConversionError(msg)
    return reader(path)


def _safetensors(path: Path) -> Tensors:
    content = read_bytes(path)
    size = int.from_bytes(content[:8], "little")
    if MAX_HEADER < size < len(content):
        name = printable(path.name)
        msg = f"{name} has a header of {size:,} bytes; at most {MAX_HEADER:,} are read"
        raise ConversionError(msg)
    try:
        entries = deserialize(content)  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError) as error:
        msg = f"{printable(path.name)} is not a whole safetensors file"
        raise ConversionError(msg) from error
    check_count(len(entries), "tensors")
    # They come in no order, on which no sentence about them may depend.
    entries = sorted(entries, key=lambda one: one[0])
    return {name: _safe_array(name, entry) for name, entry in entries}


def _safe_array(name: str, entry: Mapping[str, Any]) -> np.ndarray:
    """Return a tensor of an imported safetensors file; bfloat16 as float32."""
    kind, shape, data = entry["dtype"], entry["shape"], bytes(entry["data"])
    if kind == "BF16":
        # The upper half of a float32's bits is a bfloat16.
        halves = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return halves.view(np.float32).reshape(shape)
    if kind not in DTYPES:
        msg = f"tensor {printable(name)} is of the type {printable(kind)}: save it in float32"
        raise ConversionError(msg)
    return np.frombuffer(data, DTYPES[kind]).reshape(shape)


def _npz(path: Path) -> Tensors:
    content = read_bytes(path)
    found: Tensors = {}
    total = 0
    try:
        with open_archive(content) as archive:
            for entry in archive.namelist():
                data = read_entry(archive, entry, MAX_FILE - total)
                total += len(data)
                found[entry.removesuffix(".npy")] = _npy(entry, data)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, TokenError) as error:
        msg = f"{printable(path.name)} is not a whole NumPy archive of numbers"
        raise ConversionError(msg) from error
    return found


def _npy(name: str, data: bytes) -> np.ndarray:
    """Return one array of an imported NumPy archive, whose header may not promise more than it has.

    Raises:
        ValueError: It is no array of numbers.
    """
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    header = {(1, 0): np.lib.format.read_array_header_1_0}.get(
        version, np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = header(stream)
    check_elements(name, prod(shape))
    if dtype.hasobject or prod(shape) * dtype.itemsize > len(data):
        msg = f"{printable(name)} in the archive is no whole array of numbers"
        raise ConversionError(msg)
    stream.seek(0)
    array = np.asarray(np.lib.format.read_array(stream, allow_pickle=False))
    # NumPy stores bfloat16, which it does not know, as two bytes without a meaning.
    return (
        array.view("<u2").astype(np.uint32).__lshift__(16).view(np.float32)
        if (array.dtype == np.dtype("V2"))
        else array
    )


def _msgpack(path: Path) -> Tensors:
    from flax import serialization  # noqa: PLC0415 - slow to import, and needed for this alone

    content = read_bytes(path)
    try:
        _check_parts(content)
        restored = serialization.msgpack_restore(content)
    except ConversionError:
        raise
    except Exception as error:
        msg = f"{printable(path.name)} is not a whole msgpack file of Flax"
        raise ConversionError(msg) from error
    return flat(restored)


def _check_parts(content: bytes, *, is_extension: bool = False) -> None:
    """Check the number of objects in a msgpack file, each of which takes more memory than bytes."""
    import msgpack  # noqa: PLC0415 - a requirement of Flax

    unpacker = msgpack.Unpacker(io.BytesIO(content), max_buffer_size=MAX_FILE)
    count, left = 0, 1
    while left:
        first, inner = content[unpacker.tell()], 0
        if first in ARRAYS:
            inner = unpacker.read_array_header()
        elif first in MAPS:
            inner = 2 * unpacker.read_map_header()
        elif first in EXTENSIONS and not is_extension:
            # Flax writes an array as msgpack within msgpack.
            _check_parts(unpacker.unpack().data, is_extension=True)
        else:
            unpacker.skip()
        count, left = count + 1, left - 1 + inner
        if count + left > MAX_PARTS:
            msg = f"the file has more than {MAX_PARTS:,} parts, the limit"
            raise ConversionError(msg)


def _orbax(path: Path) -> Tensors:
    """Return the tensors of an Orbax checkpoint, of which shapes are read first."""
    # A checkpoint manager has a folder for each item, mostly `default`, in that of each step.
    inner = [path / name for name in ("default", "state", "params")]
    found = [folder for folder in (*inner, path) if (folder / "_METADATA").is_file()]
    if not found:
        msg = f"{printable(path.name)} is a folder, and no Orbax checkpoint with its _METADATA"
        raise ConversionError(msg)
    folder = found[0]
    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if total > MAX_FILE:
        msg = f"{printable(path.name)} has more than {MAX_FILE >> 20} MiB, the limit"
        raise ConversionError(msg)
    from orbax import checkpoint  # noqa: PLC0415 - slow to import, and needed for this alone

    try:
        with checkpoint.PyTreeCheckpointer() as checkpointer:
            shapes = checkpointer.metadata(folder.absolute())
            leaves = flat(getattr(shapes, "item_metadata", shapes), _stated)
            for name, leaf in leaves.items():
                check_elements(name, leaf.size)
            check_bytes(sum(leaf.nbytes for leaf in leaves.values()))
            restored = checkpointer.restore(folder.absolute())
    except ConversionError:
        raise
    except Exception as error:
        msg = f"{printable(path.name)} is not a whole Orbax checkpoint: {printable(error)}"
        raise ConversionError(msg) from error
    return flat(restored)


def _stated(leaf: Any) -> np.ndarray:
    """Return an array of the shape and type that an Orbax checkpoint states, without memory.

    A chunk is unpacked whole, also where it is larger than its array, whose size is that then.
    """
    zero = np.zeros((), getattr(leaf, "dtype", None))
    chunk = getattr(getattr(leaf, "storage", None), "chunk_shape", None) or ()
    return np.broadcast_to(zero, max(getattr(leaf, "shape", None) or (1,), chunk, key=prod))


def flat(tree: Any, leaf: Callable[[Any], np.ndarray] = np.asarray, prefix: str = "") -> Tensors:
    """Return the tensors of a nested tree of an imported file, with names joined by dots.

    Raises:
        ConversionError: It is nested too deeply.
    """
    if prefix.count(".") > 64:  # noqa: PLR2004
        msg = "the tensors are nested too deeply"
        raise ConversionError(msg)
    if hasattr(tree, "tree"):
        tree = tree.tree
    if isinstance(tree, list | tuple | Mapping):
        check_count(len(tree), "tensors")
    if isinstance(tree, list | tuple):
        tree = {str(index): value for index, value in enumerate(tree)}
    if not isinstance(tree, Mapping):
        return {} if tree is None else {prefix.removesuffix("."): leaf(tree)}
    found: Tensors = {}
    for name, value in tree.items():
        found |= flat(value, leaf, f"{prefix}{name}.")
    check_count(len(found), "tensors")
    return found


READERS: Mapping[str, Callable[[Path], Tensors]] = {
    ".safetensors": _safetensors,
    ".npz": _npz,
    ".msgpack": _msgpack,
}
"""Formats of imported files of tensors, by the suffix of the file's name."""
