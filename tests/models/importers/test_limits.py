"""Limits of imported files: small files that would take much memory or time are refused."""

from itertools import pairwise
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper, inliner

from models.importers.errors import ConversionError
from models.importers.onnx_file import read_onnx

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
