"""Checkpoints: whole or not there at all."""

import errno
import os

import numpy as np
import pytest

from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError

TENSORS = {"conv1.kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "step": np.array([7])}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "some.safetensors"
    checkpoints.save(path, TENSORS, {"seed": 3})
    return path


def test_tensors_and_metadata_come_back(path):
    """A checkpoint holds tensors, bit for bit, and metadata."""
    loaded = checkpoints.load(path)
    assert loaded.metadata["seed"] == 3
    assert loaded.digest == checkpoints.digest(TENSORS)
    assert loaded.tensors.keys() == TENSORS.keys()
    for name, value in TENSORS.items():
        assert loaded.tensors[name].dtype == value.dtype
        assert np.array_equal(loaded.tensors[name], value)


def test_the_digest_tells_tensors_apart():
    """The digest depends on names, shapes, types and values, and not on the order."""
    value = TENSORS["conv1.kernel"]
    others = [
        {"conv1.bias": value},
        {"conv1.kernel": value.T},
        {"conv1.kernel": value.reshape(3, 2)},
        {"conv1.kernel": value.astype(np.float64)},
        {"conv1.kernel": value + np.float32(1e-6)},
    ]
    digests = {checkpoints.digest(tensors) for tensors in [{"conv1.kernel": value}, *others]}
    assert len(digests) == 6
    backwards = dict(reversed(TENSORS.items()))
    assert checkpoints.digest(backwards) == checkpoints.digest(TENSORS)


def test_every_altered_byte_is_noticed(path):
    """A checkpoint with any one byte of its values flipped is refused."""
    whole = path.read_bytes()
    for place in range(len(whole) - 32, len(whole)):
        altered = bytearray(whole)
        altered[place] ^= 0x10
        path.write_bytes(altered)
        with pytest.raises(CheckpointError, match="some.safetensors was altered"):
            checkpoints.load(path)


def test_every_truncation_is_noticed(path):
    """A checkpoint that was cut off anywhere is refused."""
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="not a whole safetensors file"):
            checkpoints.load(path)


def test_a_missing_file_is_named(tmp_path):
    """The error says which file is missing."""
    with pytest.raises(CheckpointError, match="none.safetensors: No such file"):
        checkpoints.load(tmp_path / "none.safetensors")


def test_a_pickle_is_not_run(tmp_path):
    """A file that is no safetensors file is refused, not executed."""
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        checkpoints.load(path)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(path, monkeypatch, failing):
    """When the disk is full the checkpoint before stays, and nothing half-written does."""

    def full(*_args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = path.read_bytes()
    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(path, {"other": np.zeros(3)}, {})
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed(path):
    """The next write clears away the partial file of one that was killed."""
    stale = path.parent / f".{path.name}.abc123.partial"
    stale.write_bytes(b"half")
    checkpoints.save(path, TENSORS, {})
    assert list(path.parent.iterdir()) == [path]


def test_others_may_read_a_checkpoint(path):
    """A checkpoint is readable by other users, such as the one that the server runs as."""
    assert path.stat().st_mode & 0o777 == 0o644
