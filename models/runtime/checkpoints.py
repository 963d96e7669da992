"""Checkpoints: safetensors files with a digest, atomic writes, checked reads."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as serialise_tensors

from models.printable import printable
from models.runtime.durable_files import write_atomically
from models.whole_files import WholeFileError, read_whole

Tensors = dict[str, np.ndarray]

MAX_BYTES = 512 * 2**20
"""Bytes of a checkpoint's file."""

MAX_HEADER = 4 * 2**20
"""Bytes of a checkpoint's header: names, types and shapes of its tensors, and metadata."""

MAX_METADATA = 2**20
"""Bytes of a checkpoint's metadata."""

MAX_DEPTH = 32
"""Most lists and objects within each other in the metadata of a checkpoint."""

_LARGEST_INTEGER = 2**63

_METADATA_KEY = "lightwell"

_METADATA_DIGEST = "metadata_digest"
"""Key of a checkpoint's metadata on disk: SHA-256 of all others, as JSON with sorted keys."""


class CheckpointError(Exception):
    """A checkpoint cannot be read, was altered, or does not fit the model."""


@dataclass(frozen=True)
class Checkpoint:
    """Checkpoint of a network: named tensors with metadata and digest.

    Attributes:
        tensors: Arrays by name; the name of a parameter is its module path (`conv1.kernel`).
        metadata: JSON values: configuration, seed, data, metrics, versions.
        digest: SHA-256 of names, types, shapes and values, in hexadecimal. It does not depend on
            the metadata.
    """

    tensors: Tensors
    metadata: dict[str, Any]
    digest: str


def digest(tensors: Mapping[str, np.ndarray]) -> str:
    """Return the digest of a checkpoint's tensors: SHA-256, independent of their order."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        value = np.asarray(tensors[name], order="C")
        sha.update(f"{name} {value.dtype.str} {value.shape}\n".encode())
        sha.update(value.tobytes())
    return sha.hexdigest()


def save(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically: a crash at any moment leaves the old file or the new one.

    Raises:
        OSError: The file system is full or read-only; the old file is unchanged.
    """
    whole = {name: np.asarray(value, order="C") for name, value in tensors.items()}
    # Through JSON, as it is read: keys that are no strings change their order.
    stamped = json.loads(json.dumps({**metadata, "digest": digest(whole)}))
    stamped[_METADATA_DIGEST] = _json_digest(stamped)
    content = serialise_tensors(whole, {_METADATA_KEY: json.dumps(stamped, sort_keys=True)})
    write_atomically(path, content)


def load(path: Path, limit: int = MAX_BYTES) -> Checkpoint:
    """Read a checkpoint and check its digest.

    The digest of a safetensors file of other origin, without our metadata, is only computed.

    Args:
        limit: Most bytes of the file.

    Raises:
        CheckpointError: The file is missing, too large, truncated, altered, or not a safetensors
            file; or its metadata are no JSON object, too large or too deep.
    """
    name = printable(path.name)
    try:
        content = read_whole(path, limit)
        tensors, metadata = _parsed(content, name)
        stated = metadata.pop(_METADATA_DIGEST, None)
        is_altered = stated is not None and stated != _json_digest(metadata)
    except WholeFileError as error:
        raise CheckpointError(str(error)) from error
    except (ValueError, TypeError, RecursionError) as error:
        msg = f"{name} has metadata of Lightwell that is not a JSON object"
        raise CheckpointError(msg) from error
    if is_altered:
        msg = f"{name} was altered: its metadata does not have the digest that it states"
        raise CheckpointError(msg)
    found = digest(tensors)
    if metadata.get("digest", found) != found:
        msg = f"{name} was altered: its values do not have the digest that it states"
        raise CheckpointError(msg)
    return Checkpoint(tensors, metadata, found)


def check_metadata(metadata: Mapping[str, Any]) -> None:
    """Check that metadata of a checkpoint can be a part of a JSON response.

    Raises:
        CheckpointError: They are nested too deeply, or a number is not finite or of more than 64
            bits, or a text is no Unicode.
    """
    parts: list[tuple[object, int]] = [(metadata, 0)]
    while parts:
        value, depth = parts.pop()
        if isinstance(value, dict | list):
            if depth >= MAX_DEPTH:
                msg = f"its metadata has more than {MAX_DEPTH} lists or objects within each other"
                raise CheckpointError(msg)
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            parts += [(one, depth + 1) for one in inner]
        elif not _is_plain(value):
            msg = f"its metadata has the value {printable(repr(value))}, which JSON has not"
            raise CheckpointError(msg)


def _is_plain(value: object) -> bool:
    """Return whether JSON has a number or a text of a checkpoint's metadata."""
    if isinstance(value, str):
        # Unpaired surrogates, which an escape in JSON may give, have no encoding.
        return value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value)
    if isinstance(value, float):
        return isfinite(value)
    return not isinstance(value, int) or -_LARGEST_INTEGER <= value < _LARGEST_INTEGER


def _parsed(content: bytes, name: str) -> tuple[Tensors, dict[str, Any]]:
    """Parse the tensors and the metadata of a checkpoint's file.

    Raises:
        CheckpointError: It is not a safetensors file, or its header or its metadata are too large.
        ValueError: The metadata are not JSON.
        TypeError: They are not an object.
        RecursionError: They are nested too deeply.
    """
    size = int.from_bytes(content[:8], "little")
    # The header is parsed twice: safetensors.numpy.load does not return metadata.
    if MAX_HEADER < size < len(content):
        msg = f"{name} has a header of {size:,} bytes; at most {MAX_HEADER:,} are read"
        raise CheckpointError(msg)
    try:
        tensors = parse_tensors(content)
        header = json.loads(content[8 : 8 + size])
    except (SafetensorError, LookupError, ValueError, TypeError, ArithmeticError) as error:
        msg = f"{name} is not a whole safetensors file"
        raise CheckpointError(msg) from error
    text = (header.get("__metadata__") or {}).get(_METADATA_KEY, "{}")
    if len(text) > MAX_METADATA:
        msg = f"{name} has metadata of {len(text):,} bytes; at most {MAX_METADATA:,} are read"
        raise CheckpointError(msg)
    metadata = json.loads(text)
    if not isinstance(metadata, dict):
        msg = "metadata is not a JSON object"
        raise TypeError(msg)
    return tensors, metadata


def _json_digest(metadata: Mapping[str, Any]) -> str:
    """Return the digest of a checkpoint's metadata: SHA-256 of its JSON with sorted keys."""
    return hashlib.sha256(json.dumps(metadata, sort_keys=True).encode()).hexdigest()
