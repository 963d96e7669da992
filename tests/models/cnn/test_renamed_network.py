"""SimpleCNN under other names of layers: the same numbers, since no code knows its layers."""

from collections.abc import Mapping
from dataclasses import replace

import jax
import numpy as np
import pytest

from models.architecture import Architecture
from models.cnn import ood_detector, random_convolutions, randomisation
from models.cnn.analyses import image_analyses
from models.cnn.layout import layout_of
from models.cnn.programs import image_programs
from models.cnn.simple_cnn import simple_architecture
from models.derivation import derive
from tests.oracles.parameters import CNN_SHAPES, draw

ORIGINAL = simple_architecture()
# In another order than the original when sorted, as parameters and outputs of programs are.
NAMES = dict(
    zip(
        (node.name for node in ORIGINAL.nodes),
        ("zeta", "y", "c1", "alpha", "e9", "f", "gg", "h", "i_flat", "jj", "k", "a0"),
        strict=True,
    )
)
WEIGHTS = draw(CNN_SHAPES, 9)
PROGRAMS = {
    "predict": 1,
    "trace": 2,
    "score": 4,
    "gradient": 4,
    "layer_gradient": 1,
    "push": 1,
    "intervene": 8,
    "convolve": 1,
}


def renamed(name: str) -> str:
    """Return the other name of a layer, of its parameter or of its gradient."""
    layer, dot, rest = name.partition(".")
    return NAMES.get(layer, layer) + dot + rest


@pytest.fixture(scope="module")
def copy() -> Architecture:
    """The architecture of SimpleCNN whose declaration names every layer."""
    declaration = ORIGINAL.declaration
    lines = tuple(
        replace(line, name=NAMES[node.name])
        for line, node in zip(declaration.layers, ORIGINAL.nodes, strict=True)
    )
    return derive(replace(declaration, layers=lines))


def run(
    found: Architecture, weights: Mapping[str, np.ndarray], name: str, rows: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Run a program of a network on rows."""
    declared = {one.name: one for one in (*image_programs(found), *image_analyses(found))}
    parameters = {**weights, **ood_detector.load().program_parameters}
    made = jax.jit(declared[name])(jax.device_put(parameters), rows)
    return {key: np.asarray(value) for key, value in made.items()}


def draw_rows(name: str, batch: int) -> dict[str, np.ndarray]:
    """Draw rows of a program of SimpleCNN."""
    declared = {one.name: one for one in (*image_programs(ORIGINAL), *image_analyses(ORIGINAL))}
    random = np.random.default_rng(batch)
    return {
        key: random.integers(0, 256, one.shape).astype(np.uint8)
        if one.dtype == np.uint8
        else random.normal(size=one.shape).astype(np.float32)
        for key, one in declared[name].rows(batch).items()
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_of_the_copy_has_the_same_bits(name: str, copy: Architecture) -> None:
    """Every output equals that of the original under its other name."""
    rows = draw_rows(name, PROGRAMS[name])

    original = run(ORIGINAL, WEIGHTS, name, rows)
    weights = {renamed(key): value for key, value in WEIGHTS.items()}
    made = run(copy, weights, name, {renamed(key): value for key, value in rows.items()})

    assert made.keys() == {renamed(key) for key in original}
    for key, value in original.items():
        np.testing.assert_array_equal(made[renamed(key)], value, err_msg=key)


def test_the_copy_is_randomised_alike(copy: Architecture) -> None:
    """From the last to the first layer, with the same numbers."""
    weights = {renamed(key): value for key, value in WEIGHTS.items()}

    original = randomisation.cascade(WEIGHTS, layout_of(ORIGINAL).cascade)
    made = randomisation.cascade(weights, layout_of(copy).cascade)

    assert [*made] == [f"reset-{NAMES[key.removeprefix('reset-')]}" for key in original]
    for one, other in zip(original.values(), made.values(), strict=True):
        assert all(np.array_equal(value, other[renamed(key)]) for key, value in one.items())


@pytest.mark.parametrize("make", [random_convolutions.permuted, random_convolutions.redrawn])
def test_the_copy_has_the_same_random_convolutions(make: object, copy: Architecture) -> None:
    """Their names alone differ."""
    assert callable(make)
    weights = {renamed(key): value for key, value in WEIGHTS.items()}

    original = make(WEIGHTS, layout_of(ORIGINAL).convolutions, 3)
    made = make(weights, layout_of(copy).convolutions, 3)

    assert [*made] == [renamed(key) for key in original]
    assert all(np.array_equal(value, made[renamed(key)]) for key, value in original.items())
