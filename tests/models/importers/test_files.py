"""Files of tensors: damaged, hostile and unread ones get a sentence, and no code of theirs runs."""

import io
import json
import pickle
import re
import struct
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from models.importers.conversion import Names, convert
from models.importers.errors import ConversionError
from tests.models.importers.comparison import GOLDEN
from tests.servers import ROOT


def execute() -> None:
    """Fail, as code in a file that is opened would."""
    pytest.fail("code of a file was run")


class Code:
    """Object whose pickle runs code when it is opened."""

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        """Return the code."""
        return execute, ()


def header(text: dict[str, Any], body: bytes = b"") -> bytes:
    """Return a safetensors file of a header and a body."""
    content = json.dumps(text).encode()
    return struct.pack("<Q", len(content)) + content + body


def archive(*entries: tuple[str, bytes]) -> bytes:
    """Return a zip archive, compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)
    return buffer.getvalue()


def array(shape: tuple[int, ...], body: bytes = b"") -> bytes:
    """Return a NumPy file whose header promises a shape."""
    buffer = io.BytesIO()
    text = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, text)
    return buffer.getvalue() + body


def objects() -> bytes:
    """Return a NumPy archive with a pickle that runs code."""
    buffer = io.BytesIO()
    np.savez(buffer, code=np.array([Code()], dtype=object))
    return buffer.getvalue()


FILES: dict[str, tuple[str, bytes, str]] = {
    "truncated safetensors": ("a.safetensors", b"\x00\x01", "is not a whole safetensors file"),
    "header beyond the file": (
        "a.safetensors",
        header({"a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}),
        "is not a whole safetensors file",
    ),
    "large header": (
        "a.safetensors",
        header({"__metadata__": {"a": "a" * 5 * 2**20}}),
        "a.safetensors has a header of 5,242,907 bytes; at most 4,194,304 are read",
    ),
    "eight-bit floats": (
        "a.safetensors",
        header({"a": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}, b"ab"),
        "tensor a is of the type F8_E4M3: save it in float32",
    ),
    "pickle in an npz": (
        "a.npz",
        objects(),
        "code.npy in the archive is no whole array of numbers",
    ),
    "npz that promises more": (
        "a.npz",
        archive(("a.npy", array((1_000_000,)))),
        "a.npy in the archive is no whole array of numbers",
    ),
    "npz that promises too much": (
        "a.npz",
        archive(("a.npy", array((100_000, 100_000)))),
        "tensor a.npy has 10,000,000,000 values; at most 20,000,000 are allowed",
    ),
    "npz that unpacks to too much": (
        "a.npz",
        archive(("a.npy", array((2,), b"\x00" * (257 * 2**20)))),
        "a.npy in the archive has more than 256 MiB, the limit",
    ),
    "no archive": ("a.npz", b"PK", "is not a whole NumPy archive of numbers"),
    "damaged msgpack": ("a.msgpack", b"\xc1\xc1", "is not a whole msgpack file of Flax"),
    "no ONNX": ("a.onnx", b"hello", "is not a whole ONNX file"),
    "empty ONNX": ("a.onnx", b"", "is not an ONNX file, or has no nodes"),
    "no Keras": ("a.keras", b"PK", "is not a whole .keras archive of Keras 3"),
    "Keras without weights": (
        "a.keras",
        archive(("config.json", b'{"class_name": "Sequential", "config": {}}')),
        "the archive has no readable model.weights.h5",
    ),
    "Keras with other weights": (
        "a.keras",
        archive(("config.json", b'{"config": {}}'), ("model.weights.h5", b"no")),
        "the weights of the archive are not a whole HDF5 file",
    ),
    "unknown format": ("a.txt", b"", "known are .onnx, .keras, .safetensors, .npz, .msgpack"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_or_hostile_file_gets_a_sentence(tmp_path: Path, name: str) -> None:
    """No file is unpacked beyond the limit, no object of a pickle is made, no bare error shown."""
    file, content, reason = FILES[name]
    (tmp_path / file).write_bytes(content)

    with pytest.raises(ConversionError, match=re.escape(reason)):
        convert(tmp_path / file, Names("mine"))


UNREAD = {
    "mine.pt": "torch.onnx.export(model.eval(), (example,), 'model.onnx', external_data=False)",
    "mine.pth": "safetensors.torch.save_file(model.state_dict(), 'model.safetensors')",
    "mine.ckpt": "a pickle, which can run any code when it is opened",
    "mine.h5": "model = keras.models.load_model('mine.h5')\n  model.save('model.keras')",
    "mine.tflite": "python -m tf2onnx.convert --tflite mine.tflite --output model.onnx",
    "mine.pb": "python -m tf2onnx.convert --graphdef mine.pb --output model.onnx",
    "mine.pkl": "numpy.savez('model.npz', **arrays)",
}


@pytest.mark.parametrize("name", UNREAD)
def test_formats_of_code_are_named_and_never_opened(tmp_path: Path, name: str) -> None:
    """The lines that make a readable file are shown, whether or not the file is there."""
    (tmp_path / name).write_bytes(pickle.dumps(Code()))

    with pytest.raises(ConversionError, match=re.escape(UNREAD[name])):
        convert(tmp_path / name, Names("mine"))


def test_a_saved_model_is_named(tmp_path: Path) -> None:
    """A folder of TensorFlow is recognised by its graph."""
    (tmp_path / "saved_model.pb").write_bytes(b"")

    with pytest.raises(ConversionError, match="--saved-model"):
        convert(tmp_path, Names("mine"))


def test_a_folder_without_a_checkpoint_is_named(tmp_path: Path) -> None:
    """A folder of other files is not taken for one of Orbax."""
    with pytest.raises(ConversionError, match="is a folder, and no Orbax checkpoint"):
        convert(tmp_path, Names("mine"))


@pytest.mark.parametrize(
    ("name", "package"), [("skip.onnx", "onnx"), ("keras_simple.keras", "h5py")]
)
def test_a_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, name: str, package: str
) -> None:
    """The sentence has the extra that installs the reader of these files."""
    monkeypatch.setitem(sys.modules, package, None)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    with pytest.raises(
        ConversionError, match=rf"need the package {package}, .*lightwell\[import\]"
    ):
        convert(GOLDEN / name, Names("mine"))
    assert any(one.startswith(package) for one in extras["optional-dependencies"]["import"])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path without a file gets a sentence."""
    with pytest.raises(ConversionError, match=r"mine\.onnx: no such file or folder"):
        convert(tmp_path / "mine.onnx", Names("mine"))


def external(tmp_path: Path, location: str) -> Path:
    """Write an ONNX file whose kernel of the dense layer is in another file."""
    model = onnx.load(GOLDEN / "skip.onnx")
    tensor = next(one for one in model.graph.initializer if one.name == "fc.weight")
    (tmp_path / "weights.data").write_bytes(b"\x00" * 8 + tensor.raw_data)
    for key, value in (("location", location), ("offset", "8"), ("length", f"{384 * 28}")):
        tensor.external_data.add(key=key, value=value)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    path = tmp_path / "mine.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_weights_in_a_file_next_to_an_onnx_file_are_read(tmp_path: Path) -> None:
    """External data of the same folder has the same values as data inside."""
    wanted = convert(GOLDEN / "skip.onnx", Names("mine")).parameters["fc.kernel"]

    found = convert(external(tmp_path, "weights.data"), Names("mine")).parameters["fc.kernel"]

    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("location", ["/etc/passwd", "../weights.data", "missing", "link", ""])
def test_weights_in_other_files_are_not_read(tmp_path: Path, location: str) -> None:
    """External data of other folders, also behind a link, is not followed."""
    (tmp_path / "link").symlink_to("/etc/passwd")

    with pytest.raises(ConversionError, match="which is not next to the ONNX file"):
        convert(external(tmp_path, location), Names("mine"))


def test_a_network_over_the_limits_is_refused(tmp_path: Path) -> None:
    """A network with more parameters than a server holds is refused with the number."""
    path = tmp_path / "mine.npz"
    shapes = {"0.weight": (64, 3, 3, 3), "2.weight": (900, 64 * 100)}
    np.savez_compressed(path, **{name: np.zeros(one, np.float16) for name, one in shapes.items()})

    with pytest.raises(ConversionError, match="parameters; at most 5,000,000 are allowed"):
        convert(path, Names("mine"))
