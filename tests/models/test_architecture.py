"""Architectures of declarations: 300 random ones against oracles, and the names in a few."""

from math import prod
from typing import Any

import pytest

from models.architecture import Architecture
from models.declaration.declaration import parse_declaration
from models.declaration.operations import Merge
from models.declaration.toml_file import DeclarationError
from models.derivation import derive
from models.windows import ReceptiveField
from tests.oracles import dependencies
from tests.oracles.declarations import declared, draw, draw_input, draw_parameters
from tests.oracles.interpreter import interpret

SEEDS = 300


@pytest.mark.parametrize("part", range(10))
def test_random_declarations_equal_the_oracles_or_are_refused(part: int) -> None:
    """Shapes, names, fields and parameters are those that brute force finds; mistakes are named."""
    accepted = 0
    for seed in range(part * SEEDS // 10, (part + 1) * SEEDS // 10):
        text, mistake = draw(seed)
        found = _derived(text)
        if isinstance(found, Architecture):
            accepted += 1
            _check(found, seed)
            continue
        assert mistake, f"{found}\n{text}"
        assert found.isprintable()
        assert 20 < len(found) < 400
    assert accepted > SEEDS // 20


def _derived(text: str) -> Architecture | str:
    """Return the architecture of a declaration, or the sentence that refuses it."""
    try:
        return derive(parse_declaration(text))
    except DeclarationError as error:
        return str(error)


def _check(found: Architecture, seed: int) -> None:
    """Check an architecture against the interpreter and brute force."""
    declaration = found.declaration
    parameters = dependencies.parameter_shapes(declaration)
    assert found.parameters == parameters
    assert sum(map(prod, found.parameters.values())) == dependencies.count(declaration)

    values = interpret(
        declaration, draw_parameters(parameters, seed), draw_input(declaration, seed)
    )
    steps = 0 if found.family == "image" else 1
    assert [*found.layers] == [*values]
    assert {name: one.shape for name, one in found.layers.items()} == {
        name: value.shape[steps:] for name, value in values.items()
    }
    shapes = dependencies.shapes(declaration)
    assert {node.name: node.shape for node in found.nodes} == {
        name: shape for name, shape in shapes.items() if name != "input"
    }
    masks = dependencies.dependencies(declaration) if found.family == "image" else {}
    assert {*found.maps} == {name for name in masks if name in found.layers}
    for name in found.maps:
        _check_field(found, name, masks)


def _check_field(found: Architecture, name: str, masks: dependencies.Masks) -> None:
    """Check the receptive field of each value of a map, and the formula where it applies."""
    fields = found.layers[name].receptive_field
    assert fields is not None
    rows, columns = fields
    for y, x in dependencies.places(masks[name]):
        boxed = (rows.span(y), columns.span(x))
        is_empty = any(first > last for first, last in boxed)
        expected = tuple(dependencies.extent(masks[name][y, x], axis) for axis in (0, 1))
        assert (((0, -1), (0, -1)) if is_empty else boxed) == expected, (name, y, x)
    if not any(isinstance(node.operation, Merge) for node in found.nodes):
        for field, side in zip(fields, masks[name].shape[2:], strict=True):
            _check_formula(field, side)


def _check_formula(field: ReceptiveField, side: int) -> None:
    """Check that rows whose whole field is in the image have that of size, jump and start."""
    for index, span in enumerate(field.spans):
        first = field.jump * index - field.before
        if first >= 0 and first + field.size <= side:
            assert span == (first, first + field.size - 1)


ONE_HOT = {"alphabet": "abc", "encoding": "one-hot"}


def of(*layers: str, **keys: Any) -> Architecture:
    """The architecture of some layer lines."""
    return derive(parse_declaration(declared(*layers, **keys)))


def test_layers_without_a_name_are_numbered_by_their_kind() -> None:
    """Names count within a kind, named layers too; the last dense layer is the output."""
    found = of("conv 2", "relu", "stem: conv 2", "conv 2", "tanh", "relu", "flatten", "dense 3")
    names = [node.name for node in found.nodes]

    assert names == ["conv1", "relu1", "stem", "conv3", "tanh1", "relu2", "flatten1", "output"]
    assert [*found.layers] == ["conv1", "relu1", "stem", "conv3", "tanh1", "relu2", "logits"]
    assert [*found.parameters][-2:] == ["output.kernel", "output.bias"]


def test_values_belong_to_the_parameters_that_compute_them() -> None:
    """A ReLU, a pool or a norm has the module before it; merged values have none."""
    found = of("conv 1", "norm", "pool", "conv 1 1x1", "add pool1", "relu", "flatten", "dense 3")

    assert {name: one.parameters for name, one in found.layers.items()} == {
        "conv1": "conv1",
        "norm1": "conv1",
        "pool1": "conv1",
        "conv2": "conv2",
        "add1": "",
        "relu1": "",
        "logits": "output",
    }
    assert found.statistics == {"norm1.mean", "norm1.var"}
    assert (found.maps[-1], found.kernels) == ("relu1", ("conv1", "conv2", "output"))


@pytest.mark.parametrize("end", [(), ("softmax",), ("log_softmax",)])
def test_a_last_softmax_is_taken_off(end: tuple[str, ...]) -> None:
    """Logits are the values before a last softmax."""
    found = of("flatten", "dense 3", *end)

    assert found.removed == (end[0] if end else None)
    assert [*found.layers] == ["logits"]


@pytest.mark.parametrize("end", [(), ("sigmoid",)])
@pytest.mark.parametrize(
    "layers", [("flatten", "dense 1"), ("conv 1", "globalpool"), ("flatten", "dense 1", "norm")]
)
def test_one_value_is_the_logit_of_label_1(layers: tuple[str, ...], end: tuple[str, ...]) -> None:
    """One value with or without a last sigmoid has two logits, that of label 0 being zero."""
    found = of(*layers, *end, classes=2)
    *_, last = found.nodes

    assert found.is_sigmoid
    assert (found.layers[last.name].shape, found.layers["logits"].shape) == ((1,), (2,))


@pytest.mark.parametrize("last", ["flatten", "dropout", "globalpool", "norm", "relu"])
def test_logits_are_the_values_of_any_last_layer(last: str) -> None:
    """A network may end without a dense layer."""
    layers = ("conv 3 8x9 valid", last) if last != "flatten" else ("conv 3", "globalpool", last)
    layers = (*layers, "flatten") if last in {"norm", "relu", "dropout"} else layers

    assert of(*layers).layers["logits"].shape == (3,)


def test_values_of_stacked_recurrent_layers_have_their_layer_in_the_name() -> None:
    """One recurrent layer has plain names, several have those of their layers before."""
    one = of("lstm 4", "dense 3", given=ONE_HOT)
    two = of("gru 4", "rnn 5", "dense 3", given=ONE_HOT)

    assert [*one.layers][-3:] == ["cell", "hidden", "logits"]
    assert [(state.name, state.final) for state in one.states] == [
        ("cell", "final_cell"),
        ("hidden", "final_hidden"),
    ]
    assert [*two.layers][-3:] == ["gru1.hidden", "rnn1.hidden", "logits"]
    assert [(state.name, state.final, state.units) for state in two.states] == [
        ("gru1.hidden", "gru1.final_hidden", 4),
        ("rnn1.hidden", "rnn1.final_hidden", 5),
    ]
