"""Keras archives as data: the configuration and the weights of a `.keras` file, within limits."""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from models.importers.errors import ConversionError, missing_package, printable
from models.importers.groups import as_float32
from models.importers.limits import (
    MAX_FILE,
    check_bytes,
    check_count,
    check_elements,
    read_bytes,
)

MAX_CONFIG = 4 * 2**20
"""Bytes of the configuration in a Keras archive."""

MAX_DEPTH = 12
"""Depth of groups in the weights of a Keras archive."""


@dataclass(frozen=True)
class KerasFile:
    """Keras archive: its configuration, and arrays by their path in the weights.

    Attributes:
        names: Name of the layer behind each group of variables, where the archive has it.
    """

    config: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]
    names: Mapping[str, str]

    def variables(self, path: str) -> list[np.ndarray]:
        """Return the variables of a layer of the archive, in their order."""
        found: list[np.ndarray] = []
        while (name := f"{path}/vars/{len(found)}") in self.arrays:
            found.append(self.arrays[name])
        return found


def read_keras(path: Path) -> KerasFile:
    """Read a Keras archive, without Keras.

    Raises:
        ConversionError: It is no Keras archive, or too large.
    """
    content = read_bytes(path)
    try:
        with open_archive(content) as archive:
            config = json.loads(read_entry(archive, "config.json", MAX_CONFIG))
            weights = read_entry(archive, "model.weights.h5", MAX_FILE)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        msg = f"{printable(path.name)} is not a whole .keras archive of Keras 3"
        raise ConversionError(msg) from error
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict):
        msg = f"{printable(path.name)} has no configuration of a model"
        raise ConversionError(msg)
    return KerasFile(config, *_weights(weights))


def open_archive(content: bytes) -> zipfile.ZipFile:
    """Open an imported archive.

    Raises:
        ConversionError: It has too many entries.
    """
    # Opening makes an object for each entry of its directory, which begins with these bytes.
    check_count(content.count(b"PK\x01\x02"), "entries")
    return zipfile.ZipFile(io.BytesIO(content))


def read_entry(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Read one entry of an imported archive, of which no more than a limit is unpacked.

    Raises:
        ConversionError: It is missing, or larger than the limit.
    """
    try:
        with archive.open(name) as entry:
            content = entry.read(limit + 1)
    except (KeyError, EOFError, OSError) as error:
        msg = f"the archive has no readable {printable(name)}"
        raise ConversionError(msg) from error
    if len(content) > limit:
        msg = f"{printable(name)} in the archive has more than {limit >> 20} MiB, the limit"
        raise ConversionError(msg)
    return content


def _weights(content: bytes) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays of a Keras archive by path, and the names of layers by path."""
    try:
        import h5py  # noqa: PLC0415 - an optional requirement, of the importer alone
    except ImportError as error:
        raise missing_package("Keras files", "h5py") from error
    arrays: dict[str, np.ndarray] = {}
    names: dict[str, str] = {}
    total = 0
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            for count, (path, item) in enumerate(_items(file, h5py), 1):
                # Several names may lead to one group or data set, even around in a circle.
                check_count(count, "or more groups and data sets")
                if isinstance(item, h5py.Group):
                    if isinstance(name := item.attrs.get("name"), str):
                        names[path.removesuffix("/vars")] = name
                        total += len(name)
                        check_bytes(total)
                    continue
                total += _checked_bytes(path, item)
                check_bytes(total)
                if item.dtype.kind == "f":
                    arrays[path] = as_float32(path, item[()])
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        msg = "the weights of the archive are not a whole HDF5 file"
        raise ConversionError(msg) from error
    return arrays, names


def _items(group: Any, h5py: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Iterate over the groups and data sets of a Keras archive's weights, by path."""
    check_count(len(group), "entries in one group")
    if prefix.count("/") > MAX_DEPTH:
        msg = f"the weights have groups deeper than {MAX_DEPTH}"
        raise ConversionError(msg)
    for name in group:
        path = f"{prefix}{name}"
        # A link of a file from elsewhere may lead to another file of the machine.
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            msg = f"{printable(path)} is a link, which is not followed"
            raise ConversionError(msg)
        item = group[name]
        yield path, item
        if isinstance(item, h5py.Group):
            yield from _items(item, h5py, f"{path}/")


def _checked_bytes(path: str, item: Any) -> int:
    """Return the bytes that reading a data set of a Keras archive takes, within the limits."""
    if item.external or item.is_virtual:
        msg = f"{printable(path)} is in another file, which is not read"
        raise ConversionError(msg)
    # A chunk, which is read whole, may be larger than its data set.
    count = max(item.size or 0, prod(item.chunks or ()))
    check_elements(path, count)
    return int(count * item.dtype.itemsize)


def container_names(layers: list[Mapping[str, Any]]) -> list[str]:
    """Return the groups of layers in a Keras archive's weights: by class, numbered from 1 on."""
    counts: dict[str, int] = {}
    found = []
    for layer in layers:
        name = re.sub(r"\W+", "", str(layer.get("class_name", "")))
        name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
        name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
        count = counts.get(name, 0)
        counts[name] = count + 1
        found.append(f"{name}_{count}" if count else name)
    return found
