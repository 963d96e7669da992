"""Reference networks of the CNN's findings: their training, and their measurement."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, PRNGKeyArray, UInt8

from models.architecture import Architecture
from models.cnn.augmentation import Images
from models.cnn.layout import layout_of
from models.cnn.randomisation import cascade
from models.cnn.simple_cnn import simple_architecture, simple_cnn
from models.cnn.training import CNNTrainConfig, CNNTrainer
from models.data.datasets import Digits, mnist
from models.derivation import read_architecture
from models.families import analysis_programs
from models.model_files import SHIPPED
from models.registry import load
from models.runtime.checkpoints import Tensors
from models.runtime.resident import ResidentProgram, drive
from models.runtime.training_loop import ParameterState, parameter_tensors
from models.training.recipe import shipped_recipe
from probes.cnn.findings import CNNFindings, measurements, run
from probes.declaration import ModelContext, ProbeCall, ProbeInput
from probes.shared.statements import Measurement
from scripts.findings.networks import Network, kept

PARTS: Mapping[str, str] = {
    "shipped": "the weights of this repository, and their checkpoints",
    "untrained": "initial parameters of 20 seeds",
    "shuffled": "labels of other images",
    "random_convolutions": "convolutions as before training, and trained dense layers",
    "chance": "a learning rate that is far too high, or dense layers redrawn after training",
    "tuning": "ordinary networks on which measures and thresholds were fixed",
    "report": "ordinary networks that were measured afterwards",
}
"""Parts of the table of the CNN's findings, each with a description."""

UNTRAINED_SEEDS = range(2_000, 2_020)
"""Reference CNNs: seeds of the networks without training."""

OPTIMISERS: Mapping[str, Callable[[float], optax.GradientTransformation]] = {
    "Adam": optax.adam,
    "AdamW": lambda rate: optax.adamw(rate, weight_decay=0.02),
    "RMSprop": optax.rmsprop,
    "SGD with momentum": lambda rate: optax.sgd(rate, 0.9),
}
"""Reference CNNs: optimisers by the name in a recipe, as functions of the learning rate."""


@dataclass(frozen=True)
class Recipe:
    """Recipe of a reference CNN: cross-entropy on random training images of MNIST.

    Attributes:
        seed: Seed of the initial parameters, of the choice of images and of their order.
        optimiser: A key of `OPTIMISERS`.
        rate: Learning rate, which is constant.
        augmented: Whether images are augmented as those of the shipped weights.
        change: Change that keeps the network from learning features of digits, if any.
    """

    seed: int
    optimiser: str = "Adam"
    rate: float = 1e-3
    images: int = 4_000
    epochs: int = 6
    batch: int = 64
    augmented: bool = False
    change: Literal["shuffled labels", "random convolutions", ""] = ""

    @property
    def text(self) -> str:
        """Description of the recipe in the table of the CNN's findings."""
        parts = (
            f"{self.optimiser}, rate {self.rate:g}",
            f"{self.images:,} images, {self.epochs} times, in batches of {self.batch}",
            "augmented" if self.augmented else "",
            self.change,
        )
        return ", ".join(part for part in parts if part)


RECIPES: Mapping[str, tuple[Recipe, ...]] = {
    "shuffled": tuple(
        Recipe(seed, images=images, epochs=epochs, change="shuffled labels")
        for seed, images, epochs in (
            (111, 4_000, 6),
            (112, 1_000, 40),
            (211, 4_000, 6),
            (212, 1_000, 40),
        )
    ),
    "random_convolutions": tuple(
        Recipe(seed, rate=rate, images=images, epochs=epochs, change="random convolutions")
        for seed, rate, images, epochs in (
            (121, 1e-3, 4_000, 6),
            (122, 5e-4, 6_000, 4),
            (221, 1e-3, 4_000, 6),
            (222, 1e-3, 8_000, 4),
        )
    ),
    "chance": (
        Recipe(131, rate=0.3, images=2_000, epochs=1),
        Recipe(231, rate=0.3, images=2_000, epochs=1),
    ),
    "tuning": (
        Recipe(101),
        Recipe(102, rate=2e-3, images=10_000, epochs=3, batch=128),
        Recipe(103, "SGD with momentum", 0.03, 6_000, 6, 32),
        Recipe(104, "AdamW", 1.5e-3, 10_000, 5, augmented=True),
        Recipe(105, rate=5e-4, images=8_000, epochs=4, batch=32),
    ),
    "report": (
        Recipe(201, epochs=8),
        Recipe(202, rate=3e-3, images=8_000, epochs=4, batch=128),
        Recipe(203, "SGD with momentum", 0.05, 8_000, 5, 32),
        Recipe(204, "AdamW", 1e-3, 8_000, 6, augmented=True),
        Recipe(205, "RMSprop", images=5_000, epochs=5),
    ),
}
"""Reference CNNs: recipes by part; thresholds were set before seeds from 200 on were measured."""


def reference_networks(part: str, folder: Path | None) -> Iterator[Network]:
    """Train or load the networks of one part of the table of the CNN's findings."""
    if part == "shipped":
        yield from _shipped()
    for seed in UNTRAINED_SEEDS if part == "untrained" else ():
        yield Network(f"{part}-{seed}", "no training", untrained(seed))
    if part == "chance":
        yield from _dense_layers_redrawn(folder)
    for index, recipe in enumerate(RECIPES.get(part, ()), 1):
        yield Network(f"{part}-{index}", recipe.text, _weights(recipe, folder))


def _shipped() -> Iterator[Network]:
    """Yield the shipped CNN, and its checkpoints."""
    model = load("cnn")
    yield Network("shipped", "the recipe of `scripts.train`", model.weights)
    for name, weights in model.training_checkpoints.items():
        yield Network(name, "a checkpoint of the shipped network", weights)


def _dense_layers_redrawn(folder: Path | None) -> Iterator[Network]:
    """Yield ordinary reference CNNs, with dense layers that are redrawn after their training."""
    layers = layout_of(simple_architecture()).cascade
    for part in ("tuning", "report"):
        recipe = RECIPES[part][0]
        redrawn = cascade(_weights(recipe, folder), layers, recipe.seed)["reset-dense1"]
        yield Network(f"{part}-1-redrawn", f"{recipe.text}, dense layers redrawn", redrawn)


def untrained(seed: int) -> Tensors:
    """Return the parameters of a reference CNN before training."""
    return parameter_tensors(simple_cnn(nnx.Rngs(seed)))


@cache
def _training_images() -> Digits:
    return mnist("train")


def _weights(recipe: Recipe, folder: Path | None) -> Tensors:
    return kept(folder, recipe, lambda: train(recipe, _training_images()))


def train(recipe: Recipe, training_images: Digits) -> Tensors:
    """Train a reference CNN on a random part of the training images."""
    random = np.random.default_rng(recipe.seed)
    chosen = random.choice(len(training_images.labels), recipe.images, replace=False)
    labels = training_images.labels[chosen]
    if recipe.change == "shuffled labels":
        labels = random.permutation(labels)
    trainer = ReferenceTrainer(recipe, Digits(training_images.images[chosen], labels))
    state = trainer.start()
    for epoch in range(recipe.epochs):
        state, _ = trainer.run(state, epoch)
    return trainer.network(state)


class ReferenceTrainer(CNNTrainer):
    """Training run of a reference CNN.

    Args:
        recipe: Recipe.
        train: Training images.
    """

    def __init__(self, recipe: Recipe, train: Digits) -> None:
        config = replace(
            shipped_recipe("cnn", CNNTrainConfig),
            epochs=recipe.epochs,
            batch=recipe.batch,
            validation=0,
            smoothing=0.0,
            # A moving average of a short run would have parameters of its beginning.
            average=0.0,
            seed=recipe.seed,
        )
        self._recipe = recipe
        super().__init__(config, train, train)

    @cached_property
    def optimiser(self) -> optax.GradientTransformation:
        """Optimiser of the reference CNN's recipe, which leaves random convolutions alone."""
        optimiser = OPTIMISERS[self._recipe.optimiser](self._recipe.rate)
        if self._recipe.change != "random convolutions":
            return optimiser
        return optax.chain(optimiser, optax.masked(optax.set_to_zero(), _convolutions))

    def augment(
        self, key: PRNGKeyArray, images: Images, labels: UInt8[Array, " batch"]
    ) -> tuple[Images, UInt8[Array, " batch"]]:
        """Augment the images of a reference CNN's step where its recipe says so."""
        if self._recipe.augmented:
            return super().augment(key, images, labels)
        return images, labels


def _convolutions(parameters: ParameterState) -> Any:
    """Mark the convolutions among the parameters of a reference CNN."""
    return jax.tree.map_with_path(lambda path, _: "conv" in jax.tree_util.keystr(path), parameters)


@cache
def _architecture() -> Architecture:
    """Return the architecture of the CNN whose findings are measured."""
    return read_architecture(SHIPPED / "cnn")


@cache
def _program() -> ResidentProgram:
    """Compile the program that the CNN's findings are measured with."""
    weights = untrained(0)
    (program,) = (one for one in analysis_programs(_architecture()) if one.name == "convolve")
    return ResidentProgram(program, jax.device_put(weights), (1,))


def measure(weights: Tensors) -> Mapping[str, Measurement]:
    """Measure the CNN's findings on any weights, by the name of the statement."""
    call = ProbeCall(ModelContext(_architecture(), weights), ProbeInput(), CNNFindings())
    (outputs,) = drive([run(call)], {"convolve": _program()})
    return measurements(call.with_outputs(outputs))
