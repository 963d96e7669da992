"""Training of SimpleCNN: configuration, loss, epochs on the device, evaluation and report."""

from dataclasses import asdict, dataclass
from functools import cached_property, partial
from math import gcd
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, PRNGKeyArray, UInt8

from models.cnn import calibration
from models.cnn.augmentation import Images, Shares, augment_batch
from models.cnn.gradients import convolve_for_training
from models.cnn.network import ImageNetwork
from models.cnn.simple_cnn import simple_cnn
from models.data.datasets import Digits
from models.data.mnist import CLASSES
from models.runtime.checkpoints import Tensors
from models.runtime.training_loop import (
    Metrics,
    ParameterState,
    TrainingState,
    apply_gradients,
    initial_state,
    mean_over_microbatches,
    parameter_tensors,
)

MICROBATCH = 16
"""CNN training: images per microbatch on a CPU, whose feature maps should fit into its cache."""

CHECKPOINT_ROUNDS = (0, 1, 4, 12)
"""CNN training: epochs after which parameters are kept; accuracy rises fastest early on."""


@dataclass(frozen=True)
class CNNTrainConfig:
    """Hyperparameters of a training run of SimpleCNN.

    Attributes:
        epochs: Number of passes over the training images.
        batch: Images per step; an incomplete last batch of an epoch is dropped.
        validation: Number of training images, the last ones, held out for validation.
        learning_rate: Peak rate, after a linear warm-up of one epoch and before a cosine decay.
        weight_decay: Weight decay of AdamW.
        smoothing: Label smoothing: share of the target that is spread over all digits.
        average: Decay rate per step of the moving average of the parameters.
        drawn: Share of a batch that is replaced by digits drawn from strokes.
        corrupted: Share of a batch with noise, impulses or large pixels.
        turned: Share of a batch that is rotated by up to 49 degrees, and not by up to 13.
        seed: Seed of initial parameters, order of images and augmentation.
    """

    epochs: int
    batch: int
    validation: int
    learning_rate: float
    weight_decay: float
    smoothing: float
    average: float
    drawn: float
    corrupted: float
    turned: float
    seed: int


class CNNTrainer:
    """Training run of SimpleCNN, with epochs as rounds.

    Args:
        config: Hyperparameters.
        train: Training images, of which the last are held out for validation.
        test: Test images, evaluated once at the end.

    Raises:
        ValueError: Fewer images than a batch has are left to train on, or `validation` is negative.
    """

    def __init__(self, config: CNNTrainConfig, train: Digits, test: Digits) -> None:
        self.config = config
        self.rounds = config.epochs
        self.checkpoint_rounds = tuple(
            epoch for epoch in CHECKPOINT_ROUNDS if epoch < config.epochs
        )
        self.test = test
        held_back = len(train.labels) - config.validation
        if config.validation < 0:
            msg = f"validation must be at least 0, got {config.validation}"
            raise ValueError(msg)
        if held_back < config.batch:
            msg = (
                f"{len(train.labels):,} images without {config.validation:,} for validation are "
                f"fewer than a batch of {config.batch}: hold out fewer, or use more images"
            )
            raise ValueError(msg)
        self.validation = Digits(train.images[held_back:], train.labels[held_back:])
        self._images = jnp.asarray(train.images[:held_back])
        self._labels = jnp.asarray(train.labels[:held_back])
        self._steps = held_back // config.batch

    @cached_property
    def optimiser(self) -> optax.GradientTransformation:
        """Optimiser of CNN training: AdamW, one epoch of linear warm-up, and cosine decay to 0."""
        rate = optax.warmup_cosine_decay_schedule(
            init_value=0.0,
            peak_value=self.config.learning_rate,
            warmup_steps=self._steps,
            # One more: Optax refuses a decay of no steps, which a run of one epoch would have.
            decay_steps=self._steps * self.config.epochs + 1,
        )
        return optax.adamw(rate, weight_decay=self.config.weight_decay)

    def start(self) -> TrainingState:
        """Return the training state of SimpleCNN before the first epoch."""
        # On accelerators XLA has fast kernels for the derivatives of its own convolution.
        convolve = convolve_for_training if _on_cpu() else jax.lax.conv_general_dilated
        self._network, parameters = nnx.split(simple_cnn(nnx.Rngs(self.config.seed), convolve))
        return initial_state(parameters, self.optimiser)

    def augment(
        self, key: PRNGKeyArray, images: Images, labels: UInt8[Array, " batch"]
    ) -> tuple[Images, UInt8[Array, " batch"]]:
        """Augment the images of one step of CNN training, some of which are replaced by drawn ones.

        Returns:
            Images with intensities in [0, 1], and labels.
        """
        config = self.config
        shares = Shares(config.drawn, config.corrupted, config.turned)
        return augment_batch(key, images, labels, shares)

    def run(self, state: TrainingState, number: int) -> tuple[TrainingState, Metrics]:
        """Train SimpleCNN for one epoch, then evaluate averaged parameters on validation images."""
        epoch = jnp.asarray(number, jnp.int32)
        # Images are arguments: captured, they would be constants inside the compiled program.
        state, loss, accuracy = self._epoch(state, epoch, self._images, self._labels)
        metrics: Metrics = {"loss": float(loss), "train_accuracy": float(accuracy)}
        # None are held out when `validation` is 0.
        if len(self.validation.labels):
            guesses = classify(state.average, self.validation.images)
            right = float(np.mean(guesses == self.validation.labels))
            metrics["validation_accuracy"] = right
        return state, metrics

    @partial(jax.jit, static_argnums=0, donate_argnums=1)
    def _epoch(
        self,
        state: TrainingState,
        epoch: Int[Array, ""],
        images: UInt8[Array, "images 28 28"],
        labels: UInt8[Array, " images"],
    ) -> tuple[TrainingState, Float[Array, ""], Float[Array, ""]]:
        """Run one epoch of CNN training; the order of images follows from seed and epoch."""
        shuffle = jax.random.fold_in(jax.random.key(self.config.seed), epoch)
        order = jax.random.permutation(shuffle, len(labels))[: self._steps * self.config.batch]

        def step(
            before: TrainingState, chosen: Int[Array, " batch"]
        ) -> tuple[TrainingState, tuple[Float[Array, ""], Float[Array, ""]]]:
            # Another key than that of the shuffle: both fold in small integers.
            key = jax.random.fold_in(jax.random.key(self.config.seed + 1), before.step)
            shown = images[chosen].astype(jnp.float32) / 255.0
            batch = self.augment(key, shown, labels[chosen])
            measured, gradients = self._gradients(before.parameters, *batch)
            after = apply_gradients(before, gradients, self.optimiser, self.config.average)
            return after, measured

        state, (loss, right) = jax.lax.scan(step, state, order.reshape(self._steps, -1))
        return state, loss.mean(), right.mean()

    def _gradients(
        self,
        parameters: ParameterState,
        images: Float[Array, "batch 28 28"],
        labels: UInt8[Array, " batch"],
    ) -> tuple[tuple[Float[Array, ""], Float[Array, ""]], ParameterState]:
        """Return CNN training loss and accuracy of a batch, and the gradients of the loss."""
        size = gcd(len(images), MICROBATCH) if _on_cpu() else len(images)
        differentiate = jax.value_and_grad(self._loss, has_aux=True)
        return mean_over_microbatches(
            lambda part: differentiate(parameters, *part),
            (images.reshape(-1, size, *images.shape[1:]), labels.reshape(-1, size)),
        )

    def _loss(
        self,
        parameters: ParameterState,
        images: Float[Array, "batch 28 28"],
        labels: UInt8[Array, " batch"],
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Return CNN training loss, a cross-entropy with smoothed targets, and accuracy."""
        logits = nnx.merge(self._network, parameters)(images[..., None])
        targets = optax.smooth_labels(jax.nn.one_hot(labels, CLASSES), self.config.smoothing)
        right = logits.argmax(axis=-1) == labels.astype(jnp.int32)
        return optax.softmax_cross_entropy(logits, targets).mean(), right.mean()

    def network(self, state: TrainingState) -> Tensors:
        """Return the averaged parameters of SimpleCNN at a point of its training."""
        return parameter_tensors(nnx.merge(self._network, state.average))

    def finish(self, state: TrainingState) -> tuple[Tensors, dict[str, Any], dict[str, Any]]:
        """Finish CNN training: evaluate on the test images, fit the temperature, and report."""
        logits = evaluate(state.average, self.test.images)
        guesses = logits.argmax(axis=-1)
        wrong = np.flatnonzero(guesses != self.test.labels)
        metrics: dict[str, Any] = {
            "test_accuracy": 1.0 - len(wrong) / len(guesses),
            "test_errors": len(wrong),
        }
        held_back = evaluate(state.average, self.validation.images)
        if len(self.validation.labels):
            right = held_back.argmax(axis=-1) == self.validation.labels
            metrics["validation_accuracy"] = float(np.mean(right))
        calibrated = calibration.measure_calibration(
            calibration.LabelledLogits(held_back, self.validation.labels),
            calibration.LabelledLogits(logits, self.test.labels),
        )
        confusion = np.zeros((CLASSES, CLASSES), np.int64)
        np.add.at(confusion, (self.test.labels, guesses), 1)
        described = {
            "model": "cnn",
            "architecture": {},
            "seed": self.config.seed,
            "data": f"MNIST through TensorFlow Datasets: {len(self._labels)} training images",
            "metrics": metrics,
            "calibration": calibration.describe(calibrated),
        }
        report = {
            "recipe": asdict(self.config),
            "misclassified_test_images": wrong.tolist(),
            "confusion": {"rows": "label", "columns": "prediction", "counts": confusion.tolist()},
        }
        return self.network(state), described, report


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def classify(
    parameters: ParameterState, images: UInt8[np.ndarray, "images 28 28"]
) -> Int[np.ndarray, " images"]:
    """Return the digit that a SimpleCNN in training predicts for each image.

    Args:
        parameters: Parameters of a SimpleCNN.
        images: Intensities from 0 to 255.
    """
    return np.asarray(evaluate(parameters, images).argmax(axis=-1))


def evaluate(
    parameters: ParameterState, images: UInt8[np.ndarray, "images 28 28"], rows: int = 1_000
) -> Float[np.ndarray, "images classes"]:
    """Return the logits of a SimpleCNN in training for each image.

    Args:
        parameters: Parameters of a SimpleCNN.
        images: Intensities from 0 to 255.
        rows: Batch size.
    """
    parts = [images[start : start + rows] for start in range(0, len(images), rows)]
    logits = [np.asarray(_evaluate(parameters, jnp.asarray(part))) for part in parts]
    return np.concatenate([np.empty((0, CLASSES), np.float32), *logits])


@jax.jit
def _evaluate(
    parameters: ParameterState, images: UInt8[Array, "rows 28 28"]
) -> Float[Array, "rows classes"]:
    # Stock convolutions: those for training only have other gradients.
    network = nnx.eval_shape(lambda: simple_cnn(nnx.Rngs(0)))
    model: ImageNetwork = nnx.merge(nnx.graphdef(network), parameters)
    logits: Float[Array, "rows classes"] = model(images.astype(jnp.float32)[..., None] / 255.0)
    return logits
