"""How CountingLSTM is trained and measured: recipe, loss, rounds on the device, report."""

from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import accumulate
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from models.rnn import sequences
from models.rnn.network import CountingLSTM
from models.runtime.checkpoints import Tensors
from models.runtime.training_loop import (
    Metrics,
    ParameterState,
    TrainingState,
    begin,
    descend,
    parameter_tensors,
)

TEST_LENGTH = 1024  # where accuracy on random sequences is stated
ROUND = 100  # steps between two lines of metrics
MILESTONES = (0, 1, 5, 15, 60)  # rounds after which the network is kept, to be looked at later


class Stage(NamedTuple):
    """Part of a run with sequences of one length.

    Attributes:
        length: Bits in each sequence.
        batch: Sequences in each step.
        rounds: How many rounds of 100 steps.
        learning_rate: At the start of the stage; it falls along a cosine to a twentieth.
    """

    length: int
    batch: int
    rounds: int
    learning_rate: float


STAGES = (
    Stage(32, 128, 15, 0.02),
    Stage(64, 128, 15, 0.02),
    Stage(128, 128, 15, 0.02),
    Stage(256, 128, 15, 0.02),
    Stage(512, 128, 10, 0.01),
    Stage(1024, 128, 8, 0.006),
    Stage(2048, 64, 8, 0.004),
    Stage(4096, 32, 10, 0.003),
)


@dataclass(frozen=True)
class LSTMTrainConfig:
    """What a run depends on.

    Attributes:
        hidden: How many units, 1 to 64.
        stages: One after the other, from short sequences to long ones.
        clip: The largest norm that a gradient may have.
        seed: Of the initial parameters and the sequences. Networks from 1 err less at 4,096 bits
            than those from 0.
    """

    hidden: int = 8
    stages: tuple[Stage, ...] = STAGES
    clip: float = 1.0
    seed: int = 1


@dataclass(frozen=True)
class Measurement:
    """How thoroughly a trained network is tested.

    Attributes:
        longest: All sequences up to this length are tried.
        hard_lengths: Where hard sequences are tried, `hard` of each kind.
        hard: How many of each kind.
        curve: At these lengths random and hard sequences are tried, `points` of each kind.
        points: How many of each kind.
        seed: Of the sequences; training never draws from it.
    """

    longest: int = 20
    hard_lengths: tuple[int, ...] = (50, 100, 200)
    hard: int = 20_000
    curve: tuple[int, ...] = (32, 64, 128, 256, 512, 1024, 2048, 4096)
    points: int = 2_000
    seed: int = 20_261_122


BRIEF = Measurement(longest=10, hard=200, curve=(32, 64, 128), points=100)


class LSTMTrainer:
    """A training run; one round is 100 steps.

    Args:
        recipe: What the run depends on.
        measurement: How the result is tested.
    """

    def __init__(self, recipe: LSTMTrainConfig, measurement: Measurement) -> None:
        self.recipe = recipe
        self.measurement = measurement
        self._plan = [stage for stage in recipe.stages for _ in range(stage.rounds)]
        self.rounds = len(self._plan)
        self.milestones = tuple(number for number in MILESTONES if number < self.rounds)
        self._network, self._initial = nnx.split(_initial(recipe))

    @cached_property
    def optimiser(self) -> optax.GradientTransformation:
        """Adam on clipped gradients; its rate starts anew with each stage."""
        # Errors get rare as gates saturate: a short memory for their size and a tiny floor keep
        # the few gradients that are left from being scaled away.
        adam = optax.adam(learning_rate(self.recipe.stages), b2=0.99, eps=1e-10)
        return optax.chain(optax.clip_by_global_norm(self.recipe.clip), adam)

    def start(self) -> TrainingState:
        """Return the state before the first round."""
        return begin(jax.tree.map(jnp.copy, self._initial), self.optimiser)

    def run(self, state: TrainingState, number: int) -> tuple[TrainingState, Metrics]:
        """Do one round; the metrics are means over it."""
        stage = self._plan[number]
        state, loss, wrong = self._round(state, stage.length, stage.batch)
        metrics: Metrics = {
            "length": stage.length,
            "loss": float(loss),
            "prefix_errors": float(wrong),
        }
        return state, metrics

    @partial(jax.jit, static_argnums=(0, 2, 3), donate_argnums=1)
    def _round(
        self, state: TrainingState, length: int, batch: int
    ) -> tuple[TrainingState, Float[Array, ""], Float[Array, ""]]:
        """Take 100 steps, each on sequences that follow from its number."""

        def step(
            before: TrainingState, _: None
        ) -> tuple[TrainingState, tuple[Float[Array, ""], Float[Array, ""]]]:
            key = jax.random.fold_in(jax.random.key(self.recipe.seed), before.step)
            after, loss, wrong = descend(
                before,
                lambda parameters: self._loss(parameters, key, length, batch),
                self.optimiser,
                keep=0.0,  # an average would mix gates of different saturation
            )
            return after, (loss, wrong)

        state, (loss, wrong) = jax.lax.scan(step, state, length=ROUND)
        return state, loss.mean(), wrong.mean()

    def _loss(
        self, parameters: ParameterState, key: PRNGKeyArray, length: int, batch: int
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Return the cross-entropy of the running answers, and how many are wrong.

        Half of the weight of a sequence lies on the steps that one bit decides, however few they
        are: a count that drifts on the way out shows only when the sequence comes back.
        """
        bits = sequences.sample(key, batch, length)
        logits = sequences.running_logits(nnx.merge(self._network, parameters), bits)
        margin = sequences.margins(bits)
        answers = (margin > 0).astype(jnp.int32)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, answers)
        close = ((margin == 0) | (margin == 1)).astype(jnp.float32)
        close = close / jnp.maximum(close.sum(axis=1, keepdims=True), 1.0)
        weights = 1.0 / length + close
        wrong = logits.argmax(axis=-1) != answers
        return (weights * losses).sum() / weights.sum(), wrong.mean()

    def network(self, state: TrainingState) -> Tensors:
        """Return the parameters."""
        return parameter_tensors(nnx.merge(self._network, state.parameters))

    def finish(self, state: TrainingState) -> tuple[Tensors, dict[str, Any], dict[str, Any]]:
        """Measure the network on sequences that training did not draw."""
        model = nnx.merge(self._network, state.parameters)
        measured = measure(model, self.measurement)
        described = {
            "model": "lstm",
            "architecture": {"hidden": self.recipe.hidden},
            "seed": self.recipe.seed,
            "data": "sequences drawn during training: coin tosses, and walks that come back",
            "metrics": summary(measured),
            "tested_length": reliable_length(measured),
        }
        return (
            parameter_tensors(model),
            described,
            {
                "recipe": asdict(self.recipe),
                "measurement": asdict(self.measurement),
                **measured,
            },
        )


def learning_rate(stages: tuple[Stage, ...]) -> optax.Schedule:
    """Return the learning rate of each step, which starts anew with each stage."""
    steps = [stage.rounds * ROUND for stage in stages]
    rates = [
        optax.cosine_decay_schedule(stage.learning_rate, count, alpha=0.05)
        for stage, count in zip(stages, steps, strict=True)
    ]
    return optax.join_schedules(rates, list(accumulate(steps))[:-1])


def _initial(recipe: LSTMTrainConfig) -> CountingLSTM:
    """Return a network whose forget gates start open to different degrees.

    References:
        Tallec & Ollivier (2018), Can recurrent neural networks warp time?, section 2.
    """
    rngs = nnx.Rngs(recipe.seed)
    model = CountingLSTM(recipe.hidden, rngs)
    span = recipe.stages[0].length - 1.0
    spread = jnp.log(jax.random.uniform(rngs(), (recipe.hidden,), minval=1.0, maxval=span))
    forget = slice(recipe.hidden, 2 * recipe.hidden)
    bias: Any = model.cell.dense_h.bias
    bias[...] = bias[...].at[forget].set(spread)
    return model


def measure(model: CountingLSTM, measurement: Measurement) -> dict[str, Any]:
    """Count a network's errors on all short sequences, and on random and hard longer ones."""
    generator = np.random.default_rng(measurement.seed)

    def hard(length: int, number: int) -> dict[str, int]:
        kinds = {"shuffled": False, "runs": True}
        drawn = {
            kind: sequences.hard_sequences(generator, number, length, runs=runs)
            for kind, runs in kinds.items()
        }
        return {kind: sequences.errors(model, bits) for kind, bits in drawn.items()}

    points = measurement.points
    return {
        "exhaustive": {"errors_by_length": sequences.exhaustive_errors(model, measurement.longest)},
        "hard": [
            {"length": length, "sequences_each": measurement.hard, **hard(length, measurement.hard)}
            for length in measurement.hard_lengths
        ],
        "curve": [
            {
                "length": length,
                "sequences_each": points,
                "random": sequences.errors(
                    model, sequences.random_sequences(generator, points, length)
                ),
                **hard(length, points),
            }
            for length in measurement.curve
        ],
    }


def summary(measured: dict[str, Any]) -> dict[str, Any]:
    """Pick the numbers that travel with the weights."""
    by_length = measured["exhaustive"]["errors_by_length"]
    longest = measured["curve"][-1]
    test = next((point for point in measured["curve"] if point["length"] == TEST_LENGTH), longest)
    return {
        "exhaustive_length": len(by_length),
        "exhaustive_errors": sum(by_length),
        "test_length": test["length"],
        "test_accuracy": 1.0 - test["random"] / test["sequences_each"],
    }


def reliable_length(measured: dict[str, Any]) -> int:
    """Return the longest length up to which no tested sequence, random or hard, was an error."""
    reliable = 0
    for errors in measured["exhaustive"]["errors_by_length"]:
        if errors:
            return reliable
        reliable += 1
    for point in sorted(measured["hard"] + measured["curve"], key=lambda point: point["length"]):
        if point.get("random", 0) + point["shuffled"] + point["runs"]:
            return reliable
        reliable = max(reliable, point["length"])
    return reliable
