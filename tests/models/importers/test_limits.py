"""Limits of imported files: small files that would take much memory or time are refused."""

import re
import struct
import tracemalloc
import zipfile
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from flax import serialization
from onnx import TensorProto, helper, inliner

from models.importers import limits, onnx_file, protobuf_parts
from models.importers.errors import ConversionError
from models.importers.groups import groups_of
from models.importers.guess import guess
from models.importers.keras_file import open_archive
from models.importers.onnx_file import read_onnx
from models.importers.onnx_reader import import_onnx
from models.importers.tensor_files import flat, read_tensors
from tests.models.importers.test_onnx import drawn, made

IMAGE = (1, 3, 4, 4)


def calling(count: int, *, calls_first: bool = False) -> onnx.ModelProto:
    """Return a model of functions of which each calls the next one twice."""
    names = [*(f"f{number}" for number in range(count)), "f0" if calls_first else "Relu"]
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)]
    functions = []
    for name, inner in pairwise(names):
        domain = "" if inner == "Relu" else "mine"
        nodes = [
            helper.make_node(inner, [one], [other], domain=domain) for one, other in ("ab", "bc")
        ]
        functions.append(helper.make_function("mine", name, ["a"], ["c"], nodes, imports))
    graph = helper.make_graph(
        [helper.make_node("f0", ["x"], ["y"], domain="mine")],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, IMAGE)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, IMAGE)],
    )
    return helper.make_model(graph, opset_imports=imports, functions=functions)


def test_functions_that_call_each_other_are_counted_before_they_are_written_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thirteen functions that call the next one twice are 8,192 nodes; a circle has no end."""
    monkeypatch.setattr(inliner, "inline_local_functions", lambda _: pytest.fail("written out"))
    path = tmp_path / "mine.onnx"
    onnx.save(calling(13), path)
    with pytest.raises(ConversionError, match="has 8192 nodes, with those of its functions; at"):
        read_onnx(path)

    onnx.save(calling(2, calls_first=True), path)
    with pytest.raises(ConversionError, match="functions of the ONNX file cannot be written out"):
        read_onnx(path)


def test_functions_within_the_limit_are_written_out(tmp_path: Path) -> None:
    """Three functions that call the next one twice are eight nodes."""
    onnx.save(calling(3), tmp_path / "mine.onnx")

    assert [one.operator for one in read_onnx(tmp_path / "mine.onnx").nodes] == ["Relu"] * 8


def test_a_model_of_many_empty_nodes_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each node of two bytes would be an object of 150; damaged models are no ONNX files."""
    monkeypatch.setattr(protobuf_parts, "MAX_PARTS", 100)
    fake = SimpleNamespace(
        DESCRIPTOR=onnx.ModelProto.DESCRIPTOR, FromString=lambda _: pytest.fail("parsed")
    )
    monkeypatch.setattr(onnx, "ModelProto", fake)
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"\x3a\xc8\x01" + b"\x0a\x00" * 100)
    with pytest.raises(ConversionError, match="the file has more than 100 parts, the limit"):
        read_onnx(path)

    for damaged in (b"\x3a\xff", b"\x3b", b"\xff" * 20):
        path.write_bytes(damaged)
        with pytest.raises(ConversionError, match="is not a whole ONNX file"):
            read_onnx(path)


def packed(number: int, content: bytes) -> bytes:
    """Return a field of a protobuf file that packs numbers, of at most 16,383 bytes."""
    return bytes([number << 3 | 2, len(content) % 128 | 128, len(content) // 128]) + content


MEMORY, COUNT = "tensors of the file have more than 0 MiB", "the file has more than 1,000 parts"
NUMBERS = {
    "int64 of a tensor": (packed(7, b"\x03" * 3000), onnx.TensorProto, MEMORY),
    "int32 of a tensor": (packed(5, b"\x03" * 5000), onnx.TensorProto, MEMORY),
    "float of a tensor": (packed(4, bytes(4 * 2000)) * 3, onnx.TensorProto, MEMORY),
    "int64 of an attribute": (packed(8, b"\x03" * 2000), onnx.AttributeProto, COUNT),
    "float of an attribute": (packed(7, bytes(4 * 2000)), onnx.AttributeProto, COUNT),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_a_file_packs_are_counted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """An int64 of one byte in a file takes eight in memory, and one of an attribute an object."""
    content, message, reason = NUMBERS[name]
    protobuf_parts.check_parts(content, message.DESCRIPTOR)
    monkeypatch.setattr(limits, "MAX_FILE", 2**14)
    monkeypatch.setattr(protobuf_parts, "MAX_PARTS", 1000)

    with pytest.raises(ConversionError, match=reason):
        protobuf_parts.check_parts(content, message.DESCRIPTOR)


def test_numbers_of_several_bytes_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """An int64 of two bytes in a file takes eight in memory, not sixteen."""
    monkeypatch.setattr(limits, "MAX_FILE", 2**14)

    protobuf_parts.check_parts(packed(7, b"\xff\x03" * 2000), onnx.TensorProto.DESCRIPTOR)


def chain(operator: str, constant: str, **attributes: float) -> list:
    """Return eight ONNX nodes from `c0` to `c8`, each with the one before and a constant."""
    return [
        (operator, [f"c{number}", constant], [f"c{number + 1}"], attributes) for number in range(8)
    ]


CHAINS: dict[str, list] = {
    "constants": [
        ("ConstantOfShape", ["size"], ["c0"]),
        *chain("Add", "c0"),
        ("Add", ["x", "c8"], ["y"]),
    ],
    "kernels": [
        ("Flatten", ["x"], ["c0"]),
        *chain("Gemm", "w", alpha=0.5),
        ("Identity", ["c8"], ["y"]),
    ],
}


@pytest.mark.parametrize("name", CHAINS)
def test_nodes_that_make_constants_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Eight nodes that each make a constant of some kB are over a limit of 32 kB together."""
    constants = {"size": np.array([2000]), "w": drawn(48, 48)}
    path = made(tmp_path, CHAINS[name], constants, IMAGE)
    monkeypatch.setattr(limits, "MAX_FILE", 2**15)

    with pytest.raises(ConversionError, match="tensors of the file have more than 0 MiB, the lim"):
        import_onnx(path, "mine")


def test_constants_in_a_file_next_to_an_onnx_file_are_read_once_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight constants that are the same 8 kB of a file are 64 kB, and the file is read once."""
    (tmp_path / "weights.data").write_bytes(bytes(2**13))
    path = made(tmp_path, [("Constant", [], [f"c{n}"]) for n in range(8)], {}, IMAGE)
    model = onnx.load(path)
    for node in model.graph.node:
        tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[2**11])
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="weights.data")
        node.attribute.append(helper.make_attribute("value", tensor))
    path.write_bytes(model.SerializeToString())
    files = []

    def counted(file: Path, *rest: int) -> bytes:
        files.append(file.name)
        return limits.read_bytes(file, *rest)

    monkeypatch.setattr(onnx_file, "read_bytes", counted)
    assert len(read_onnx(path).nodes) == 8
    assert files == ["made.onnx", "weights.data"]

    monkeypatch.setattr(limits, "MAX_FILE", 2**15)
    with pytest.raises(ConversionError, match="tensors of the file have more than 0 MiB, the lim"):
        read_onnx(path)


LARGE = {
    "image": ("Flatten", {}, (1, 3, 10**5, 10**5), "a layer has 30,000,000,000 values; at most"),
    "channels": ("Relu", {}, (1, 10**9, 1, 1), "a layer has 1,000,000,000 values; at most"),
    "padding": (
        "MaxPool",
        {"kernel_shape": [2, 2], "pads": [10**12] * 4},
        IMAGE,
        "padding of 1,000,000,000,000 cannot be declared, only up to 256",
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_layers_of_a_large_size_are_refused(tmp_path: Path, name: str) -> None:
    """A size that a file only states is refused before arrays of that size are made."""
    operator, attributes, shape, reason = LARGE[name]
    path = made(tmp_path, [(operator, ["x"], ["y"], attributes)], {}, shape)

    with pytest.raises(ConversionError, match=re.escape(reason)):
        import_onnx(path, "mine")


EMPTY = b"\xdd" + struct.pack(">I", 2_000_000) + b"\x90" * 2_000_000
PARTS = {
    "empty arrays": EMPTY,
    "empty arrays in others": b"\x9f" + (b"\xdc" + struct.pack(">H", 5000) + b"\x90" * 5000) * 15,
    "empty arrays in an extension": b"\x91\xc9" + struct.pack(">IB", len(EMPTY), 1) + EMPTY,
}


@pytest.mark.parametrize("name", PARTS)
def test_a_msgpack_file_of_many_parts_is_refused_before_they_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Two million empty arrays of one byte each would be 130 MB of objects."""
    path = tmp_path / "mine.msgpack"
    path.write_bytes(PARTS[name])
    monkeypatch.setattr(serialization, "msgpack_restore", lambda _: pytest.fail("restored"))
    tracemalloc.start()

    with pytest.raises(ConversionError, match="the file has more than 65,536 parts, the limit"):
        read_tensors(path)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_msgpack_file_of_flax_is_within_the_limits(tmp_path: Path) -> None:
    """Arrays, scalars and lists of them are read."""
    tree = {"a": {"kernel": np.ones((2, 3), np.float32)}, "b": [np.float32(1), np.zeros(2)]}
    path = tmp_path / "mine.msgpack"
    path.write_bytes(serialization.msgpack_serialize(serialization.to_state_dict(tree)))

    assert sorted(read_tensors(path)) == ["a.kernel", "b.0", "b.1"]


@pytest.mark.parametrize("tree", [[None] * 5000, {f"{number}": None for number in range(5000)}])
def test_a_tree_of_many_empty_parts_is_refused(tree: object) -> None:
    """Parts without tensors count, too."""
    with pytest.raises(ConversionError, match="the file has 5000 tensors; at most 4096 are allow"):
        flat(tree)


def test_more_layers_than_a_declaration_has_are_not_guessed() -> None:
    """Chains of thousands of layers are not searched."""
    tensors = {f"layer{number}.weight": drawn(3, 3, 1, 1) for number in range(2000)}

    with pytest.raises(ConversionError, match="the file has 2000 layers; at most 64 can be decl"):
        guess(tensors)


def test_names_of_many_parts_are_refused() -> None:
    """The parts of a name are compared with those of a layer, so that they are limited."""
    with pytest.raises(ConversionError, match="is nested more than 64 deep, the limit"):
        groups_of({f"{'a.1.' * 5000}weight": drawn(2, 2)})


def test_entries_of_an_archive_are_counted_before_it_is_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a directory of 5,000 entries no object is made."""
    monkeypatch.setattr(zipfile, "ZipFile", lambda _: pytest.fail("opened"))

    with pytest.raises(ConversionError, match="the file has 5000 entries; at most 4096 are allow"):
        open_archive(b"PK\x01\x02".ljust(46, b"\x00") * 5000)
