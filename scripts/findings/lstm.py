"""Reference networks of the LSTM's findings: their training, and their measurement."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from models.registry import load
from models.rnn.counting import counting_architecture
from models.rnn.evaluation import running_logits
from models.rnn.network import SequenceNetwork
from models.rnn.training_sequences import margins
from models.runtime.checkpoints import Tensors
from models.runtime.training_loop import parameter_tensors
from probes.rnn.findings import measure as measure_network
from probes.rnn.interchange import HostLSTM
from probes.shared.statements import Measurement
from scripts.findings.networks import Network, kept

BATCH = 64
"""Sequences of each step of the training of a reference LSTM."""

CHRONO_SPAN = 31.0
"""Longest time constant of chrono initialisation, in steps."""

PARTS: Mapping[str, str] = {
    "shipped": "the weights of this repository, and their checkpoints",
    "untrained": "initial parameters of 20 seeds, without and with chrono initialisation",
    "shuffled": "labels of other sequences",
    "chance": "10 steps of training, after which answers are at chance",
    "interrupted": "10 to 100 steps of training, after which answers are above chance",
    "gates_only": "a constant candidate, so that gates alone can count",
    "tuning": "ordinary networks in view when measures and thresholds were fixed",
    "report": "ordinary networks that were measured afterwards",
}
"""Parts of the table of the LSTM's findings, each with a description."""


@dataclass(frozen=True)
class Recipe:
    """Recipe of a reference LSTM: plain Adam on the cross-entropy of sequences of one length.

    Attributes:
        seed: Seed of the initial parameters and of the sequences.
        hidden: Number of units.
        kind: `coins`, fair and independent bits, or `balanced`: shuffled, with margin 0 or 2.
        length: Bits of each sequence.
        steps: Steps of training, each on 64 sequences.
        rate: Learning rate of Adam.
        loss: Whether the loss is that of the answers after each step, or after the last.
        forget_bias: Initial bias of the forget gates; None for chrono initialisation.
        shuffled: Whether sequences have the labels of others, so that nothing can be learned.
        constant_candidate: Whether the candidate is a constant, which training leaves as it is.
    """

    seed: int
    hidden: int = 8
    kind: Literal["coins", "balanced"] = "coins"
    length: int = 32
    steps: int = 2000
    rate: float = 0.01
    loss: Literal["each", "last"] = "each"
    forget_bias: float | None = 0.0
    shuffled: bool = False
    constant_candidate: bool = False

    @property
    def text(self) -> str:
        """Description of the recipe in the table of the LSTM's findings."""
        bias = f", forget bias {self.forget_bias:g}" if self.forget_bias else ""
        begun = (
            f"{self.hidden} units{', chrono forget biases' if self.forget_bias is None else bias}"
        )
        if not self.steps:
            return begun
        return (
            f"{begun}, {self.kind} of {self.length}, loss at {self.loss} step, "
            f"Adam {self.rate:g}, {self.steps:,} steps"
        )


TUNING = (
    Recipe(101),
    Recipe(102, hidden=4, steps=3000, forget_bias=1.0),
    Recipe(103, hidden=16, kind="balanced"),
    Recipe(104, hidden=12, length=24, steps=3000, loss="last"),
    Recipe(105, hidden=6, kind="balanced", rate=0.02, forget_bias=1.0),
)
"""Networks on which the measures and thresholds of the LSTM's findings were fixed."""

REPORT = (
    Recipe(201, rate=0.003),
    Recipe(202, hidden=4, kind="balanced", length=64, steps=1500),
    Recipe(203, hidden=16, length=48, steps=3000, rate=0.003, loss="last"),
    Recipe(204, hidden=6, steps=800),
    Recipe(205, hidden=12, kind="balanced", steps=1500, rate=0.005, forget_bias=1.0),
)
"""Networks that the LSTM's findings were measured on after the thresholds were fixed."""

RECIPES: Mapping[str, tuple[Recipe, ...]] = {
    "untrained": tuple(
        Recipe(seed, steps=0, forget_bias=bias) for bias in (0.0, None) for seed in range(20)
    ),
    "shuffled": (
        Recipe(301, shuffled=True),
        Recipe(302, hidden=16, kind="balanced", loss="last", shuffled=True),
        Recipe(303, forget_bias=None, shuffled=True),
    ),
    "chance": (Recipe(401, steps=10), Recipe(403, hidden=16, kind="balanced", steps=10)),
    "interrupted": (
        Recipe(402, forget_bias=None, steps=10),
        Recipe(404, hidden=4, steps=40),
        Recipe(405, length=64, loss="last", steps=100),
    ),
    "gates_only": (
        Recipe(501, constant_candidate=True),
        Recipe(502, hidden=12, kind="balanced", constant_candidate=True),
    ),
    "tuning": TUNING,
    "report": REPORT,
}
"""Recipes of the parts of the LSTM's findings that are trained."""


def reference_networks(part: str, folder: Path | None) -> Iterator[Network]:
    """Train or load the networks of a part of the LSTM's findings, one after the other."""
    if part == "shipped":
        yield from _shipped()
        return
    for number, recipe in enumerate(RECIPES[part], 1):
        weights = kept(folder, recipe, partial(train, recipe))
        yield Network(f"{part}-{number}", recipe.text, weights)


def _shipped() -> Iterator[Network]:
    """Yield the shipped LSTM and its checkpoints, on which findings are measured too."""
    model = load("lstm")
    yield Network("shipped", "the recipe of this repository", model.weights)
    for name, weights in model.training_checkpoints.items():
        yield Network(name, f"`?checkpoint={name}`", weights)


def measure(weights: Tensors) -> Mapping[str, Measurement]:
    """Measure all LSTM findings on a network, by the name of the statement."""
    return measure_network(HostLSTM.of(weights))


def train(recipe: Recipe) -> Tensors:
    """Train a reference LSTM by its recipe, and return its parameters."""
    network, parameters = nnx.split(_initial(recipe))
    trained = _train(recipe, network, parameters, jax.random.key(recipe.seed))
    return parameter_tensors(nnx.merge(network, trained))


def _initial(recipe: Recipe) -> SequenceNetwork:
    """Return a reference LSTM before training: Flax's initial parameters, and forget biases."""
    rngs = nnx.Rngs(recipe.seed)
    model = SequenceNetwork(counting_architecture(recipe.hidden), rngs)
    if recipe.forget_bias is None:
        drawn = jax.random.uniform(rngs(), (recipe.hidden,), minval=1.0, maxval=CHRONO_SPAN)
        forget = jnp.log(drawn)
    else:
        forget = jnp.full(recipe.hidden, recipe.forget_bias)
    bias: Any = model.layer("cell").dense_h.bias
    bias[...] = bias[...].at[recipe.hidden : 2 * recipe.hidden].set(forget)
    return model


@partial(jax.jit, static_argnums=(0, 1))
def _train(
    recipe: Recipe, network: nnx.GraphDef[SequenceNetwork], parameters: Any, key: PRNGKeyArray
) -> Any:
    """Run all steps of a reference LSTM's training."""
    adam = optax.adam(recipe.rate)

    def step(before: tuple[Any, Any], number: Int[Array, ""]) -> tuple[tuple[Any, Any], None]:
        parameters, state = before
        gradient = jax.grad(partial(_loss, recipe, network, jax.random.fold_in(key, number)))
        gradients = gradient(parameters)
        # Optax raises floats to integer powers, which strict promotion does not allow.
        with jax.numpy_dtype_promotion("standard"):
            updates, state = adam.update(gradients, state, parameters)
        return (_held(recipe, optax.apply_updates(parameters, updates)), state), None

    begun = (_held(recipe, parameters), adam.init(parameters))
    (parameters, _), _ = jax.lax.scan(step, begun, jnp.arange(recipe.steps))
    return parameters


def _loss(
    recipe: Recipe, network: nnx.GraphDef[SequenceNetwork], key: PRNGKeyArray, parameters: Any
) -> Float[Array, ""]:
    """Return the loss of a reference LSTM on the sequences of one step."""
    drawn, permuted = jax.random.split(key)
    bits = _sequences(recipe, drawn)
    labels = (margins(bits) > 0).astype(jnp.int32)
    if recipe.shuffled:
        labels = jax.random.permutation(permuted, labels, axis=0)
    logits = running_logits(nnx.merge(network, parameters), bits.astype(jnp.int32))
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return jnp.mean(losses if recipe.loss == "each" else losses[:, -1])


def _sequences(recipe: Recipe, key: PRNGKeyArray) -> Bool[Array, "batch time"]:
    """Draw the sequences of one step of a reference LSTM's training."""
    shape = (BATCH, recipe.length)
    if recipe.kind == "coins":
        return jax.random.bernoulli(key, 0.5, shape)
    ones = recipe.length // 2 + jnp.arange(BATCH) % 2
    bits = jnp.arange(recipe.length)[None] < ones[:, None]
    return jnp.asarray(jax.random.permutation(key, bits, axis=1, independent=True))


def _held(recipe: Recipe, parameters: Any) -> Any:
    """Return a reference LSTM's parameters, with a candidate of ±tanh 1 where it is constant."""
    if not recipe.constant_candidate:
        return parameters
    candidate = slice(2 * recipe.hidden, 3 * recipe.hidden)
    signs = jnp.where(jnp.arange(recipe.hidden) % 2 == 0, 1.0, -1.0)

    def hold(path: Any, values: Array) -> Array:
        name = jax.tree_util.keystr(path)
        if "cell" not in name:
            return values
        return jnp.asarray(values.at[..., candidate].set(signs if "bias" in name else 0.0))

    return jax.tree_util.tree_map_with_path(hold, parameters)
