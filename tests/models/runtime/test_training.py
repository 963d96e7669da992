"""Training: variations of images, counting sequences, steps, states and measurements."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from models.cnn import augmentation
from models.cnn import training as cnn_training
from models.cnn.simple_cnn import simple_cnn
from models.cnn.training import CNNTrainConfig, CNNTrainer
from models.data.datasets import Digits
from models.rnn import training as lstm_training
from models.rnn.evaluation import Measurement
from models.rnn.network import SequenceNetwork
from models.rnn.training import LSTMTrainConfig, LSTMTrainer, Stage
from models.runtime.checkpoints import CheckpointError
from models.runtime.training_loop import (
    gradient_step,
    initial_state,
    mean_over_microbatches,
    parameter_tensors,
    restore_state,
    state_tensors,
)
from models.training.recipe import shipped_recipe
from tests.networks import counting_lstm

vary = jax.jit(augmentation.augment)

DIGITS = shipped_recipe("cnn", CNNTrainConfig)
COUNTING = shipped_recipe("lstm", LSTMTrainConfig)


@pytest.fixture(scope="module")
def images():
    """Draw a few rectangles of ink."""
    field = np.zeros((12, 28, 28), np.float32)
    for index in range(12):
        field[index, 8:20, 8 + index // 2 : 12 + index] = 1.0 - index / 20
    return jnp.asarray(field)


def test_variations_stay_images(images):
    """Varied images have the same size and intensities in [0, 1]."""
    varied = np.stack([vary(jax.random.key(number), images) for number in range(8)])
    assert varied.shape == (8, 12, 28, 28)
    assert float(varied.min()) >= 0.0
    assert 0.8 < float(varied.max()) <= 1.0


def test_each_image_is_varied_in_its_own_way(images):
    """Equal images come out different from each other, and different with another key."""
    same = jnp.stack([images[0]] * 12)
    first = np.asarray(vary(jax.random.key(0), same))
    again = np.asarray(vary(jax.random.key(0), same))
    other = np.asarray(vary(jax.random.key(1), same))
    assert np.array_equal(first, again)
    assert len({image.tobytes() for image in [*first, *other]}) == 24


def test_an_empty_image_stays_empty():
    """Where there is no ink, varying draws none."""
    empty = jnp.zeros((12, 28, 28))
    assert not np.asarray(vary(jax.random.key(0), empty)).any()


def test_resampling_moves_images(images):
    """Reading each pixel one row below moves the image up by one; outside is ground."""
    grid = jnp.broadcast_to(jnp.indices((28, 28)).astype(jnp.float32), (12, 2, 28, 28))
    assert np.allclose(augmentation.resample(images, grid), images, atol=1e-6)
    below = grid + jnp.array([1.0, 0.0])[None, :, None, None]
    moved = np.asarray(augmentation.resample(images, below))
    assert np.allclose(moved[:, :-1], images[:, 1:], atol=1e-6)
    assert not moved[:, -1].any()


def test_strokes_become_wider_and_narrower(images):
    """Redrawing changes some images, some to more ink and some to less, and leaves others."""
    many = jnp.tile(images[:1], (200, 1, 1))
    redrawn = np.asarray(augmentation.redraw(jax.random.key(0), many))
    change = redrawn.sum(axis=(1, 2)) - float(images[0].sum())
    same = (redrawn == np.asarray(many)).all(axis=(1, 2))
    assert 60 < same.sum() < 140
    assert (change > 4).sum() > 20
    assert (change < -4).sum() > 20


def test_a_batch_has_its_shares(images):
    """The first images are drawn, the next corrupted, and those without a share only varied."""
    many = jnp.tile(images[:1], (40, 1, 1))
    labels = jnp.full(40, 5, jnp.uint8)
    batch = jax.jit(augmentation.augment_batch, static_argnums=3)
    varied, names = batch(jax.random.key(0), many, labels, augmentation.Shares(0.25, 0.5, 0.0))
    assert names.dtype == labels.dtype
    assert set(names[:10].tolist()) <= {1, 2, 3, 4, 7, 9}
    assert set(names[10:].tolist()) == {5}
    whole, same = batch(jax.random.key(0), many, labels, augmentation.Shares(0.0, 0.0, 0.0))
    assert set(same.tolist()) == {5}
    # Impulses, noise and blocks change the image from pixel to pixel; a smooth warp does not.
    rough = [np.abs(np.diff(np.asarray(one), axis=2)).sum(axis=(1, 2)) for one in (varied, whole)]
    assert np.median(rough[0][10:30]) > 1.3 * np.median(rough[1])
    assert varied.min() >= 0
    assert varied.max() <= 1


def test_some_images_are_turned_further(images):
    """A bar is turned by up to 49 degrees where its label may be, and a seven by up to 13."""
    many = jnp.tile(jnp.zeros((28, 28)).at[4:24, 12:16].set(1.0)[None], (200, 1, 1))
    grid = np.indices((28, 28)).reshape(2, -1)

    def angles(label):
        labels = jnp.full(200, label, jnp.uint8)
        shares = augmentation.Shares(0.0, 0.0, 1.0)
        turned, _ = augmentation.augment_batch(jax.random.key(0), many, labels, shares)
        flat = np.asarray(turned).reshape(200, -1)
        means = flat @ grid.T / flat.sum(axis=1)[:, None]
        y, x = (grid[:, None] - means.T[..., None]) * 1.0
        moments = [(flat * product).sum(axis=1) for product in (y * y, x * x, x * y)]
        return np.degrees(0.5 * np.arctan2(2 * moments[2], moments[0] - moments[1]))

    assert np.abs(angles(1)).max() > 35
    assert np.abs(angles(augmentation.UPRIGHT)).max() < 30  # with shear


def test_a_step_goes_downhill_and_is_averaged():
    """One step follows the optimiser, and the average moves a part of the way."""
    model = SequenceNetwork(counting_lstm(2), nnx.Rngs(0))
    model.layer("readout").bias[...] = jnp.array([1.0, 0.0])
    _, parameters = nnx.split(model)
    optimiser = optax.sgd(0.1)

    def loss(at):
        return (at["readout"]["bias"][...] ** 2).sum(), "aside"

    state, value, aside = gradient_step(
        initial_state(parameters, optimiser), loss, optimiser, keep=0.05
    )
    assert float(value) == 1.0
    assert aside == "aside"
    assert int(state.step) == 1
    assert np.allclose(state.parameters["readout"]["bias"][...], [0.8, 0.0])
    assert np.allclose(state.average["readout"]["bias"][...], [0.05 * 1.0 + 0.95 * 0.8, 0.0])


def test_the_mean_of_parts_is_the_mean_of_all():
    """A function's mean over equal parts is that of its parts' results, in every place of them."""
    parts = (jnp.arange(12.0).reshape(3, 4), jnp.asarray([1, 2, 6], jnp.int32))

    def measure(part):
        row, number = part
        return {"sum": row.sum(), "scaled": row * number.astype(jnp.float32)}

    mean = mean_over_microbatches(measure, parts)
    assert float(mean["sum"]) == pytest.approx(22.0)
    assert np.allclose(mean["scaled"], (np.arange(12).reshape(3, 4) * [[1], [2], [6]]).mean(axis=0))


def small_trainer() -> LSTMTrainer:
    brief = Measurement(longest=4, length=8, sequences=8, flips=(), exhaustive_kinds=False)
    return LSTMTrainer(replace(COUNTING, hidden=3, stages=(Stage(8, 16, 3, 0.05),)), brief)


def test_the_lstm_learns_and_describes_itself():
    """Rounds bring the loss down; the result has the names and numbers that the server reads."""
    trainer = small_trainer()
    state, losses = trainer.start(), []
    for number in range(trainer.rounds):
        state, metrics = trainer.run(state, number)
        losses.append(metrics["loss"])
    assert losses[-1] < 0.95 * losses[0]
    tensors, described, report = trainer.finish(state)
    assert tensors.keys() == {
        "cell.dense_i.kernel",
        "cell.dense_h.kernel",
        "cell.dense_h.bias",
        "readout.kernel",
        "readout.bias",
    }
    assert described["architecture"] == {"hidden": 3}
    assert described["metrics"]["exhaustive_length"] == 4
    assert described["metrics"]["test_length"] == 8
    assert report["recipe"]["stages"] == (Stage(8, 16, 3, 0.05),)


def test_forget_gates_start_open():
    """Before training the forget gates remember for different times, none of them short."""
    initial = parameter_tensors(lstm_training._initial(replace(COUNTING, hidden=3)).lstm)
    bias = initial["cell.dense_h.bias"]
    assert (bias[3:6] >= 0).all()
    assert len(set(bias[3:6])) == 3
    assert not bias[:3].any()


def test_a_state_comes_back_from_named_tensors():
    """A state survives being written down, scalars included."""
    trainer = small_trainer()
    state = trainer.start()._replace(step=jnp.asarray(5, jnp.int32))
    restored = restore_state(state_tensors(state), trainer.start())
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    for one, other in zip(jax.tree.leaves(restored), jax.tree.leaves(state), strict=True):
        assert one.shape == other.shape
        assert np.array_equal(one, other)


def test_a_state_of_another_network_is_refused():
    """Tensors of another shape, or with one missing, are not taken for a state."""
    state = small_trainer().start()
    tensors = state_tensors(state)
    name = next(name for name in tensors if "readout" in name)
    with pytest.raises(CheckpointError, match="is float64"):
        restore_state({**tensors, name: tensors[name].astype(np.float64)}, state)
    del tensors[name]
    with pytest.raises(CheckpointError, match="is in only one of"):
        restore_state(tensors, state)


@pytest.fixture(scope="module")
def small_digits():
    """Make images that are easy to classify: as many columns of ink as the digit's value."""
    labels = np.arange(80, dtype=np.uint8) % 10
    fields = np.zeros((80, 28, 28), np.uint8)
    for field, label in zip(fields, labels, strict=True):
        field[4:24, 4 : 5 + 2 * label] = 255
    return Digits(fields, labels)


def unchanged(_key, images, labels, _shares):
    """Augment nothing."""
    return images, labels


def test_the_cnn_trains_and_describes_itself(small_digits, monkeypatch):
    """An epoch changes the parameters, and the report lists misclassified images."""
    # Tested above; compiled into the epoch it would take most of the time here.
    monkeypatch.setattr(cnn_training, "augment_batch", unchanged)
    trainer = CNNTrainer(
        replace(DIGITS, epochs=1, batch=16, validation=16), small_digits, small_digits
    )
    assert len(trainer.validation.labels) == 16
    before = state_tensors(trainer.start())
    state, metrics = trainer.run(trainer.start(), 0)
    after = state_tensors(state)
    assert after[".step"].tolist() == [4]
    assert all(np.isfinite(value).all() for value in after.values())
    changed = [name for name in before if not np.array_equal(before[name], after[name])]
    assert any(name.startswith(".parameters['conv1']") for name in changed)
    assert metrics.keys() == {"loss", "train_accuracy", "validation_accuracy"}
    tensors, described, report = trainer.finish(state)
    assert tensors["conv1.kernel"].shape == (3, 3, 1, 32)
    wrong = report["misclassified_test_images"]
    assert described["metrics"]["test_errors"] == len(wrong)
    counts = np.array(report["confusion"]["counts"])
    assert counts.sum(axis=1).tolist() == [8] * 10
    assert counts.sum() - np.trace(counts) == len(wrong)


@pytest.mark.parametrize(
    ("validation", "sentence"),
    [
        (-1, "validation must be at least 0, got -1"),
        (73, "80 images without 73 for validation are fewer than a batch of 8"),
        (5000, "80 images without 5,000 for validation"),
    ],
)
def test_the_cnn_needs_images_to_train_on(small_digits, validation, sentence):
    """Held-out images are none or some, and leave at least a batch."""
    config = replace(DIGITS, batch=8, validation=validation)
    with pytest.raises(ValueError, match=sentence):
        CNNTrainer(config, small_digits, small_digits)
    CNNTrainer(replace(config, validation=72), small_digits, small_digits)


def test_the_cnn_has_the_gradient_of_the_plain_network():
    """Divided into parts, with its own convolution, training has the gradient that JAX derives."""
    draw = np.random.default_rng(0)
    # Pixels that all differ leave no ties in a pool.
    images = jnp.asarray(draw.random((48, 28, 28)), jnp.float32)
    labels = jnp.asarray(draw.integers(0, 10, 48), jnp.uint8)
    digits = Digits(np.zeros((48, 28, 28), np.uint8), np.asarray(labels))
    trainer = CNNTrainer(replace(DIGITS, epochs=1, batch=48, validation=0), digits, digits)
    parameters = trainer.start().parameters
    (loss, right), gradients = jax.jit(trainer._gradients)(parameters, images, labels)

    network, _ = nnx.split(simple_cnn(nnx.Rngs(0), jax.lax.conv_general_dilated))

    @jax.jit
    @partial(jax.value_and_grad, has_aux=True)
    def plain(at):
        logits = nnx.merge(network, at)(images[..., None])
        targets = 0.95 * jax.nn.one_hot(labels, 10) + 0.005
        hits = logits.argmax(axis=-1) == labels.astype(jnp.int32)
        return -(targets * jax.nn.log_softmax(logits)).sum(axis=-1).mean(), hits.mean()

    (expected_loss, expected_right), expected = plain(parameters)
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-6)
    assert float(right) == pytest.approx(float(expected_right))
    assert jax.tree.structure(gradients) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(gradients), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())


def test_a_cnn_epoch_repeats_itself(small_digits, monkeypatch):
    """The same seed, state and epoch give the same parameters, bit by bit."""
    monkeypatch.setattr(cnn_training, "augment_batch", unchanged)
    trainer = CNNTrainer(
        replace(DIGITS, epochs=1, batch=32, validation=16), small_digits, small_digits
    )
    first, _ = trainer.run(trainer.start(), 0)
    again, _ = trainer.run(trainer.start(), 0)
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(again), strict=True):
        assert np.array_equal(one, other)


def test_stages_follow_each_other():
    """Each stage has its own length, and resets the learning rate."""
    lengths = [stage.length for stage in COUNTING.stages]
    assert lengths == sorted(lengths)
    stages = (Stage(4, 2, 1, 0.5), Stage(8, 2, 2, 0.25))
    trainer = LSTMTrainer(replace(COUNTING, hidden=1, stages=stages), Measurement())
    assert [stage.length for stage in trainer._plan] == [4, 8, 8]
    rate = lstm_training.learning_rate(stages)
    rates = [float(rate(step)) for step in (0, 99, 100, 299)]
    assert rates == pytest.approx([0.5, 0.025, 0.25, 0.0125], rel=0.02)
