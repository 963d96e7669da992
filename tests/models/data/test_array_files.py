"""Files of arrays: whole ones, and a sentence that names each damaged one."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from models.data.array_files import read_arrays
from models.data.datasets import DatasetError

VALUES = np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8)


def archive(**arrays: np.ndarray) -> bytes:
    """Bytes of a compressed .npz."""
    held = io.BytesIO()
    np.savez_compressed(held, **arrays)
    return held.getvalue()


def array() -> bytes:
    """Bytes of an .npy."""
    held = io.BytesIO()
    np.save(held, VALUES)
    return held.getvalue()


def with_a_text() -> bytes:
    """Bytes of an .npz with a file that is no array."""
    held = io.BytesIO(archive(inputs=VALUES))
    with zipfile.ZipFile(held, "a") as opened:
        opened.writestr("readme", "not an array")
    return held.getvalue()


WHOLE = archive(inputs=VALUES)

DAMAGED = {
    "empty.npy": b"",
    "empty.npz": b"",
    "empty.safetensors": b"",
    "truncated.npy": array()[:-1],
    "truncated.npz": WHOLE[: len(WHOLE) // 2],
    "truncated.safetensors": save({"inputs": VALUES})[:-1],
    # Within the compressed array, of whose stream zlib finds the end or the checksum wrong.
    "inflated.npz": WHOLE[:200] + bytes(4) * 20 + WHOLE[280:],
    "archive.npy": WHOLE,
    "array.npz": array(),
    "other.npy": b"1,2,3\n",
    "other.npz": b"1,2,3\n",
    "text.npz": with_a_text(),
}


def test_whole_files_are_equal(tmp_path: Path) -> None:
    """Arrays have the names of the file; that of an .npy is `inputs`."""
    for name, content in {
        "a.npy": array(),
        "a.npz": WHOLE,
        "a.safetensors": save({"inputs": VALUES}),
    }.items():
        (tmp_path / name).write_bytes(content)
        (found,) = read_arrays(tmp_path / name).items()
        assert found[0] == "inputs"
        np.testing.assert_array_equal(found[1], VALUES)


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    """What cannot be read, or is no array, is a sentence with the name of the file and a reason."""
    (tmp_path / name).write_bytes(DAMAGED[name])

    with pytest.raises(DatasetError, match=rf"^{name} cannot be read as arrays of numbers: \S"):
        read_arrays(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that is not there is a sentence."""
    with pytest.raises(DatasetError, match=r"^a\.npy cannot be read .* No such file"):
        read_arrays(tmp_path / "a.npy")
