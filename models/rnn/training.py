"""Training of CountingLSTM: configuration, loss, rounds on the device, evaluation and report."""

from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import accumulate
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from models.rnn.certificate import certify
from models.rnn.counting import counting_architecture
from models.rnn.evaluation import Measurement, measure, summary, tested_length
from models.rnn.network import SequenceNetwork
from models.rnn.objective import TrainedLSTM, answer_loss, bounds_penalty, context_loss
from models.rnn.training_sequences import sample
from models.runtime.checkpoints import Tensors
from models.runtime.training_loop import (
    Metrics,
    ParameterState,
    TrainingState,
    gradient_step,
    initial_state,
    parameter_tensors,
)

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


@dataclass(frozen=True)
class LSTMTrainConfig:
    """Hyperparameters of a training run of CountingLSTM.

    Attributes:
        hidden: Number of units, 1 to 64.
        stages: Curriculum, from short sequences to long ones.
        clip: Maximum norm of gradients, to which larger ones are clipped.
        penalty: Weight of the penalty on the bounds of the counter.
        context: Weight of the error of the context decoded from the hidden state.
        seed: Seed of initial parameters and sequences.
    """

    hidden: int
    stages: tuple[Stage, ...]
    clip: float
    penalty: float
    context: float
    seed: int


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
        """Return the objective of LSTM training on sequences drawn by a key, and the error rate."""
        bits = sample(key, batch, length)
        trained = nnx.merge(self._network, parameters)
        lengths = jnp.full((batch,), length, jnp.int32)
        trace, _ = trained.lstm.trace(bits, lengths, trained.lstm.initial_state(batch))
        loss, wrong = answer_loss(trace["logits"], bits)
        loss += self.config.penalty * bounds_penalty(trained.lstm)
        loss += self.config.context * context_loss(trained.context(trace["hidden"]), bits)
        return loss, wrong

    def network(self, state: TrainingState) -> Tensors:
        """Return the parameters of CountingLSTM at a point of its training."""
        return parameter_tensors(self._lstm(state))

    def _lstm(self, state: TrainingState) -> SequenceNetwork:
        """Return the LSTM in training, without the readout of its context."""
        return nnx.merge(self._network, state.parameters).lstm

    def finish(self, state: TrainingState) -> tuple[Tensors, dict[str, Any], dict[str, Any]]:
        """Finish LSTM training: evaluate and certify the network."""
        tensors = self.network(state)
        measured = measure(self._lstm(state), self.measurement)
        described = {
            "model": "lstm",
            "architecture": {"hidden": self.config.hidden},
            "seed": self.config.seed,
            "data": "sequences drawn during training: coins, walks that come back, Markov chains, "
            "repeated words, runs, late majorities, and mixtures of these",
            "metrics": summary(measured),
            "tested_length": tested_length(measured),
            "certified_length": certify(counting_architecture(self.config.hidden), tensors).length,
        }
        report = {
            "recipe": asdict(self.config),
            "measurement": asdict(self.measurement),
            **measured,
        }
        return tensors, described, report


def learning_rate(stages: tuple[Stage, ...]) -> optax.Schedule:
    """Return the learning rate schedule of LSTM training: one cosine decay per stage."""
    steps = [stage.rounds * ROUND for stage in stages]
    rates = [
        optax.cosine_decay_schedule(stage.learning_rate, count, alpha=0.05)
        for stage, count in zip(stages, steps, strict=True)
    ]
    return optax.join_schedules(rates, list(accumulate(steps))[:-1])


def _initial(config: LSTMTrainConfig) -> TrainedLSTM:
    """Return the LSTM before training, with chrono initialisation of its forget gates.

    References:
        Tallec & Ollivier (2018), Can recurrent neural networks warp time?, section 2.
    """
    rngs = nnx.Rngs(config.seed)
    model = TrainedLSTM(counting_architecture(config.hidden), rngs)
    # Forget biases log U(1, T - 1): time constants up to T, the sequences of the first stage.
    span = config.stages[0].length - 1.0
    spread = jnp.log(jax.random.uniform(rngs(), (config.hidden,), minval=1.0, maxval=span))
    forget = slice(config.hidden, 2 * config.hidden)
    bias: Any = model.lstm.layer("cell").dense_h.bias
    bias[...] = bias[...].at[forget].set(spread)
    return model
