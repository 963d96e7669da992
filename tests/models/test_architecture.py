"""Architectures of declarations: 300 random ones against oracles, and names and limits of a few."""

from math import prod

import pytest

from models.architecture import Architecture
from models.declaration.declaration import DeclarationError, parse_declaration
from models.derivation import derive
from tests.oracles import dependencies
from tests.oracles.declarations import draw, draw_input, draw_parameters
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
    fields = found.layers[name].receptive_field
    assert fields is not None
    rows, columns = fields
    for y, x in dependencies.places(masks[name]):
        boxed = (rows.span(y), columns.span(x))
        is_empty = any(first > last for first, last in boxed)
        expected = tuple(dependencies.extent(masks[name][y, x], axis) for axis in (0, 1))
        assert (((0, -1), (0, -1)) if is_empty else boxed) == expected, (name, y, x)
