"""Weights of PyTorch and Flax, matched with declarations and compared with the originals."""

import io
import json
import struct
from collections.abc import Mapping
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from orbax import checkpoint
from safetensors.numpy import load_file, save_file

from models.derivation import derive
from models.importers import limits
from models.importers.errors import ConversionError
from models.importers.matching import match_tensors
from models.importers.tensor_files import read_tensors
from tests.models.importers.comparison import GOLDEN, compare, declared

SYMBOLS = 'alphabet = "abcde", encoding = "embed"'

NETWORKS = {
    "skip": declared(
        "image = [32, 32, 3]",
        7,
        (
            "stem: conv 6 stride 2 pad 1 nobias, bn1: norm, relu, body: conv 6 nobias, "
            "bn2: norm eps 1e-3, add relu1, relu, pool: pool 3x3 stride 2 pad 1, flatten, "
            "fc: dense 7"
        ),
    ),
    "resnet8": declared(
        "image = [16, 16, 3]",
        10,
        "conv1: conv 4 nobias, norm, relu, layer1_conv1: conv 4 nobias, norm, relu, "
        "layer1_conv2: conv 4 nobias, norm, add relu1, relu, "
        "layer2_downsample: conv 8 1x1 stride 2 nobias, norm, "
        "layer2_conv1: conv 8 stride 2 pad 1 nobias from relu3, norm, relu, "
        "layer2_conv2: conv 8 nobias, norm, add norm4, relu, "
        "layer3_downsample: conv 12 1x1 stride 2 nobias, norm, "
        "layer3_conv1: conv 12 stride 2 pad 1 nobias from relu5, norm, relu, "
        "layer3_conv2: conv 12 nobias, norm, add norm7, relu, globalpool, fc: dense 10",
    ),
    "lenet": declared(
        "image = [32, 32, 1]",
        10,
        (
            "conv 6 5x5 valid, tanh, pool avg, conv 16 5x5 valid, tanh, pool avg, flatten, "
            "dense 40, tanh, dense 24, tanh, dense 10"
        ),
    ),
    "separable": declared(
        "image = [15, 17, 3]",
        5,
        (
            "conv 8, silu, conv 8 stride 2 pad 1 groups 8 nobias, norm, relu6, "
            "conv 12 1x1, hard_swish, conv 24 dilation 2 groups 12, gelu, "
            "pool 3x3 stride 2 avg pad 1 countpad, leaky_relu 0.2, globalpool max, "
            "dropout 0.3, dense 5, softmax"
        ),
    ),
    "allconv": declared(
        "image = [20, 20, 3]",
        6,
        (
            "conv 6 valid, elu, conv 8 stride 2 pad 1, elu 0.5, "
            "conv 8 2x2 stride 2 valid nobias, norm, mish, conv 6 1x1, globalpool"
        ),
    ),
    "gru2": declared(SYMBOLS, 3, "embed 6, gru 10, gru 10, dense 3"),
    "lstm2": declared("features = 2", 4, "lstm 8, lstm 8, dense 4"),
    "rnn_tanh": declared(SYMBOLS, 2, "embed 6, rnn 6, dense 2"),
    "rnn_relu": declared("features = 3", 2, "rnn 6 relu, dense 2"),
    "final_state": declared("features = 4", 3, "lstm 8, lstm 8, dense 3"),
    "tagger": declared(
        "features = 3", 2, "gru 7, norm layer, dense 1, sigmoid", 'answer = "every"'
    ),
    "nnx_images": declared(
        "image = [16, 16, 3]",
        5,
        "conv 6 stride 2, norm, relu, conv 6, relu, pool, dropout 0.2, flatten, dense 5",
    ),
    "nnx_lstm": declared("features = 4", 3, "lstm 6, lstm 6, readout: dense 3"),
    "nnx_optimised": declared("features = 4", 3, "lstm 7, readout: dense 3"),
    "nnx_gru": declared("features = 4", 3, "gru 5, dense 3"),
    "nnx_simple": declared("features = 4", 3, "rnn 5, dense 3"),
    "linen_images": declared(
        "image = [8, 8, 1]",
        4,
        "conv 6, relu, norm, conv 6, relu, pool avg, flatten, dense 12, relu, dense 4",
    ),
    "linen_lstm": declared(SYMBOLS, 3, "embed 6, lstm 6, dense 3"),
    "linen_optimised": declared(SYMBOLS, 3, "embed 6, lstm 6, dense 3"),
    "linen_gru": declared(SYMBOLS, 3, "embed 6, gru 6, dense 3"),
    "linen_simple": declared(SYMBOLS, 3, "embed 6, rnn 6, dense 3"),
}

VALUES: Mapping[str, Mapping[str, str]] = {
    "skip": {},
    "resnet8": {"layer2.downsample.1": "norm4", "layer1.bn2": "norm3", "layer3.bn1": "norm8"},
    "lenet": {"features.0": "conv1", "features.3": "conv2", "classifier.0": "dense1"},
    "separable": {"0": "conv1", "2": "conv2", "3": "norm1", "7": "conv4", "9": "pool1"},
    "allconv": {"4": "conv3", "5": "norm1", "6": "mish1", "7": "conv4"},
    "gru2": {"rnn": "gru2.hidden", "embedding": "embed1"},
    "lstm2": {"rnn": "lstm2.hidden"},
    "tagger": {"gru": "hidden", "norm": "norm1"},
}
"""Our name of a value by that of PyTorch's module, where they differ."""


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_by_name_give_the_originals_values(name: str) -> None:
    """Tensors of every format are matched, and give the answers and values of the original."""
    declaration = NETWORKS[name]
    files = [path for path in GOLDEN.glob(f"{name}.*") if "reference" not in path.name]
    files = [path for path in files if path.suffix in {".safetensors", ".npz", ".msgpack"}]
    assert files

    for path in files:
        found = match_tensors(derive(declaration), read_tensors(path))
        compared = compare(name, declaration, found.parameters, other_names=VALUES.get(name))

        assert compared >= set(VALUES.get(name, {}).values())
        assert name != "skip" or compared == {"stem", "bn1", "body", "bn2", "pool"}


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_other_floats_become_float32(tmp_path: Path, dtype: type) -> None:
    """Half precision is widened exactly, and double precision rounded."""
    tensors = {
        name: value.astype(dtype) if value.dtype.kind == "f" else value
        for name, value in load_file(GOLDEN / "skip.safetensors").items()
    }
    path = tmp_path / "mine.safetensors"
    path.write_bytes(serialised(tensors))
    wanted = tensors["stem.weight"].astype(np.float32).transpose(2, 3, 1, 0)

    found = match_tensors(derive(NETWORKS["skip"]), read_tensors(path))

    np.testing.assert_array_equal(found.parameters["stem.kernel"], wanted)
    assert {one.dtype for one in found.parameters.values()} == {np.dtype(np.float32)}


def serialised(tensors: Mapping[str, np.ndarray]) -> bytes:
    """Write safetensors, whose NumPy functions do not know bfloat16."""
    kinds = {"float16": "F16", "bfloat16": "BF16", "float64": "F64", "int64": "I64"}
    header, body = {}, io.BytesIO()
    for name, value in tensors.items():
        start = body.tell()
        body.write(value.tobytes())
        header[name] = {
            "dtype": kinds[value.dtype.name],
            "shape": list(value.shape),
            "data_offsets": [start, body.tell()],
        }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body.getvalue()


def test_an_npz_with_bfloat16_is_read(tmp_path: Path) -> None:
    """NumPy writes bfloat16 as bytes without a meaning, of which the values come back."""
    values = np.arange(6, dtype=np.float32).astype(ml_dtypes.bfloat16)
    np.savez(tmp_path / "mine.npz", values=values)

    np.testing.assert_array_equal(read_tensors(tmp_path / "mine.npz")["values"], np.arange(6))


@pytest.mark.filterwarnings("ignore")
def test_an_orbax_checkpoint_is_read(tmp_path: Path) -> None:
    """The nested tree of an Orbax folder has the values of the same tensors in safetensors."""
    tensors = load_file(GOLDEN / "nnx_gru.safetensors")
    tree: dict = {}
    for name, value in tensors.items():
        if value.dtype.kind != "f":
            continue
        *path, last = name.split(".")
        inner = tree
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    with checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "mine", tree)

    found = match_tensors(derive(NETWORKS["nnx_gru"]), read_tensors(tmp_path / "mine"))

    compare("nnx_gru", NETWORKS["nnx_gru"], found.parameters)


@pytest.mark.filterwarnings("ignore")
def test_values_that_an_orbax_checkpoint_states_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zeros take no room in the folder, and are refused before they are restored."""
    with checkpoint.StandardCheckpointer() as checkpointer:
        checkpointer.save(tmp_path / "mine", {f"a{n}": np.zeros(5000, "f4") for n in range(8)})
    monkeypatch.setattr(limits, "MAX_FILE", 100_000)

    with pytest.raises(ConversionError, match="tensors of the file have more than 0 MiB, the lim"):
        read_tensors(tmp_path / "mine")


@pytest.mark.filterwarnings("ignore")
def test_chunks_that_an_orbax_checkpoint_states_are_counted(tmp_path: Path) -> None:
    """A chunk that is larger than its array would be unpacked whole."""
    with checkpoint.PyTreeCheckpointer(use_ocdbt=False) as checkpointer:
        checkpointer.save(tmp_path / "mine", {"a": np.zeros(5, "f4")})
    assert list(read_tensors(tmp_path / "mine")) == ["a"]
    file = tmp_path / "mine" / "a" / ".zarray"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"chunks": [10**9]}))

    with pytest.raises(ConversionError, match="a has 1,000,000,000 values; at most 20,000,000 are"):
        read_tensors(tmp_path / "mine")


def test_names_of_wrappers_are_ignored(tmp_path: Path) -> None:
    """Prefixes of DataParallel, compile and Lightning do not hinder a match by name."""
    tensors = load_file(GOLDEN / "skip.safetensors")
    for prefix in ("module.", "model._orig_mod.", "state_dict.model.module."):
        save_file({f"{prefix}{k}": v for k, v in tensors.items()}, tmp_path / "a.safetensors")

        found = match_tensors(derive(NETWORKS["skip"]), read_tensors(tmp_path / "a.safetensors"))

        assert set(found.by.values()) == {"name"}
