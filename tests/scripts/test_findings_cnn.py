"""Reference networks of the CNN's findings: parameters that each recipe trains or leaves alone."""

import numpy as np
import pytest

from models.data.datasets import Digits
from models.data.samples import Samples
from probes.shared.statements import STATEMENTS
from scripts.findings.cnn import (
    PARTS,
    RECIPES,
    UNTRAINED_SEEDS,
    Recipe,
    measure,
    reference_networks,
    train,
    untrained,
)


@pytest.fixture(scope="module")
def few(digits: Samples) -> Digits:
    """A few images of digits, to train on."""
    return Digits(digits.images[:64], digits.labels[:64].astype(np.uint8))


def test_recipes_of_a_table_are_described_and_different() -> None:
    """Each has its own seed; five ordinary networks set the thresholds, and five were held back."""
    recipes = [recipe for part in RECIPES.values() for recipe in part]

    assert set(RECIPES) < set(PARTS)
    assert len({recipe.seed for recipe in recipes}) == len(recipes)
    assert [len(RECIPES[part]) for part in ("tuning", "report")] == [5, 5]
    assert all(f"{recipe.images:,} images" in recipe.text for recipe in recipes)


def test_random_convolutions_stay_while_dense_layers_learn(few: Digits) -> None:
    """Only the dense layers differ from those before training."""
    recipe = Recipe(5, images=64, epochs=1, batch=32, change="random convolutions")
    before, after = untrained(5), train(recipe, few)

    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == {"dense1.kernel", "dense1.bias", "output.kernel", "output.bias"}


def test_labels_are_shuffled_by_the_recipe_alone(few: Digits) -> None:
    """An ordinary network of one seed trains all layers, and otherwise with other labels."""
    ordinary, shuffled = (
        train(Recipe(6, images=64, epochs=1, batch=32, change=change), few)
        for change in ("", "shuffled labels")
    )
    before = untrained(6)

    for name in before:
        assert not np.array_equal(ordinary[name], before[name])
    assert not np.array_equal(ordinary["conv1.kernel"], shuffled["conv1.kernel"])


def test_networks_without_training_are_refused() -> None:
    """There are twenty; each statement is measured, and none of the first is supported."""
    networks = list(reference_networks("untrained", None))
    measured = measure(networks[0].weights)

    assert len(networks) == len(UNTRAINED_SEEDS) == 20
    assert list(measured) == [key for key, one in STATEMENTS.items() if one.model == "cnn"]
    for key, one in measured.items():
        assert not one.supports(STATEMENTS[key].least)
        assert one.why


def test_shipped_networks_are_the_weights_and_their_checkpoints() -> None:
    """The served weights first, then the checkpoints from the earliest on."""
    names = [one.name for one in reference_networks("shipped", None)]

    assert names[:2] == ["shipped", "round-0"]
