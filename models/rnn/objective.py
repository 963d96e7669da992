"""Training objective of the LSTM: right answers at every step, bounds of a counter, context.

The objective has three terms. Cross-entropy after every bit makes the answers right on the training
sequences. A penalty on the bounds of `models.rnn.certificate` makes them right on all others: it is
zero where one unit counts exactly and all others together contribute too little to the logits to
change the answer. Both are met by one unit; for the context term the others encode the latest bits
and the length of the last run.
"""

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Bool, Float

from models.architecture import Architecture
from models.rnn.cells import values_of
from models.rnn.network import SequenceNetwork
from models.rnn.training_sequences import margins

COUNTER = 0
"""Unit that the penalty of the training objective turns into a counter of ones minus zeros."""

SIGMOID_TARGET, TANH_TARGET = 18.0, 9.75
"""Weighted sums of the counter's gates and candidate at which the objective's penalty ends.

Beyond 17.5 and 9.25 they are exactly 1 in float32.
"""

OUTPUT_TARGET = 4.0
"""Weighted sum of the counter's output gate at which the objective's penalty ends: 0.98 open."""

LOGIT_TARGET = 1.0
"""Logit difference, at margins 0 and 1, at which the objective's penalty ends."""

SMOOTHING = 0.01
"""Label smoothing of the objective's cross-entropy, without which logits grow without limit."""

LONGEST_RUN = 8
"""Longest run of equal bits that the objective's context distinguishes."""

RUN_WEIGHT = 10.0
"""Weight of the squared error of the run's length, relative to the cross-entropy of each bit."""


class TrainedLSTM(nnx.Module):
    """CountingLSTM with the readout of the objective's context, which is dropped after training.

    Args:
        architecture: Architecture of one LSTM layer and a readout.
        rngs: Random streams of the initial parameters.
    """

    def __init__(self, architecture: Architecture, rngs: nnx.Rngs) -> None:
        self.lstm = SequenceNetwork(architecture, rngs)
        (units,) = architecture.recurrent[0].shape
        self.context = nnx.Linear(units, 3, rngs=rngs)  # the run's length, the last two bits


def answer_loss(
    logits: Float[Array, "batch time 2"], bits: Bool[Array, "batch time"]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return the training objective's cross-entropy after every bit, and the share of errors.

    Half of the weight of a sequence is on the steps whose label one bit decides, however few they
    are, because errors of a drifting count show only there.
    """
    margin = margins(bits)
    answers = (margin > 0).astype(jnp.int32)
    targets = optax.smooth_labels(jax.nn.one_hot(answers, logits.shape[-1]), SMOOTHING)
    losses = optax.softmax_cross_entropy(logits, targets)
    # A margin of 0 or 1 is next to the decision boundary between "no" and "yes".
    close = ((margin == 0) | (margin == 1)).astype(jnp.float32)
    close = close / jnp.maximum(close.sum(axis=1, keepdims=True), 1.0)
    weights = 1.0 / bits.shape[1] + close
    wrong = logits.argmax(axis=-1) != answers
    return (weights * losses).sum() / weights.sum(), wrong.mean()


def context_loss(
    decoded: Float[Array, "batch time 3"], bits: Bool[Array, "batch time"]
) -> Float[Array, ""]:
    """Return the training objective's error of the context decoded from the hidden state.

    Args:
        decoded: Length of the last run of equal bits as a share of `LONGEST_RUN`, then the logits
            of the bit before and of the one before that.
        bits: Input sequences.
    """
    before = bits.astype(jnp.float32)
    losses = [
        optax.sigmoid_binary_cross_entropy(decoded[:, ago:, ago], before[:, :-ago]).mean()
        for ago in (1, 2)
    ]
    step = jnp.arange(bits.shape[1])[None]
    changed = jnp.concatenate([jnp.ones_like(bits[:, :1]), bits[:, 1:] != bits[:, :-1]], axis=1)
    start = jax.lax.cummax(jnp.where(changed, step, 0), axis=1)
    run = jnp.minimum(step - start + 1, LONGEST_RUN).astype(jnp.float32) / LONGEST_RUN
    squared = ((decoded[..., 0] - run) ** 2).mean()
    return jnp.asarray(losses[0] + losses[1] + RUN_WEIGHT * squared)


def bounds_penalty(model: SequenceNetwork) -> Float[Array, ""]:
    """Return the training objective's penalty on the bounds of the counter, over all sequences.

    Each weighted sum of the counter is bounded over hidden states in [-1, 1]; the penalty is by how
    much the worst falls short of its target. So is the logit difference at margins 0 and 1, with
    all other units against the answer.
    """
    cell, last = model.layer("cell"), model.layer("readout")
    kernel, bias = cell.dense_h.kernel[...], values_of(cell.dense_h.bias)
    centre = jnp.stack([bias, bias + cell.dense_i.kernel[...][0]])
    reach = jnp.abs(kernel).sum(axis=0)[None]
    i, f, g, o = jnp.split(centre - reach, 4, axis=-1)
    _, _, highest_g, highest_o = jnp.split(centre + reach, 4, axis=-1)
    others = (jnp.arange(len(kernel)) != COUNTER).astype(jnp.float32)
    readout = last.kernel[...][:, 1] - last.kernel[...][:, 0]
    no, yes = values_of(last.bias)
    offset = yes - no
    share = (others * jnp.abs(readout) * nnx.sigmoid(highest_o).max(axis=0)).sum()
    one = readout[COUNTER] * nnx.sigmoid(o[:, COUNTER]).min() * jnp.tanh(1.0)
    short = [
        SIGMOID_TARGET - i[:, COUNTER],
        SIGMOID_TARGET - f[:, COUNTER],
        TANH_TARGET - jnp.stack([-highest_g[0, COUNTER], g[1, COUNTER]]),
        OUTPUT_TARGET - o[:, COUNTER],
        LOGIT_TARGET - jnp.stack([one + offset - share, -offset - share]),
    ]
    return jnp.stack([nnx.relu(each).sum() for each in short]).sum()
