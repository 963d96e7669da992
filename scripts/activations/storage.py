"""Storage formats of scripts.activations: safetensors and Parquet files, or one Zarr group."""

import json
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from lightwell.extras import needing
from models.runtime.durable_files import Content, write_atomically
from scripts.activations.tensor_plan import TensorPlan

TYPES = {"float32": "F32", "int32": "I32", "int64": "I64"}
"""Name in safetensors of each type of the tensors of scripts.activations."""

EXTRA = "activations"
"""Extra with the optional packages of scripts.activations."""

METADATA_KEY = "lightwell"
CHUNK = 2**20


class Shard(NamedTuple):
    """Shard of scripts.activations, to be stored.

    Attributes:
        number: Counted from 0.
        first_row: Row of the data set.
        metadata: JSON values: the network, digests of its weights and declaration, names of
            pictures.
    """

    number: int
    first_row: int
    arrays: Mapping[str, np.ndarray]
    metadata: Mapping[str, Any]

    @property
    def rows(self) -> int:
        """Number of rows of a stored shard of scripts.activations."""
        return len(next(iter(self.arrays.values())))


class Storage(Protocol):
    """Storage format of scripts.activations."""

    def prepare(self, folder: Path, *, is_new: bool) -> None:
        """Create the stored files that all shards of scripts.activations share."""

    def write(self, folder: Path, shard: Shard) -> dict[str, Any]:
        """Store a shard of scripts.activations; return its entry in the index."""

    def is_whole(self, folder: Path, entry: Mapping[str, Any]) -> bool:
        """Return whether a stored shard of scripts.activations is as its entry says."""


class FileStorage:
    """Storage of scripts.activations with one file a shard, in a folder."""

    suffix = ""

    def prepare(self, folder: Path, *, is_new: bool) -> None:
        """Do nothing: files of scripts.activations share nothing."""

    def pieces(self, shard: Shard) -> list[Content]:
        """Return the content of the file of a shard of scripts.activations, in pieces."""
        raise NotImplementedError

    def write(self, folder: Path, shard: Shard) -> dict[str, Any]:
        """Write the file of a shard of scripts.activations; return its entry in the index."""
        pieces = self.pieces(shard)
        name = f"shard-{shard.number:05d}{self.suffix}"
        write_atomically(folder / name, *pieces)
        size = sum(memoryview(one).nbytes for one in pieces)
        return {"file": name, **_span(shard), "bytes": size, "crc32": _crc32(pieces)}

    def is_whole(self, folder: Path, entry: Mapping[str, Any]) -> bool:
        """Return whether the file of a shard of scripts.activations has its size and checksum."""
        path = folder / str(entry.get("file"))
        try:
            if path.stat().st_size != entry.get("bytes"):
                return False
            with path.open("rb") as file:
                found = _crc32(iter(lambda: file.read(CHUNK), b""))
        # A ValueError is that of a name with a NUL.
        except (OSError, ValueError):
            return False
        return bool(found == entry.get("crc32"))


class SafetensorsStorage(FileStorage):
    """Storage of scripts.activations as safetensors, whose tensors are not copied."""

    suffix = ".safetensors"

    def pieces(self, shard: Shard) -> list[Content]:
        """Return header and tensors of a shard of scripts.activations as safetensors."""
        header: dict[str, Any] = {"__metadata__": {METADATA_KEY: json.dumps(shard.metadata)}}
        at = 0
        for name, values in shard.arrays.items():
            header[name] = {
                "dtype": TYPES[values.dtype.name],
                "shape": values.shape,
                "data_offsets": (at, at + values.nbytes),
            }
            at += values.nbytes
        text = json.dumps(header).encode()
        # Padded with spaces, so that the tensors are aligned.
        text += b" " * (-len(text) % 8)
        head = len(text).to_bytes(8, "little") + text
        return [head, *(values.data.cast("B") for values in shard.arrays.values())]


class ParquetStorage(FileStorage):
    """Storage of scripts.activations as Parquet, a row for each input; needs pyarrow."""

    suffix = ".parquet"

    def __init__(self) -> None:
        with needing(EXTRA, "--parquet"):
            import pyarrow  # noqa: PLC0415 - optional
            import pyarrow.parquet  # noqa: PLC0415
        self._arrow: Any = pyarrow

    def pieces(self, shard: Shard) -> list[Content]:
        """Return the content of a Parquet file of a shard of scripts.activations."""
        arrow = self._arrow
        rows = np.arange(shard.first_row, shard.first_row + shard.rows, dtype=np.int64)
        columns = {"row": arrow.array(rows)}
        if names := shard.metadata.get("names"):
            columns["name"] = arrow.array(names)
        for name, values in shard.arrays.items():
            # A column of tensors of one shape keeps it, where a list would lose all but one axis.
            columns[name] = (
                arrow.FixedShapeTensorArray.from_numpy_ndarray(values)
                if values.ndim > 1
                else arrow.array(values)
            )
        table = arrow.table(columns).replace_schema_metadata(
            {METADATA_KEY: json.dumps(shard.metadata)}
        )
        sink = arrow.BufferOutputStream()
        arrow.parquet.write_table(table, sink)
        return [memoryview(sink.getvalue())]


class ZarrStorage:
    """Storage of scripts.activations as one Zarr group, a chunk for each shard; needs zarr.

    Args:
        tensors: Shape and type of each array.
        rows: Rows of the data set.
        shard_rows: Rows of a chunk.
        metadata: JSON values: the network, digests of its weights and declaration, names of all
            pictures. They are an attribute of the group.
    """

    group = "activations.zarr"

    def __init__(
        self,
        tensors: Mapping[str, TensorPlan],
        rows: int,
        shard_rows: int,
        metadata: Mapping[str, Any],
    ) -> None:
        with needing(EXTRA, "--zarr"):
            import zarr  # noqa: PLC0415 - optional
        self._zarr: Any = zarr
        self._tensors, self._rows, self._shard_rows = tensors, rows, shard_rows
        self._metadata = metadata

    def prepare(self, folder: Path, *, is_new: bool) -> None:
        """Create the Zarr group of scripts.activations with its arrays, where it is new."""
        if not is_new:
            return
        group = self._zarr.open_group(str(folder / self.group), mode="w")
        group.update_attributes({METADATA_KEY: dict(self._metadata)})
        for name, one in self._tensors.items():
            group.create_array(
                name,
                shape=(self._rows, *one.shape),
                chunks=(min(self._shard_rows, self._rows), *one.shape),
                dtype=one.dtype,
                dimension_names=list(one.axes),
            )

    def write(self, folder: Path, shard: Shard) -> dict[str, Any]:
        """Write the chunks of a shard of scripts.activations; return its entry in the index."""
        group = self._zarr.open_group(str(folder / self.group), mode="r+")
        for name, values in shard.arrays.items():
            group[name][shard.first_row : shard.first_row + shard.rows] = values
        return {"file": self.group, **_span(shard), "crc32": _values_crc32(shard.arrays.values())}

    def is_whole(self, folder: Path, entry: Mapping[str, Any]) -> bool:
        """Return whether the chunks of a shard of scripts.activations have its checksum."""
        span = slice(entry["first_row"], entry["first_row"] + entry["rows"])
        try:
            group = self._zarr.open_group(str(folder / self.group), mode="r")
            values = [np.asarray(group[name][span]) for name in self._tensors]
        # A damaged chunk is an error of its codec, of which each has its own.
        except Exception:
            return False
        return bool(_values_crc32(values) == entry.get("crc32"))


def _span(shard: Shard) -> dict[str, int]:
    return {"first_row": shard.first_row, "rows": shard.rows}


def _values_crc32(arrays: Iterable[np.ndarray]) -> str:
    """Return the checksum of the values of a Zarr chunk of scripts.activations."""
    return _crc32(np.ascontiguousarray(one).data.cast("B") for one in arrays)


def _crc32(pieces: Iterable[Content]) -> str:
    """Return the CRC-32 of stored bytes of scripts.activations, in hexadecimal.

    It finds damage; SHA-256 would take as long as the computation.
    """
    found = 0
    for piece in pieces:
        found = zlib.crc32(piece, found)
    return f"{found:08x}"
