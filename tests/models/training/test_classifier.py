"""Training of declared networks: they learn, resume to the bit, and refuse what cannot be."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.architecture import Architecture
from models.data.examples import Examples
from models.declaration.declaration import parse_declaration
from models.derivation import derive
from models.rnn.cells import run_cell
from models.runtime.training_loop import restore_state, state_tensors
from models.training.classifier import ClassifierTrainer
from models.training.recipe import Recipe, RecipeError, read_recipe

RECIPE = Recipe(epochs=9, batch=16, learning_rate=0.02, average=0.5)


def declared(given: str, layers: str, more: str = "") -> Architecture:
    """Derive a network of two classes."""
    text = f'format = 1\nclasses = ["a", "b"]\ninput = {{ {given} }}\nlayers = [{layers}]\n{more}'
    return derive(parse_declaration(text))


IMAGES = declared(
    "image = [6, 6, 3]", '"conv 4", "norm", "relu", "dropout 0.2", "flatten", "dense 2"'
)
WORDS = declared('alphabet = "xyz", encoding = "embed"', '"embed 4", "gru 8", "dense 1", "sigmoid"')
STEPS = declared("features = 2", '"lstm 6", "dense 2"', 'answer = "every"\n')

NORMED = declared("features = 2", '"norm", "gru 6", "norm", "dense 2"')
GROWING = declared("features = 2", '"dense 4", "exp", "rnn 6 relu", "dense 2"')


def examples_of(network: Architecture, count: int = 192) -> Examples:
    """Make examples whose class can be seen: brightness, the first symbol, the sign of a sum."""
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 2, count).astype(np.int32)
    lengths = draw.integers(3, 8, count).astype(np.int32)
    match network:
        case _ if network is IMAGES:
            inputs = draw.normal(0, 1, (count, 6, 6, 3)) + 2 * labels[:, None, None, None]
            return Examples(inputs.astype(np.float32), labels, np.ones_like(labels))
        case _ if network is WORDS:
            inputs = draw.integers(0, 3, (count, 7)).astype(np.uint8)
            inputs[:, 0] = labels
            return Examples(inputs, labels, lengths)
        case _:
            inputs = draw.normal(0, 0.3, (count, 7, 2)) + (2 * labels - 1)[:, None, None]
            return Examples(inputs.astype(np.float32), labels, lengths)


def trained(network: Architecture, recipe: Recipe = RECIPE) -> tuple[ClassifierTrainer, list, dict]:
    """Train for all epochs; return the trainer, the metrics and the parameters."""
    trainer = ClassifierTrainer(network, recipe, examples_of(network))
    state, metrics = trainer.start(), []
    for number in range(trainer.rounds):
        state, found = trainer.run(state, number)
        metrics.append(found)
    return trainer, metrics, trainer.network(state)


@pytest.mark.parametrize("network", [IMAGES, WORDS, STEPS], ids=["images", "words", "steps"])
def test_a_declared_network_learns(network: Architecture) -> None:
    """The loss falls, held-out examples are answered, and all parameters are there."""
    _, metrics, parameters = trained(network)

    assert metrics[-1]["loss"] < 0.6 * metrics[0]["loss"]
    assert metrics[-1]["validation_accuracy"] >= 0.9
    assert {name: value.shape for name, value in parameters.items()} == dict(network.parameters)


def test_statistics_are_those_of_the_training_examples() -> None:
    """Batch normalisation measures its input; the untrained network has mean 0 and variance 1."""
    trainer, _, parameters = trained(IMAGES)
    first = trainer.network(trainer.start())

    assert not first["norm1.mean"].any()
    assert (first["norm1.var"] == 1).all()
    assert np.abs(parameters["norm1.mean"]).min() > 0.01


def test_a_run_resumes_to_the_bit() -> None:
    """Epochs after a restored state equal those of an uninterrupted run."""
    trainer = ClassifierTrainer(IMAGES, RECIPE, examples_of(IMAGES))
    whole, _ = trainer.run(trainer.start(), 0)
    kept = {name: value.copy() for name, value in state_tensors(whole).items()}
    whole, _ = trainer.run(whole, 1)

    again = ClassifierTrainer(IMAGES, RECIPE, examples_of(IMAGES))
    resumed, _ = again.run(restore_state(kept, again.start()), 1)

    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(resumed), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("network", [STEPS, GROWING, NORMED], ids=["steps", "growing", "normed"])
def test_padding_does_not_change_training(network: Architecture) -> None:
    """Steps after the end of a sequence have no part in loss and parameters, even if they grow."""
    found = examples_of(network)
    changed = np.array(found.inputs)
    for row, length in zip(changed, found.lengths, strict=True):
        row[length:] = 9999.0
    recipe = replace(RECIPE, epochs=1)

    losses, parameters = [], []
    for inputs in (found.inputs, changed):
        trainer = ClassifierTrainer(network, recipe, found._replace(inputs=inputs))
        state, metrics = trainer.run(trainer.start(), 0)
        losses.append(metrics["loss"])
        parameters.append(trainer.network(state))

    assert losses[0] == losses[1]
    assert np.isfinite(losses[0])
    for name, value in parameters[0].items():
        np.testing.assert_array_equal(value, parameters[1][name])


def test_batch_statistics_are_those_of_the_steps_that_count() -> None:
    """Each step of a sequence before its recurrent layer, and the last one after it; no padding."""
    recipe = replace(RECIPE, epochs=1, statistics=0.0, validation=0.0, learning_rate=1e-9)
    found = examples_of(NORMED, recipe.batch)
    trainer = ClassifierTrainer(NORMED, recipe, found)
    state, _ = trainer.run(trainer.start(), 0)
    measured = trainer.network(state)

    values = np.concatenate(
        [row[:length] for row, length in zip(found.inputs, found.lengths, strict=True)]
    )
    np.testing.assert_allclose(measured["norm1.mean"], values.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(measured["norm1.var"], values.var(axis=0), atol=1e-5)
    network = trainer._merged(state.learned.average, state.statistics)
    normed = (found.inputs - measured["norm1.mean"]) / np.sqrt(measured["norm1.var"] + 1e-5)
    # With the statistics of the batch, and no parameter moved, both passes are the same.
    hidden = np.asarray(run_cell(network.gru1, jnp.asarray(normed), zeros(recipe.batch))["hidden"])
    last = hidden[np.arange(recipe.batch), found.lengths - 1]
    np.testing.assert_allclose(measured["norm2.mean"], last.mean(axis=0), atol=1e-4)


def zeros(rows: int) -> dict[str, jnp.ndarray]:
    """Return the state of `NORMED` before the first step."""
    return {"hidden": jnp.zeros((rows, 6), jnp.float32)}


def test_too_few_examples_are_refused() -> None:
    """The message names the batch and the number of examples."""
    with pytest.raises(RecipeError, match="batch is 16, and only 9 examples are left"):
        ClassifierTrainer(IMAGES, RECIPE, examples_of(IMAGES, 10))


@pytest.mark.parametrize("change", [{"epochs": 0}, {"validation": 1.0}, {"average": float("nan")}])
def test_a_hyperparameter_out_of_range_is_refused(change: dict[str, float]) -> None:
    """The message names the hyperparameter and its range."""
    with pytest.raises(RecipeError, match=f"{next(iter(change))} must be from"):
        replace(RECIPE, **change)


def test_a_recipe_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """It is read as a declaration is."""
    (tmp_path / "recipe.toml").write_text("epochs = 3\n", encoding="utf-8-sig")

    assert read_recipe(tmp_path / "recipe.toml") == ("classifier", {"epochs": 3})
