"""Training of any declared network as a classifier of labelled examples."""

from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, PRNGKeyArray

from models.architecture import Architecture
from models.cnn.gradients import convolve_for_training
from models.cnn.network import ImageNetwork
from models.cnn.programs import intensities
from models.data.examples import Examples
from models.rnn.network import SequenceNetwork
from models.runtime.checkpoints import Tensors
from models.runtime.parameters import named
from models.runtime.training_loop import Metrics, TrainingState, apply_gradients, initial_state
from models.training.recipe import Recipe, RecipeError

EVALUATED = 256
"""Classifier training: examples of one batch of the evaluation."""


class ClassifierState(NamedTuple):
    """State of classifier training: learned parameters, and statistics of batch normalisation."""

    learned: TrainingState
    statistics: Any


class ClassifierTrainer:
    """Training run of a declared network on labelled examples, with epochs as rounds.

    Args:
        architecture: Network to train.
        recipe: Hyperparameters.
        examples: Examples, of which a share that the seed determines is held out.

    Raises:
        RecipeError: There are fewer training examples than one batch has.
    """

    def __init__(self, architecture: Architecture, recipe: Recipe, examples: Examples) -> None:
        self.architecture = architecture
        self._graph: Any = None
        self.recipe = recipe
        self.rounds = recipe.epochs
        self.checkpoint_rounds = tuple(sorted({0, 1, recipe.epochs // 4} - {recipe.epochs}))
        order = np.random.default_rng(recipe.seed).permutation(len(examples.labels))
        held_back = round(recipe.validation * len(order))
        self.validation, self._train = (
            examples.take(order[:held_back]),
            examples.take(order[held_back:]),
        )
        self._steps = len(self._train.labels) // recipe.batch
        if not self._steps:
            msg = (
                f"batch is {recipe.batch}, and only {len(self._train.labels)} examples are left to "
                "train on: use a smaller batch, or more examples"
            )
            raise RecipeError(msg)

    @cached_property
    def optimiser(self) -> optax.GradientTransformation:
        """Optimiser of classifier training: AdamW on clipped gradients, warm-up, cosine decay."""
        rate = optax.warmup_cosine_decay_schedule(
            init_value=0.0,
            peak_value=self.recipe.learning_rate,
            warmup_steps=self._steps,
            # One more: Optax refuses a decay of no steps, which a run of one epoch would have.
            decay_steps=self._steps * self.recipe.epochs + 1,
        )
        adam = optax.adamw(rate, weight_decay=self.recipe.weight_decay)
        return optax.chain(optax.clip_by_global_norm(self.recipe.clip), adam)

    def start(self) -> ClassifierState:
        """Return the state of classifier training before the first epoch."""
        network = self._build(nnx.Rngs(self.recipe.seed))
        found: Any = nnx.split(network, nnx.Param, nnx.BatchStat, ...)
        self._graph, learned, statistics, _ = found
        return ClassifierState(initial_state(learned, self.optimiser), statistics)

    def _build(self, rngs: nnx.Rngs) -> ImageNetwork | SequenceNetwork:
        """Build the network to train."""
        if self.architecture.family == "sequence":
            return SequenceNetwork(self.architecture, rngs)
        # On accelerators XLA has fast kernels for the derivatives of its own convolution.
        on_cpu = jax.default_backend() == "cpu"
        convolve = convolve_for_training if on_cpu else jax.lax.conv_general_dilated
        return ImageNetwork(self.architecture, rngs, convolve)

    def run(self, state: ClassifierState, number: int) -> tuple[ClassifierState, Metrics]:
        """Train the classifier for one epoch, then evaluate it on held-out examples."""
        epoch = jnp.asarray(number, jnp.int32)
        # Examples are arguments: captured, they would be constants inside the compiled program.
        held = jax.tree.map(jnp.asarray, self._train)
        state, loss, right = self._epoch(state, epoch, held)
        metrics: Metrics = {"loss": float(loss), "train_accuracy": float(right)}
        if len(self.validation.labels):
            metrics["validation_accuracy"] = self._accuracy(state)
        return state, metrics

    @partial(jax.jit, static_argnums=0, donate_argnums=1)
    def _epoch(
        self, state: ClassifierState, epoch: Int[Array, ""], examples: Examples
    ) -> tuple[ClassifierState, Float[Array, ""], Float[Array, ""]]:
        """Run one epoch of classifier training; the order follows from seed and epoch."""
        shuffle = jax.random.fold_in(jax.random.key(self.recipe.seed), epoch)
        order = jax.random.permutation(shuffle, len(examples.labels))
        chosen = order[: self._steps * self.recipe.batch].reshape(self._steps, -1)

        def step(
            before: ClassifierState, rows: Int[Array, " batch"]
        ) -> tuple[ClassifierState, tuple[Float[Array, ""], Float[Array, ""]]]:
            # Another key than that of the shuffle: both fold in small integers.
            key = jax.random.fold_in(jax.random.key(self.recipe.seed + 1), before.learned.step)
            batch = examples.take(rows)
            differentiate = jax.value_and_grad(self._loss, has_aux=True)
            (value, (right, statistics)), gradients = differentiate(
                before.learned.parameters, before.statistics, batch, key
            )
            after = apply_gradients(before.learned, gradients, self.optimiser, self.recipe.average)
            return ClassifierState(after, statistics), (value, right)

        state, (losses, right) = jax.lax.scan(step, state, chosen)
        return state, losses.mean(), right.mean()

    def _loss(
        self, parameters: Any, statistics: Any, batch: Examples, key: PRNGKeyArray
    ) -> tuple[Float[Array, ""], tuple[Float[Array, ""], Any]]:
        """Return the cross-entropy of a batch, with its accuracy and the new statistics."""
        network = self._merged(parameters, statistics)
        _begin_training(network, nnx.Rngs(key), self.recipe.statistics)
        logits, weights = self._logits(network, batch)
        labels = jnp.broadcast_to(
            batch.labels.reshape(-1, *(1 for _ in logits.shape[2:])), logits.shape[:-1]
        )
        targets = jax.nn.one_hot(labels, logits.shape[-1])
        losses = optax.softmax_cross_entropy(
            logits, optax.smooth_labels(targets, self.recipe.smoothing)
        )
        right = (logits.argmax(axis=-1) == labels).astype(jnp.float32)
        measured = nnx.state(network, nnx.BatchStat)
        return (losses * weights).sum(), ((right * weights).sum(), measured)

    def _merged(self, parameters: Any, statistics: Any) -> Any:
        """Merge learned parameters and statistics to a network of the classifier."""
        # Rebuilt, as Flax lets a layer change variables of the innermost transformation alone.
        own = jax.tree.map(lambda value: value, statistics)
        return nnx.merge(self._graph, parameters, own, nnx.State({}))

    def _logits(self, network: Any, batch: Examples) -> tuple[Array, Array]:
        """Return the logits of a batch, and the weight of each in the mean over the batch.

        Of a network that answers at every step, each step of a sequence counts alike; steps of
        padding do not count.
        """
        rows = len(batch.labels)
        if self.architecture.family == "image":
            # Images that are prepared as MNIST's were are integers, and others network values.
            is_mnist = self.architecture.image.prepare == "mnist"
            images = intensities(jnp.asarray(batch.inputs)) if is_mnist else batch.inputs
            return network(images), jnp.full((rows,), 1.0 / rows)
        state = network.initial_state(rows)
        logits, _ = network(batch.inputs, batch.lengths, state, differentiable=True)
        if self.architecture.declaration.answer == "last":
            return logits, jnp.full((rows,), 1.0 / rows)
        steps = jnp.arange(logits.shape[1])[None] < batch.lengths[:, None]
        counted = steps.astype(jnp.float32)
        return logits, counted / (counted.sum(axis=1, keepdims=True) * rows)

    def _accuracy(self, state: ClassifierState) -> float:
        """Return the accuracy of averaged parameters on the held-out examples."""
        right = [
            np.asarray(self._right(state.learned.average, state.statistics, part))
            for part in _parts(self.validation)
        ]
        return float(np.concatenate(right).mean())

    @partial(jax.jit, static_argnums=0)
    def _right(self, parameters: Any, statistics: Any, batch: Examples) -> Float[Array, " batch"]:
        """Return the share of right answers to each example: 0 or 1 where one answer counts."""
        logits, weights = self._logits(self._merged(parameters, statistics), batch)
        labels = batch.labels.reshape(-1, *(1 for _ in logits.shape[2:]))
        right = (logits.argmax(axis=-1) == labels).astype(jnp.float32)
        return (right * weights * len(batch.labels)).reshape(len(batch.labels), -1).sum(axis=1)

    def network(self, state: ClassifierState) -> Tensors:
        """Return the parameters that would be served if classifier training ended here."""
        network = self._merged(state.learned.average, state.statistics)
        return {name: np.asarray(value) for name, value in named(network).items()}

    def finish(self, state: ClassifierState) -> tuple[Tensors, dict[str, Any], dict[str, Any]]:
        """Finish classifier training: return parameters, metadata of their file, and report."""
        metrics: dict[str, Any] = {}
        if len(self.validation.labels):
            metrics["validation_accuracy"] = self._accuracy(state)
        counts = {"training": len(self._train.labels), "validation": len(self.validation.labels)}
        described = {"seed": self.recipe.seed, "metrics": metrics, "data": counts}
        return self.network(state), described, {"recipe": asdict(self.recipe)}


def _parts(examples: Examples) -> Iterator[Examples]:
    """Cut examples of classifier training into batches of the evaluation."""
    for start in range(0, len(examples.labels), EVALUATED):
        yield examples.take(slice(start, start + EVALUATED))


def _begin_training(network: Any, rngs: nnx.Rngs, decay: float) -> None:
    """Let dropout drop values and batch normalisation measure the batch, in a merged network."""
    network.train()
    for _, module in nnx.iter_modules(network):
        if isinstance(module, nnx.Dropout):
            module.rngs = rngs
        if isinstance(module, nnx.BatchNorm):
            module.momentum = decay
