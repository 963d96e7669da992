"""Bit sequences of the counting task (random, hard, exhaustive), and an LSTM's errors on them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from models.rnn.network import CountingLSTM

Bits = Bool[np.ndarray, "batch time"]

_BATCH_STEPS = 2_000_000  # steps of a batch of sequences


def sample(key: PRNGKeyArray, batch: int, length: int) -> Bool[Array, "batch time"]:
    """Draw training sequences of bits: a quarter are coin tosses, others return to an even count.

    Coins are fair or biased. A returning sequence consists of pairs of blocks, of which the second
    is the mirror image of the first with every bit inverted, so that 1s and 0s are equally many
    after each pair. Block length and bias are random; many blocks are runs of one bit.
    """
    tossing, blocks, turning = jax.random.split(key, 3)
    coins = _coins(tossing, batch, length)
    # Log-uniform: short and long blocks are equally frequent on a logarithmic scale.
    size = jnp.exp(jax.random.uniform(blocks, (batch, 1), maxval=jnp.log(length / 2)))
    returning = _there_and_back(turning, size.astype(jnp.int32), length)
    return jnp.where((jnp.arange(batch) < batch // 4)[:, None], coins, returning)


def _coins(key: PRNGKeyArray, batch: int, length: int) -> Bool[Array, "batch time"]:
    """Draw bit sequences by tossing one coin for each; half of the coins are fair."""
    fair, bias, toss = jax.random.split(key, 3)
    drawn = jax.random.uniform(bias, (batch, 1))
    chance = jnp.where(jax.random.bernoulli(fair, 0.5, (batch, 1)), 0.5, drawn)
    return jax.random.uniform(toss, (batch, length)) < chance


def _there_and_back(
    key: PRNGKeyArray, size: Int[Array, "batch 1"], length: int
) -> Bool[Array, "batch time"]:
    """Draw bit sequences of blocks of a given size, each followed by its inverted mirror image."""
    biases, toss = jax.random.split(key)
    shape = (len(size), length)
    time = jnp.arange(length, dtype=jnp.int32)[None]
    block = time // size
    # Beyond 0 and 1, so that three blocks in eight are runs of one bit.
    bias = jax.random.uniform(biases, shape, minval=-0.3, maxval=1.3)
    bits = jax.random.uniform(toss, shape) < jnp.take_along_axis(bias, block, axis=1)
    back = block % 2 == 1
    source = jnp.where(back, 2 * block * size - 1 - time, time)
    return jnp.take_along_axis(bits, source, axis=1) ^ back


def margins(bits: Bool[Array, "batch time"]) -> Int[Array, "batch time"]:
    """Count 1s minus 0s in bit sequences up to and including each step."""
    return jnp.cumsum(2 * bits.astype(jnp.int32) - 1, axis=1)


def random_sequences(generator: np.random.Generator, number: int, length: int) -> Bits:
    """Draw bit sequences by tossing a fair coin for every bit."""
    return generator.random((number, length)) < 0.5  # noqa: PLR2004 - fair


def hard_sequences(generator: np.random.Generator, number: int, length: int, *, runs: bool) -> Bits:
    """Draw hard bit sequences, whose label one bit decides, with both labels equally often.

    Margins are -1 and +1 where the length is odd, 0 and +2 where it is even.

    Args:
        generator: Random generator.
        number: Number of sequences.
        length: Bits of each.
        runs: Whether the bits form 2 to 10 runs of equal bits; they are shuffled otherwise.
    """
    ones = length // 2 + np.arange(number) % 2
    if runs:
        return np.stack([_in_runs(generator, int(count), length - int(count)) for count in ones])
    return generator.permuted(np.arange(length)[None] < ones[:, None], axis=1)


def _in_runs(generator: np.random.Generator, ones: int, zeros: int) -> Bool[np.ndarray, " time"]:
    """Draw one hard bit sequence: ones and zeros in alternating runs of random lengths."""
    pairs = int(generator.integers(1, 6))
    cuts = [np.sort(generator.integers(0, count + 1, pairs - 1)) for count in (zeros, ones)]
    lengths = [
        np.diff(cut, prepend=0, append=count)
        for cut, count in zip(cuts, (zeros, ones), strict=True)
    ]
    order = generator.permutation(2)
    runs = np.stack([lengths[bit] for bit in order], axis=1).ravel()
    return np.repeat(np.tile(order.astype(bool), pairs), runs)


def classify(model: CountingLSTM, bits: Bits) -> Bool[np.ndarray, " batch"]:
    """Return for each bit sequence whether the network predicts "yes": more 1s than 0s."""
    network, parameters = nnx.split(model)
    rows = max(1, _BATCH_STEPS // bits.shape[1])
    parts = [bits[start : start + rows] for start in range(0, len(bits), rows)]
    return np.concatenate([np.asarray(_last(network, parameters, part)) for part in parts])


def errors(model: CountingLSTM, bits: Bits) -> int:
    """Count the bit sequences that the network misclassifies."""
    return int(np.sum(classify(model, bits) != (2 * bits.sum(axis=1) > bits.shape[1])))


def exhaustive_errors(model: CountingLSTM, longest: int) -> list[int]:
    """Count an LSTM's errors on all bit sequences of each length, from 1 to `longest`.

    Only the longest sequences are run: logits at their earlier steps are those of all shorter
    sequences, which are their prefixes.
    """
    network, parameters = nnx.split(model)
    rows = min(2**longest, 2**16)
    counts = np.zeros(longest, np.int64)
    places = np.arange(longest)[::-1]
    for first in range(0, 2**longest, rows):
        numbers = np.arange(first, first + rows)[:, None]
        bits = (numbers >> places) & 1 == 1
        # Each prefix is counted once: in the sequence that continues it with zeros only.
        counted = numbers % (1 << places) == 0
        wrong = np.asarray(_running(network, parameters, bits)) != np.asarray(
            margins(jnp.asarray(bits)) > 0
        )
        counts += (wrong & counted).sum(axis=0)
    return [int(count) for count in counts]


@jax.jit(static_argnums=0)
def _last(
    network: nnx.GraphDef[CountingLSTM],
    parameters: nnx.State[Any, Any],
    bits: Bool[Array, "batch time"],
) -> Bool[Array, " batch"]:
    model = nnx.merge(network, parameters)
    batch, length = bits.shape
    lengths = jnp.full((batch,), length, jnp.int32)
    logits, _ = model(bits.astype(jnp.float32)[..., None], lengths, model.initial_state(batch))
    return logits[:, 1] > logits[:, 0]


@jax.jit(static_argnums=0)
def _running(
    network: nnx.GraphDef[CountingLSTM],
    parameters: nnx.State[Any, Any],
    bits: Bool[Array, "batch time"],
) -> Bool[Array, "batch time"]:
    logits = running_logits(nnx.merge(network, parameters), bits)
    return logits[..., 1] > logits[..., 0]


def running_logits(
    model: CountingLSTM, bits: Bool[Array, "batch time"]
) -> Float[Array, "batch time 2"]:
    """Return an LSTM's logits after every step of bit sequences, starting from the zero state."""
    batch, length = bits.shape
    lengths = jnp.full((batch,), length, jnp.int32)
    inputs = bits.astype(jnp.float32)[..., None]
    trace, _ = model.trace(inputs, lengths, model.initial_state(batch))
    return trace.logits
