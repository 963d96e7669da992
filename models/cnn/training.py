"""How SimpleCNN is trained and measured: recipe, loss, epochs on the device, report."""

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

from models.architecture import CLASSES
from models.cnn.augmentation import Images, augment
from models.cnn.gradients import convolve_for_training
from models.cnn.network import SimpleCNN
from models.data.datasets import Digits
from models.runtime.checkpoints import Tensors
from models.runtime.training_loop import (
    Metrics,
    ParameterState,
    TrainingState,
    begin,
    follow,
    mean_of_parts,
    parameter_tensors,
)

PART = 16
"""How many images of a batch are differentiated at a time on a CPU: their maps fit its cache."""

MILESTONES = (0, 1, 4, 12)
"""After how many epochs the network is kept: most of what it learns, it learns early."""


@dataclass(frozen=True)
class CNNTrainConfig:
    """What a run depends on, beside the images.

    Attributes:
        epochs: How often each training image is seen.
        batch: Images in a step; what is left over at the end of an epoch waits for the next.
        validation: How many training images, the last ones, are held back to choose by. None are
            held back for 0.
        learning_rate: The highest; it rises to it for one epoch and falls along a cosine.
        weight_decay: Of AdamW.
        smoothing: What share of the target is spread over all digits.
        average: How much of the moving average of the parameters stays at each step.
        seed: Of the initial parameters, the order of the images and their variations.
    """

    epochs: int = 36
    batch: int = 128
    validation: int = 5_000
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    smoothing: float = 0.05
    average: float = 0.998
    seed: int = 0


class CNNTrainer:
    """A training run; one round is one epoch.

    Args:
        recipe: What the run depends on.
        train: Images to learn from, of which the last are held back.
        test: Images that are looked at once, at the end.
    """

    def __init__(self, recipe: CNNTrainConfig, train: Digits, test: Digits) -> None:
        self.recipe = recipe
        self.rounds = recipe.epochs
        self.milestones = tuple(epoch for epoch in MILESTONES if epoch < recipe.epochs)
        self.test = test
        held_back = len(train.labels) - recipe.validation
        self.validation = Digits(train.images[held_back:], train.labels[held_back:])
        self._images = jnp.asarray(train.images[:held_back])
        self._labels = jnp.asarray(train.labels[:held_back])
        self._steps = held_back // recipe.batch

    @cached_property
    def optimiser(self) -> optax.GradientTransformation:
        """AdamW whose rate rises for one epoch and falls along a cosine to nothing."""
        rate = optax.warmup_cosine_decay_schedule(
            init_value=0.0,
            peak_value=self.recipe.learning_rate,
            warmup_steps=self._steps,
            decay_steps=self._steps * self.recipe.epochs + 1,
        )
        return optax.adamw(rate, weight_decay=self.recipe.weight_decay)

    def start(self) -> TrainingState:
        """Return the state before the first epoch."""
        convolve = convolve_for_training if _on_cpu() else jax.lax.conv_general_dilated
        self._network, parameters = nnx.split(SimpleCNN(nnx.Rngs(self.recipe.seed), convolve))
        return begin(parameters, self.optimiser)

    def vary(self, key: PRNGKeyArray, images: Images) -> Images:
        """Vary the images of a step, all with intensities in [0, 1]."""
        return augment(key, images)

    def run(self, state: TrainingState, number: int) -> tuple[TrainingState, Metrics]:
        """Do one epoch, then measure the averaged parameters on the images held back."""
        epoch = jnp.asarray(number, jnp.int32)
        state, loss, accuracy = self._epoch(state, epoch, self._images, self._labels)
        metrics: Metrics = {"loss": float(loss), "train_accuracy": float(accuracy)}
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
        """Show every image once, in an order that follows from the epoch's number."""
        shuffle = jax.random.fold_in(jax.random.key(self.recipe.seed), epoch)
        order = jax.random.permutation(shuffle, len(labels))[: self._steps * self.recipe.batch]

        def step(
            before: TrainingState, chosen: Int[Array, " batch"]
        ) -> tuple[TrainingState, tuple[Float[Array, ""], Float[Array, ""]]]:
            key = jax.random.fold_in(jax.random.key(self.recipe.seed + 1), before.step)
            batch = self.vary(key, images[chosen].astype(jnp.float32) / 255.0)
            measured, gradients = self._gradients(before.parameters, batch, labels[chosen])
            after = follow(before, gradients, self.optimiser, self.recipe.average)
            return after, measured

        state, (loss, right) = jax.lax.scan(step, state, order.reshape(self._steps, -1))
        return state, loss.mean(), right.mean()

    def _gradients(
        self,
        parameters: ParameterState,
        images: Float[Array, "batch 28 28"],
        labels: UInt8[Array, " batch"],
    ) -> tuple[tuple[Float[Array, ""], Float[Array, ""]], ParameterState]:
        """Return the loss and the accuracy, and the gradients of the loss."""
        size = gcd(len(images), PART) if _on_cpu() else len(images)
        differentiate = jax.value_and_grad(self._loss, has_aux=True)
        return mean_of_parts(
            lambda part: differentiate(parameters, *part),
            (images.reshape(-1, size, *images.shape[1:]), labels.reshape(-1, size)),
        )

    def _loss(
        self,
        parameters: ParameterState,
        images: Float[Array, "batch 28 28"],
        labels: UInt8[Array, " batch"],
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Return the mean cross-entropy with smoothed targets, and the accuracy."""
        logits = nnx.merge(self._network, parameters)(images[..., None])
        targets = optax.smooth_labels(jax.nn.one_hot(labels, CLASSES), self.recipe.smoothing)
        right = logits.argmax(axis=-1) == labels.astype(jnp.int32)
        return optax.softmax_cross_entropy(logits, targets).mean(), right.mean()

    def network(self, state: TrainingState) -> Tensors:
        """Return the averaged parameters."""
        return parameter_tensors(nnx.merge(self._network, state.average))

    def finish(self, state: TrainingState) -> tuple[Tensors, dict[str, Any], dict[str, Any]]:
        """Measure the averaged parameters on the test images, for the first time."""
        guesses = classify(state.average, self.test.images)
        wrong = np.flatnonzero(guesses != self.test.labels)
        metrics: dict[str, Any] = {
            "test_accuracy": 1.0 - len(wrong) / len(guesses),
            "test_errors": len(wrong),
        }
        if len(self.validation.labels):
            held_back = classify(state.average, self.validation.images)
            metrics["validation_accuracy"] = float(np.mean(held_back == self.validation.labels))
        confusion = np.zeros((CLASSES, CLASSES), np.int64)
        np.add.at(confusion, (self.test.labels, guesses), 1)
        described = {
            "model": "cnn",
            "architecture": {},
            "seed": self.recipe.seed,
            "data": f"MNIST through TensorFlow Datasets: {len(self._labels)} training images",
            "metrics": metrics,
        }
        report = {
            "recipe": asdict(self.recipe),
            "misclassified_test_images": wrong.tolist(),
            "confusion": {"rows": "label", "columns": "prediction", "counts": confusion.tolist()},
        }
        return self.network(state), described, report


def _on_cpu() -> bool:
    return jax.default_backend() == "cpu"


def classify(
    parameters: ParameterState, images: UInt8[np.ndarray, "images 28 28"], rows: int = 1_000
) -> Int[np.ndarray, " images"]:
    """Return the digit that the network sees in each image.

    Args:
        parameters: Those of a SimpleCNN.
        images: Intensities from 0 to 255.
        rows: How many images are classified at a time.
    """
    parts = [images[start : start + rows] for start in range(0, len(images), rows)]
    return np.concatenate([np.asarray(_classify(parameters, jnp.asarray(part))) for part in parts])


@jax.jit
def _classify(
    parameters: ParameterState, images: UInt8[Array, "rows 28 28"]
) -> Int[Array, " rows"]:
    network = nnx.eval_shape(lambda: SimpleCNN(nnx.Rngs(0)))
    model: SimpleCNN = nnx.merge(nnx.graphdef(network), parameters)
    return model(images.astype(jnp.float32)[..., None] / 255.0).argmax(axis=-1)
