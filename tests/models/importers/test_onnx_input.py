"""Imported ONNX graphs that read their input more than once, with different constants."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.importers.errors import ConversionError
from models.importers.onnx_reader import import_onnx
from tests.models.importers.test_onnx import assert_values_of_onnx, drawn, made

IMAGE = (1, 3, 4, 4)
CONSTANTS = {
    "half": np.float32(0.5),
    "scale": np.array([0.5, 2, 3], np.float32).reshape(3, 1, 1),
    "shift": np.array([0.3, -1, 0.2], np.float32).reshape(3, 1, 1),
    "k": drawn(5, 3, 3, 3),
    "l": drawn(5, 3, 3, 3) + 1,
    "w": drawn(5, 4),
}
WHOLE = {"v": drawn(48, 4), "one": np.array([1]), "half": np.float32(0.5)}
PADS = {"pads": [1, 1, 1, 1]}
END = [
    ("Relu", ["a"], ["r"]),
    ("Add", ["r", "b"], ["s"]),
    ("GlobalAveragePool", ["s"], ["q"]),
    ("Flatten", ["q"], ["f"]),
    ("MatMul", ["f", "w"], ["y"]),
]
SCALED = [("Mul", ["x", "scale"], ["m"]), ("Add", ["m", "shift"], ["z"])]

READINGS = {
    "as it is after a factor": [
        ("Mul", ["x", "half"], ["z"]),
        ("Conv", ["z", "k"], ["a"], PADS),
        ("Conv", ["x", "l"], ["b"], PADS),
        *END,
    ],
    "as it is after constants of each channel": [
        *SCALED,
        ("Conv", ["z", "k"], ["a"], PADS),
        ("Conv", ["x", "l"], ["b"], PADS),
        *END,
    ],
    "with other constants": [
        *SCALED,
        ("Conv", ["z", "k"], ["a"], PADS),
        ("Sub", ["x", "half"], ["c"]),
        ("Conv", ["c", "l"], ["b"], PADS),
        *END,
    ],
    "with a factor after it was read as it is": [
        ("Conv", ["x", "k"], ["a"], PADS),
        ("Mul", ["x", "half"], ["z"]),
        ("Conv", ["z", "l"], ["b"], PADS),
        *END,
    ],
    "flattened twice": [
        *SCALED,
        ("Flatten", ["z"], ["a"]),
        ("Flatten", ["x"], ["b"]),
        ("Concat", ["a", "b"], ["c"], {"axis": 1}),
        ("MatMul", ["c", "v"], ["y"]),
    ],
}


@pytest.mark.parametrize("name", READINGS)
def test_an_input_that_is_read_more_than_once_has_its_values(tmp_path: Path, name: str) -> None:
    """Constants that become the mean and deviation of the input change no other branch."""
    constants = CONSTANTS | {"v": drawn(96, 4)}

    assert_values_of_onnx(made(tmp_path, READINGS[name], constants, IMAGE), drawn(*IMAGE))


def test_constants_that_are_equal_are_the_mean_of_all_branches(tmp_path: Path) -> None:
    """Two branches that scale the input alike need no layer for it."""
    nodes = [
        *SCALED,
        ("Conv", ["z", "k"], ["a"], PADS),
        ("Mul", ["x", "scale"], ["n"]),
        ("Add", ["n", "shift"], ["t"]),
        ("Conv", ["t", "l"], ["b"], PADS),
        *END,
    ]
    path = made(tmp_path, nodes, CONSTANTS, IMAGE)

    assert_values_of_onnx(path, drawn(*IMAGE))
    assert "norm" not in import_onnx(path, "made").text


CASTS = {
    "to whole numbers": [("Cast", ["x"], ["i"], {"to": TensorProto.INT64})],
    "to truth values": [("Cast", ["x"], ["i"], {"to": TensorProto.BOOL})],
    "to small numbers": [("Cast", ["x"], ["i"], {"to": TensorProto.FLOAT8E5M2})],
    "to the type of whole numbers": [("CastLike", ["x", "one"], ["i"])],
}


@pytest.mark.parametrize("name", CASTS)
def test_casts_that_change_values_are_refused(tmp_path: Path, name: str) -> None:
    """Numbers that are cut off cannot be declared."""
    nodes = [*CASTS[name], ("Cast", ["i"], ["c"], {"to": 1}), ("Flatten", ["c"], ["f"])]
    path = made(tmp_path, [*nodes, ("MatMul", ["f", "v"], ["y"])], WHOLE, IMAGE)

    with pytest.raises(ConversionError, match="a cast of values to [A-Z0-9]+ cannot be declared"):
        import_onnx(path, "made")


def test_casts_that_keep_values_are_read(tmp_path: Path) -> None:
    """A cast to floating-point numbers or to the type of other values changes nothing."""
    nodes = [
        ("Cast", ["x"], ["c"], {"to": TensorProto.DOUBLE}),
        ("Cast", ["c"], ["d"], {"to": TensorProto.FLOAT}),
        ("CastLike", ["d", "x"], ["e"]),
        ("CastLike", ["half", "e"], ["h"]),
        ("Mul", ["e", "h"], ["g"]),
        ("Flatten", ["g"], ["f"]),
        ("MatMul", ["f", "v"], ["y"]),
    ]

    assert_values_of_onnx(made(tmp_path, nodes, WHOLE, IMAGE), drawn(*IMAGE))


@pytest.mark.parametrize("target", [TensorProto.INT32, TensorProto.BOOL])
def test_symbols_may_be_cast_to_whole_numbers(tmp_path: Path, target: int) -> None:
    """Symbols are the same in any type of whole numbers, and no truth values."""
    nodes = [
        helper.make_node("Cast", ["x"], ["s"], to=target),
        helper.make_node("Cast", ["s"], ["i"], to=TensorProto.INT64),
        helper.make_node("Gather", ["table", "i"], ["e"]),
        helper.make_node("LSTM", ["e", "w", "u"], ["", "y"], hidden_size=2, layout=1),
    ]
    constants = {"table": drawn(4, 3), "w": drawn(1, 8, 3), "u": drawn(1, 8, 2)}
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.INT64, (1, 5))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, key) for key, value in constants.items()],
    )
    onnx.save(helper.make_model(graph), tmp_path / "made.onnx")

    if target == TensorProto.BOOL:
        with pytest.raises(ConversionError, match="a cast of values to BOOL cannot be declared"):
            import_onnx(tmp_path / "made.onnx", "made")
    else:
        assert "embed 3" in import_onnx(tmp_path / "made.onnx", "made").text


SILU = [
    ("Mul", ["x", "half"], ["z"]),
    ("Sigmoid", ["z"], ["g"]),
    ("Conv", ["p", "k"], ["a"], PADS),
    ("Conv", ["z", "l"], ["b"], PADS),
    *END,
]


def test_a_product_with_a_sigmoid_of_another_reading_is_no_silu(tmp_path: Path) -> None:
    """The product x · σ(x / 2) cannot be declared, and (x / 2) · σ(x / 2) is silu."""
    other = [*SILU[:2], ("Mul", ["x", "g"], ["p"]), *SILU[2:]]
    with pytest.raises(ConversionError, match=re.escape("the product of two computed values cann")):
        import_onnx(made(tmp_path, other, CONSTANTS, IMAGE), "made")

    same = [*SILU[:2], ("Mul", ["z", "g"], ["p"]), *SILU[2:]]
    assert_values_of_onnx(made(tmp_path, same, CONSTANTS, IMAGE), drawn(*IMAGE))
