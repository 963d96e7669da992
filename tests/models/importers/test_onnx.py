"""Import of ONNX files that PyTorch and Keras exported, compared with the original's values."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from models.importers.errors import ConversionError
from models.importers.onnx_reader import import_onnx
from tests.models.importers.comparison import GOLDEN, compare_imported
from tests.oracles.interpreter import interpret

IMAGES = ("skip", "lenet", "resnet8", "separable", "inception", "allconv")
SEQUENCES = ("gru2", "lstm2", "final_state", "tagger")


@pytest.mark.parametrize("exporter", ["onnx", "legacy.onnx"])
@pytest.mark.parametrize("name", [*IMAGES, *SEQUENCES])
def test_an_onnx_file_of_pytorch_has_its_values(name: str, exporter: str) -> None:
    """Both exporters of PyTorch give a network with the original's answers."""
    imported = import_onnx(GOLDEN / f"{name}.{exporter}", name)

    # Exporters fold batch normalisation into convolutions, whose values are others then.
    compare_imported(name, imported, only_answers=True)


@pytest.mark.parametrize("name", ["rnn_tanh", "rnn_relu"])
def test_a_plain_rnn_is_read_from_the_older_exporter(name: str) -> None:
    """The exporter that writes one RNN node gives a network with the original's answers."""
    imported = import_onnx(GOLDEN / f"{name}.legacy.onnx", name)

    compare_imported(name, imported)
    assert ("relu" in imported.text) == (name == "rnn_relu")


def test_values_within_the_network_are_the_originals() -> None:
    """Outputs of layers inside the network are those of PyTorch's modules, under their names."""
    imported = import_onnx(GOLDEN / "inception.onnx", "inception")

    compared = compare_imported("inception", imported)

    assert compared == {"stem", "one", "three_0", "three_2", "five", "pooled_1"}


def test_an_onnx_file_of_jax_has_its_values() -> None:
    """The file that jax2onnx exported from Flax gives the original's answers."""
    imported = import_onnx(GOLDEN / "jax2onnx.onnx", "mine")

    compare_imported("jax2onnx", imported)
    assert '"norm"' in imported.text
    assert '"gelu_tanh"' in imported.text


def test_an_onnx_file_of_keras_has_its_values() -> None:
    """Maps with the channel last, constants of each channel and casts are followed."""
    imported = import_onnx(GOLDEN / "keras_functional.onnx", "keras")

    compare_imported("keras_functional", imported)
    assert imported.scale == 255
    assert imported.declaration.input.mean == pytest.approx((33 / 255,))


def test_the_declaration_is_the_networks() -> None:
    """A skip, a stride and names of layers come through, and batch normalisation is folded."""
    imported = import_onnx(GOLDEN / "skip.onnx", "My network", ["a", "b", "c", "d", "e", "f", "g"])

    assert imported.text == (
        "# Converted by scripts.convert.\n"
        "format = 1\n"
        'title = "My network"\n'
        'classes = ["a", "b", "c", "d", "e", "f", "g"]\n'
        "input = { image = [32, 32, 3] }\n"
        "layers = [\n"
        '  "stem: conv 6 stride 2 pad 1",\n'
        '  "relu",\n'
        '  "body: conv 6",\n'
        '  "add relu1",\n'
        '  "relu",\n'
        '  "pool 3x3 stride 2 pad 1",\n'
        '  "flatten",\n'
        '  "fc: dense 7",\n'
        "]\n"
    )
    assert imported.matches[0] == ("stem.kernel", ("stem.weight",), "OIHW to HWIO")


REFUSED = {
    "bilstm.onnx": "bidirectional and reverse layers cannot be declared",
    "bilstm.legacy.onnx": "bidirectional and reverse layers cannot be declared",
    "rnn_tanh.onnx": "recurrent layer is written out step by step",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_declared_is_refused(name: str) -> None:
    """A layer that no line says is refused with the node and the reason."""
    with pytest.raises(ConversionError, match=r"^node .*" + re.escape(REFUSED[name])):
        import_onnx(GOLDEN / name, "mine")


def test_the_number_of_classes_must_be_the_networks() -> None:
    """Other names than the network has answers are refused with both numbers."""
    with pytest.raises(ConversionError, match="2 classes are named, and the network has 7"):
        import_onnx(GOLDEN / "skip.onnx", "mine", ["a", "b"])


def test_symbols_are_named() -> None:
    """An alphabet that is given names the symbols of an embedding, and must have their number."""
    path = GOLDEN / "gru2.onnx"

    imported = import_onnx(path, "mine", alphabet=list("ACGTN"))

    assert imported.declaration.input.alphabet == tuple("ACGTN")
    with pytest.raises(ConversionError, match="3 symbols are named, and the network has 5"):
        import_onnx(path, "mine", alphabet=list("abc"))


def made(tmp_path: Path, nodes: list, constants: dict[str, np.ndarray], shape: tuple) -> Path:
    """Write an ONNX file of nodes from `x` to `y`."""
    graph = helper.make_graph(
        [helper.make_node(*one[:3], **(one[3] if len(one) > 3 else {})) for one in nodes],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = tmp_path / "made.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]), path)
    return path


def evaluated(path: Path, given: np.ndarray) -> np.ndarray:
    """Return the output of an ONNX file by the reference evaluator of ONNX."""
    return ReferenceEvaluator(str(path)).run(None, {"x": given})[0]


def assert_values_of_onnx(path: Path, given: np.ndarray) -> None:
    """Assert that an imported network of images has the values of ONNX's own evaluator."""
    wanted = evaluated(path, given)

    imported = import_onnx(path, "made")

    image = imported.declaration.input
    ours = (given[0].transpose(1, 2, 0) - np.array(image.mean)) / np.array(image.std)
    values = interpret(imported.declaration, imported.parameters, ours)
    np.testing.assert_allclose(values["logits"], wanted[0], rtol=1e-5, atol=1e-5)


def drawn(*shape: int) -> np.ndarray:
    """Return values that a test's constants are."""
    return np.random.default_rng(sum(shape)).normal(0, 0.5, shape).astype(np.float32)


GRAPHS = {
    "scaled product": (
        [
            ("Flatten", ["x"], ["f"]),
            ("Gemm", ["f", "w", "b"], ["g"], {"alpha": 0.5, "beta": 2.0, "transB": 1}),
            ("Identity", ["g"], ["y"]),
        ],
        {"w": drawn(4, 48), "b": drawn(4)},
    ),
    "vector after a flatten": (
        [
            ("Flatten", ["x"], ["f"]),
            ("Mul", ["f", "s"], ["m"]),
            ("Add", ["m", "t"], ["a"]),
            ("Relu", ["a"], ["r"]),
            ("MatMul", ["r", "w"], ["y"]),
        ],
        {"s": drawn(48), "t": drawn(1, 48), "w": drawn(48, 4)},
    ),
    "channels last": (
        [
            ("Transpose", ["x"], ["t"], {"perm": [0, 2, 3, 1]}),
            ("MatMul", ["t", "k"], ["m"]),
            ("Add", ["m", "c"], ["a"]),
            ("Flatten", ["a"], ["f"]),
            ("MatMul", ["f", "w"], ["y"]),
        ],
        {"k": drawn(3, 5), "c": drawn(5), "w": drawn(80, 4)},
    ),
    "branches of flattened maps": (
        [
            ("Conv", ["x", "k"], ["c"], {"pads": [1, 0, 1, 2], "kernel_shape": [3, 3]}),
            ("Flatten", ["x"], ["f"]),
            ("Flatten", ["c"], ["g"]),
            ("Concat", ["f", "g"], ["h"], {"axis": 1}),
            ("MatMul", ["h", "w"], ["y"]),
        ],
        {"k": drawn(2, 3, 3, 3), "w": drawn(80, 4)},
    ),
    "gelu in parts": (
        [
            ("Conv", ["x", "k", "c"], ["v"], {"kernel_shape": [1, 1]}),
            ("Div", ["v", "root"], ["d"]),
            ("Erf", ["d"], ["e"]),
            ("Add", ["e", "one"], ["p"]),
            ("Mul", ["v", "p"], ["m"]),
            ("Mul", ["m", "half"], ["h"]),
            ("GlobalAveragePool", ["h"], ["q"]),
            ("Squeeze", ["q", "axes"], ["s"]),
            ("MatMul", ["s", "w"], ["y"]),
        ],
        {
            "k": drawn(5, 3, 1, 1),
            "c": drawn(5),
            "root": np.float32(np.sqrt(2)),
            "one": np.float32(1),
            "half": np.float32(0.5),
            "axes": np.array([2, 3]),
            "w": drawn(5, 4),
        },
    ),
    "padding, ceil and whole windows": (
        [
            ("Pad", ["x", "pads"], ["p"]),
            ("Conv", ["p", "k"], ["c"], {"strides": [2, 2], "auto_pad": "SAME_LOWER"}),
            (
                "AveragePool",
                ["c"],
                ["a"],
                {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
            ),
            ("Conv", ["a", "whole"], ["d"], {"kernel_shape": [2, 2]}),
            ("Reshape", ["d", "to"], ["y"]),
        ],
        {
            "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1]),
            "k": drawn(6, 3, 2, 2),
            "whole": drawn(4, 6, 2, 2),
            "to": np.array([-1, 4]),
        },
    ),
    "batch normalisation and a shared summand": (
        [
            ("BatchNormalization", ["x", "s", "b", "m", "v"], ["n"], {"epsilon": 1e-3}),
            ("Conv", ["n", "k"], ["c"], {"pads": [1, 1, 1, 1]}),
            ("Add", ["n", "c"], ["a"]),
            ("Sigmoid", ["a"], ["g"]),
            ("Mul", ["a", "g"], ["h"]),
            ("ReduceMean", ["h", "axes"], ["q"], {"keepdims": 0}),
            ("MatMul", ["q", "w"], ["y"]),
        ],
        {
            "s": drawn(3),
            "b": drawn(3),
            "m": drawn(3),
            "v": np.abs(drawn(3)) + 0.5,
            "k": drawn(3, 3, 3, 3),
            "axes": np.array([2, 3]),
            "w": drawn(3, 4),
        },
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_of_other_exporters_have_the_values_of_onnx(tmp_path: Path, name: str) -> None:
    """Constants, transposes, reshapes and padding give the values of ONNX's own evaluator."""
    assert_values_of_onnx(made(tmp_path, *GRAPHS[name], (1, 3, 4, 4)), drawn(1, 3, 4, 4))


BROKEN = {
    "transposed convolution": (
        [("ConvTranspose", ["x", "k"], ["y"])],
        {"k": drawn(3, 4, 2, 2)},
        "node ConvTranspose (ConvTranspose): transposed convolutions cannot be declared",
    ),
    "unknown operator": ([("Det", ["x"], ["y"])], {}, "node Det (Det): no layer line says it"),
    "attention": (
        [("MatMul", ["x", "x"], ["y"])],
        {},
        "products of two computed values, as in attention, cannot be declared",
    ),
    "output of maps": (
        [("Conv", ["x", "k"], ["y"])],
        {"k": drawn(4, 3, 2, 2)},
        "the output is maps of shape (3, 3, 4)",
    ),
    "output of flattened maps": (
        [("Conv", ["x", "k"], ["c"]), ("Flatten", ["c"], ["f"]), ("Add", ["f", "t"], ["y"])],
        {"k": drawn(4, 3, 2, 2), "t": drawn(36)},
        "the answers are flattened maps in another order than ours",
    ),
    "squeeze and excitation": (
        [("Relu", ["x"], ["r"]), ("Mul", ["x", "r"], ["y"])],
        {},
        "the product of two computed values cannot be declared",
    ),
    "constant that fails": (
        [("Concat", ["k", "m"], ["c"], {"axis": 0}), ("Conv", ["x", "c"], ["y"])],
        {"k": drawn(4, 3, 2, 2), "m": drawn(3)},
        "node Concat: Concat of constants fails",
    ),
    "constant that is huge": (
        [("Expand", ["k", "to"], ["e"]), ("Neg", ["e"], ["n"]), ("Conv", ["x", "n"], ["y"])],
        {"k": drawn(1), "to": np.array([100_000, 100_000, 3, 3])},
        "it gives 90,000,000,000 values; at most 20,000,000 are allowed",
    ),
    "summand that is huge": (
        [("Expand", ["k", "to"], ["e"]), ("Add", ["x", "e"], ["y"])],
        {"k": drawn(1), "to": np.array([1_000_000, 100, 1, 1])},
        "tensor e has 100,000,000 values; at most 20,000,000 are allowed",
    ),
    "rows that are cut": (
        [("Slice", ["x", "a", "b", "c"], ["y"])],
        {"a": np.array([0]), "b": np.array([2]), "c": np.array([2])},
        "a part of H cannot be read",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_graphs_that_cannot_be_declared_get_a_sentence(tmp_path: Path, name: str) -> None:
    """Every kind of graph that no declaration says is refused with its reason."""
    nodes, constants, reason = BROKEN[name]
    path = made(tmp_path, nodes, constants, (1, 3, 4, 4))

    with pytest.raises(ConversionError, match=re.escape(reason)):
        import_onnx(path, "made")


def sequence(tmp_path: Path, attributes: dict, others: list[str], output: str) -> Path:
    """Write an ONNX file of one LSTM over five steps, of which one output is the network's.

    Its other inputs are the lengths of sequences and initial states.
    """
    names = [name if name == output else "" for name in ("every", "hidden", "cell")]
    nodes = [("LSTM", ["x", "w", "u", "", *others], names, {"hidden_size": 2} | attributes)]
    nodes.append(("Identity", [output], ["y"]))
    constants = {"w": drawn(1, 8, 3), "u": drawn(1, 8, 2), "ones": np.ones((1, 1, 2), np.float32)}
    constants["wide"] = np.zeros((1, 1, 4), np.float32)
    constants |= {"two": np.array([2], np.int32), "five": np.array([5], np.int32)}
    return made(tmp_path, nodes, constants, (5, 1, 3))


CELLS = {
    "cell state": ({}, [], "cell", "reads output 2 of LSTM, which cannot be declared"),
    "initial state": ({}, ["", "ones"], "hidden", "its initial state must be zeros"),
    "projection": (
        {},
        ["", "", "wide"],
        "hidden",
        "projected LSTMs (proj_size) cannot be declared",
    ),
    "lengths": ({}, ["two"], "hidden", "lengths of sequences cannot be declared, only those of"),
    "reverse": ({"direction": "reverse"}, [], "hidden", "bidirectional and reverse layers"),
    "activation": (
        {"activations": ["Sigmoid", "Relu", "Tanh"]},
        [],
        "hidden",
        "activations Sigmoid, Relu, Tanh of a recurrent layer cannot be declared",
    ),
    "clip": ({"clip": 1.0}, [], "hidden", "clipped and coupled gates cannot be declared"),
}


@pytest.mark.parametrize("name", CELLS)
def test_cells_that_cannot_be_declared_get_a_sentence(tmp_path: Path, name: str) -> None:
    """Every variant of a recurrent layer that no line says is refused with its reason."""
    attributes, others, output, reason = CELLS[name]

    with pytest.raises(ConversionError, match=re.escape(reason)):
        import_onnx(sequence(tmp_path, attributes, others, output), "made")


@pytest.mark.parametrize("others", [[], ["five"]])
def test_the_last_hidden_values_of_a_cell_are_read(tmp_path: Path, others: list[str]) -> None:
    """The second output of an LSTM, of sequences with steps first, is the last of all steps."""
    path = sequence(tmp_path, {}, others, "hidden")
    given = drawn(5, 1, 3)
    wanted = ReferenceEvaluator(str(path)).run(None, {"x": given})[0]

    imported = import_onnx(path, "made")

    values = interpret(imported.declaration, imported.parameters, given[:, 0])
    np.testing.assert_allclose(values["hidden"][-1], wanted[0, 0], rtol=1e-5, atol=1e-6)
