"""Training sequences of the LSTM: a mixture of random and structured kinds, drawn on the device."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PRNGKeyArray

Bits = Bool[Array, "batch time"]

MAX_PERIOD, MAX_PREFIX = 12, 3
"""Longest word and longest prefix of the periodic training sequences, in bits."""

LEAST_FLIP, MOST_FLIP = 0.01, 0.99
"""Range of P(flip), the chance that a bit of a Markov training sequence differs from the last."""

MIXED = 0.25
"""Share of the training sequences that change to another sequence at a random step."""


def sample(key: PRNGKeyArray, batch: int, length: int) -> Bits:
    """Draw training sequences of bits, equally many of each kind; a quarter mix two sequences."""
    keys = jax.random.split(key, len(KINDS) + 3)
    drawn = jnp.stack([kind(one, batch, length) for kind, one in zip(KINDS, keys, strict=False)])
    row = jnp.arange(batch)
    bits = drawn[row % len(KINDS), row]
    mixing, cutting, choosing = keys[len(KINDS) :]
    cut = jax.random.randint(cutting, (batch, 1), 0, length)
    cut = jnp.where(jax.random.bernoulli(choosing, MIXED, (batch, 1)), cut, length)
    other = bits[jax.random.permutation(mixing, batch)]
    return jnp.where(jnp.arange(length)[None] < cut, bits, other)


def coins(key: PRNGKeyArray, batch: int, length: int) -> Bits:
    """Draw training sequences by tossing one coin for each; half of the coins are fair."""
    fair, bias, toss = jax.random.split(key, 3)
    drawn = jax.random.uniform(bias, (batch, 1))
    chance = jnp.where(jax.random.bernoulli(fair, 0.5, (batch, 1)), 0.5, drawn)
    return jax.random.uniform(toss, (batch, length)) < chance


def there_and_back(key: PRNGKeyArray, batch: int, length: int) -> Bits:
    """Draw training sequences of blocks, each followed by its inverted mirror image.

    So 1s and 0s are equally many after each pair of blocks. Block length and bias are random; many
    blocks are runs of one bit.
    """
    sizes, turning = jax.random.split(key)
    # Log-uniform: short and long blocks are equally frequent on a logarithmic scale.
    size = jnp.exp(jax.random.uniform(sizes, (batch, 1), maxval=jnp.log(length / 2)))
    return _mirrored(turning, size.astype(jnp.int32), length)


def _mirrored(key: PRNGKeyArray, size: Int[Array, "batch 1"], length: int) -> Bits:
    """Draw training sequences of blocks of a given size and their inverted mirror images."""
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


def markov(key: PRNGKeyArray, batch: int, length: int) -> Bits:
    """Draw training sequences of which each bit differs from the last with one probability."""
    chances, flips, starts = jax.random.split(key, 3)
    chance = jax.random.uniform(chances, (batch, 1), minval=LEAST_FLIP, maxval=MOST_FLIP)
    changes = jax.random.uniform(flips, (batch, length)) < chance
    start = jax.random.bernoulli(starts, 0.5, (batch, 1))
    return (jnp.cumsum(changes, axis=1) % 2 == 1) ^ start


def periodic(key: PRNGKeyArray, batch: int, length: int) -> Bits:
    """Draw training sequences that repeat a word after a prefix."""
    periods, prefixes, letters = jax.random.split(key, 3)
    period = jax.random.randint(periods, (batch, 1), 1, MAX_PERIOD + 1)
    prefix = jax.random.randint(prefixes, (batch, 1), 0, MAX_PREFIX + 1)
    word = jax.random.bernoulli(letters, 0.5, (batch, MAX_PERIOD + MAX_PREFIX))
    time = jnp.arange(length)[None]
    place = jnp.where(time < prefix, MAX_PERIOD + time, (time - prefix) % period)
    return jnp.take_along_axis(word, place, axis=1)


def runs(key: PRNGKeyArray, batch: int, length: int) -> Bits:
    """Draw training sequences of one run of 1s and one of 0s, in either order."""
    ends, firsts = jax.random.split(key)
    end = jax.random.randint(ends, (batch, 1), 0, length)
    first = jax.random.bernoulli(firsts, 0.5, (batch, 1))
    return (jnp.arange(length)[None] < end) ^ first


def late_majority(key: PRNGKeyArray, batch: int, length: int) -> Bits:
    """Draw training sequences of pairs of unlike bits, with one single bit at a random step."""
    pairs, places, letters = jax.random.split(key, 3)
    bits = markov(pairs, batch, length)
    even = jnp.arange(length) % 2 == 0
    paired = jnp.where(even, bits, jnp.roll(~bits, 1, axis=1))
    place = jax.random.randint(places, (batch, 1), 0, length)
    letter = jax.random.bernoulli(letters, 0.5, (batch, 1))
    time = jnp.arange(length)[None]
    rest = jnp.where(time < place, paired, jnp.roll(paired, 1, axis=1))
    return jnp.where(time == place, letter, rest)


KINDS: tuple[Callable[[PRNGKeyArray, int, int], Bits], ...] = (
    coins,
    there_and_back,
    markov,
    periodic,
    runs,
    late_majority,
)
"""Kinds of training sequences, each of which takes a random key, a batch size and a length."""


def margins(bits: Bits) -> Int[Array, "batch time"]:
    """Count 1s minus 0s in training sequences up to and including each step."""
    return jnp.cumsum(2 * bits.astype(jnp.int32) - 1, axis=1)
