"""Training of CountingLSTM: configuration, loss, rounds on the device, evaluation and report."""

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
    gradient_step,
    initial_state,
    parameter_tensors,
)

TEST_LENGTH = 1024  # bits of the random sequences whose accuracy is reported
ROUND = 100  # steps per round, after each of which metrics are reported
CHECKPOINT_ROUNDS = (
    0,
    1,
    5,
    15,
    60,
)  # rounds after which the parameters are kept


class Stage(NamedTuple):
    """Stage of the curriculum of LSTM training, with sequences of one length.

    Attributes:
        length: Bits in each sequence.
        batch: Sequences in each step.
        rounds: Number of rounds of 100 steps.
        learning_rate: Initial rate of the stage; a cosine decay ends at a twentieth.
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
    # Fewer sequences a step from here on: it has 131,072 bits, as at length 1,024.
    Stage(2048, 64, 8, 0.004),
    Stage(4096, 32, 10, 0.003),
)


@dataclass(frozen=True)
class LSTMTrainConfig:
    """Hyperparameters of a training run of CountingLSTM.

    Attributes:
        hidden: Number of units, 1 to 64.
        stages: Curriculum, from short sequences to long ones.
        clip: Maximum norm of gradients, to which larger ones are clipped.
        seed: Seed of initial parameters and sequences. Networks of seed 1 make fewer errors at
            4,096 bits than those of seed 0.
    """

    hidden: int = 8
    stages: tuple[Stage, ...] = STAGES
    clip: float = 1.0
    seed: int = 1


@dataclass(frozen=True)
class Measurement:
    """Scope of the evaluation of CountingLSTM after training.

    Attributes:
        longest: Length up to which all sequences are evaluated.
        hard_lengths: Lengths of hard sequences, `hard` of each kind.
        hard: Number of hard sequences of each kind and length.
        curve: Lengths at which random and hard sequences are evaluated.
        points: Number of sequences of each kind at each length of the curve.
        seed: Seed of the sequences, which training does not use.
    """

    longest: int = 20
    hard_lengths: tuple[int, ...] = (50, 100, 200)
    hard: int = 20_000
    curve: tuple[int, ...] = (32, 64, 128, 256, 512, 1024, 2048, 4096)
    points: int = 2_000
    seed: int = 20_261_122


BRIEF_MEASUREMENT = Measurement(longest=10, hard=200, curve=(32, 64, 128), points=100)


class LSTMTrainer:
    """Training run of CountingLSTM, with rounds of 100 steps.

    Args:
        config: Hyperparameters.
        measurement: Scope of the evaluation.
    """

    def __init__(self, config: LSTMTrainConfig, measurement: Measurement) -> None:
        self.config = config
        self.measurement = measurement
        self._plan = [stage for stage in config.stages for _ in range(stage.rounds)]
        self.rounds = len(self._plan)
        self.checkpoint_rounds = tuple(
            number for number in CHECKPOINT_ROUNDS if number < self.rounds
        )
        self._network, self._initial = nnx.split(_initial(config))

    @cached_property
    def optimiser(self) -> optax.GradientTransformation:
        """Optimiser of LSTM training: Adam on clipped gradients, its rate reset at each stage."""
        # Errors become rare as gates saturate: a small b2 and eps keep Adam from scaling the few
        # remaining gradients down to nothing.
        adam = optax.adam(learning_rate(self.config.stages), b2=0.99, eps=1e-10)
        return optax.chain(optax.clip_by_global_norm(self.config.clip), adam)

    def start(self) -> TrainingState:
        """Return the training state of CountingLSTM before the first round."""
        # A copy: rounds donate the buffers of the state, and a run may start again.
        return initial_state(jax.tree.map(jnp.copy, self._initial), self.optimiser)

    def run(self, state: TrainingState, number: int) -> tuple[TrainingState, Metrics]:
        """Train CountingLSTM for one round; the metrics are means over its steps."""
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
        """Run 100 steps of LSTM training; sequences follow from seed and step number."""

        def step(
            before: TrainingState, _: None
        ) -> tuple[TrainingState, tuple[Float[Array, ""], Float[Array, ""]]]:
            key = jax.random.fold_in(jax.random.key(self.config.seed), before.step)
            after, loss, wrong = gradient_step(
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
        """Return LSTM training loss, a cross-entropy of the logits at every step, and error rate.

        Half of the weight of a sequence is on the steps whose label one bit decides, however few
        they are, because errors of a drifting count show only there.
        """
        bits = sequences.sample(key, batch, length)
        logits = sequences.running_logits(nnx.merge(self._network, parameters), bits)
        margin = sequences.margins(bits)
        answers = (margin > 0).astype(jnp.int32)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, answers)
        # A margin of 0 or 1 is next to the decision boundary between "no" and "yes".
        close = ((margin == 0) | (margin == 1)).astype(jnp.float32)
        close = close / jnp.maximum(close.sum(axis=1, keepdims=True), 1.0)
        weights = 1.0 / length + close
        wrong = logits.argmax(axis=-1) != answers
        return (weights * losses).sum() / weights.sum(), wrong.mean()

    def network(self, state: TrainingState) -> Tensors:
        """Return the parameters of CountingLSTM at a point of its training."""
        return parameter_tensors(nnx.merge(self._network, state.parameters))

    def finish(self, state: TrainingState) -> tuple[Tensors, dict[str, Any], dict[str, Any]]:
        """Finish LSTM training: evaluate the network on sequences that training did not draw."""
        model = nnx.merge(self._network, state.parameters)
        measured = measure(model, self.measurement)
        described = {
            "model": "lstm",
            "architecture": {"hidden": self.config.hidden},
            "seed": self.config.seed,
            "data": "sequences drawn during training: coin tosses, and walks that come back",
            "metrics": summary(measured),
            "tested_length": reliable_length(measured),
        }
        return (
            parameter_tensors(model),
            described,
            {
                "recipe": asdict(self.config),
                "measurement": asdict(self.measurement),
                **measured,
            },
        )


def learning_rate(stages: tuple[Stage, ...]) -> optax.Schedule:
    """Return the learning rate schedule of LSTM training: one cosine decay per stage."""
    steps = [stage.rounds * ROUND for stage in stages]
    rates = [
        optax.cosine_decay_schedule(stage.learning_rate, count, alpha=0.05)
        for stage, count in zip(stages, steps, strict=True)
    ]
    return optax.join_schedules(rates, list(accumulate(steps))[:-1])


def _initial(config: LSTMTrainConfig) -> CountingLSTM:
    """Return CountingLSTM before training, with chrono initialisation of its forget gates.

    References:
        Tallec & Ollivier (2018), Can recurrent neural networks warp time?, section 2.
    """
    rngs = nnx.Rngs(config.seed)
    model = CountingLSTM(config.hidden, rngs)
    # Forget biases log U(1, T - 1): time constants up to T, the sequences of the first stage.
    span = config.stages[0].length - 1.0
    spread = jnp.log(jax.random.uniform(rngs(), (config.hidden,), minval=1.0, maxval=span))
    forget = slice(config.hidden, 2 * config.hidden)
    bias: Any = model.cell.dense_h.bias
    bias[...] = bias[...].at[forget].set(spread)
    return model


def measure(model: CountingLSTM, measurement: Measurement) -> dict[str, Any]:
    """Count errors of a trained CountingLSTM: all short sequences, random and hard long ones."""
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
    """Return the metrics of LSTM training for the metadata of the weights."""
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
    """Return the length up to which a trained CountingLSTM misclassified no evaluated sequence."""
    reliable = 0
    for errors in measured["exhaustive"]["errors_by_length"]:
        if errors:
            return reliable
        reliable += 1
    for point in sorted(measured["hard"] + measured["curve"], key=lambda point: point["length"]):
        # Only points of the curve have random sequences.
        if point.get("random", 0) + point["shuffled"] + point["runs"]:
            return reliable
        reliable = max(reliable, point["length"])
    return reliable
