"""Checkpoints: safetensors files with a digest, atomic writes, checked reads."""

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as serialise_tensors

from models.runtime.durable_files import write_atomically

Tensors = dict[str, np.ndarray]

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


def load(path: Path) -> Checkpoint:
    """Read a checkpoint and check its digest.

    The digest of a safetensors file of other origin, without our metadata, is only computed.

    Raises:
        CheckpointError: The file is missing, truncated, altered, or not a safetensors file.
    """
    try:
        content = path.read_bytes()
        tensors = parse_tensors(content)
    except OSError as error:
        msg = f"{path.name}: {error.strerror}"
        raise CheckpointError(msg) from error
    except (SafetensorError, KeyError, ValueError) as error:
        msg = f"{path.name} is not a whole safetensors file"
        raise CheckpointError(msg) from error
    try:
        metadata = _metadata(content)
    except (ValueError, TypeError, RecursionError) as error:
        msg = f"{path.name} has metadata of Lightwell that is not a JSON object"
        raise CheckpointError(msg) from error
    stated = metadata.pop(_METADATA_DIGEST, None)
    if stated is not None and stated != _json_digest(metadata):
        msg = f"{path.name} was altered: its metadata does not have the digest that it states"
        raise CheckpointError(msg)
    found = digest(tensors)
    if metadata.get("digest", found) != found:
        msg = f"{path.name} was altered: its values do not have the digest that it states"
        raise CheckpointError(msg)
    return Checkpoint(tensors, metadata, found)


def _metadata(content: bytes) -> dict[str, Any]:
    """Read our metadata from the header of a checkpoint; empty if it has none.

    Raises:
        ValueError: It is not JSON.
        TypeError: It is not an object.
        RecursionError: It is nested too deeply.
    """
    # safetensors.numpy.load does not return metadata; the format is a length, then JSON.
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    metadata = json.loads((header.get("__metadata__") or {}).get(_METADATA_KEY, "{}"))
    if not isinstance(metadata, dict):
        msg = "metadata is not a JSON object"
        raise TypeError(msg)
    return metadata


def _json_digest(metadata: Mapping[str, Any]) -> str:
    """Return the digest of a checkpoint's metadata: SHA-256 of its JSON with sorted keys."""
    return hashlib.sha256(json.dumps(metadata, sort_keys=True).encode()).hexdigest()
