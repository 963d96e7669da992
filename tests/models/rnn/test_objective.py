"""Training of the LSTM: its sequences, and the terms of its objective."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from models.rnn import training_sequences
from models.rnn.network import SequenceNetwork
from models.rnn.objective import bounds_penalty, context_loss
from models.rnn.programs import graph_definition
from tests.networks import counting_lstm
from tests.probes.handmade import saturated_counter


def network(weights) -> SequenceNetwork:
    """Build the network of some weights."""
    graphdef = graph_definition(counting_lstm(len(weights["readout.kernel"])))
    return graphdef.merge(jax.device_put(dict(weights)))


def test_mirrored_blocks_come_back():
    """Blocks and their inverted mirror images bring the count back to even, from near and far."""
    sizes = jnp.array([[1], [2], [4], [8]] * 50, jnp.int32)
    bits = training_sequences._mirrored(jax.random.key(0), sizes, 32)
    margins = np.asarray(training_sequences.margins(bits))
    for margin, size in zip(margins, np.ravel(sizes), strict=True):
        assert not margin[2 * size - 1 :: 2 * size].any()
    assert np.abs(margins).max() == 8


def test_training_sequences_are_of_every_kind():
    """Training draws coins, alternating and constant bits, words, two runs, and mixtures."""
    bits = np.asarray(training_sequences.sample(jax.random.key(0), 600, 64))
    changes = (bits[:, 1:] != bits[:, :-1]).sum(axis=1)
    by_kind = [changes[kind :: len(training_sequences.KINDS)] for kind in range(6)]
    assert by_kind[0].min() < 10  # biased coins
    assert np.median(by_kind[0]) > 25
    assert by_kind[2].min() <= 3
    assert by_kind[2].max() >= 60  # Markov chains that nearly always flip
    assert np.median(by_kind[4]) == 1  # runs
    assert len({row.tobytes() for row in bits}) > 500


@pytest.mark.parametrize("kind", training_sequences.KINDS)
def test_a_kind_is_drawn_from_its_key(kind):
    """Each kind gives bits of the shape asked for, equal for equal keys."""
    first, again, other = (np.asarray(kind(jax.random.key(n), 12, 20)) for n in (0, 0, 1))
    assert first.shape == (12, 20)
    assert first.dtype == bool
    assert (first == again).all()
    assert (first != other).any()


def test_a_saturated_counter_has_no_penalty():
    """The penalty is zero for a counter by hand, and counts how far a lower gate falls short."""
    assert float(bounds_penalty(network(saturated_counter(3)))) == 0.0
    leaking = saturated_counter(3)
    leaking["cell.dense_h.bias"][3] = 10.0  # the forget gate's target is 18, for either input
    assert float(bounds_penalty(network(leaking))) == pytest.approx(2 * 8.0)


def test_recurrent_weights_and_other_readouts_are_penalised():
    """Recurrent weights lower the worst case, and a readout of other units opposes the answer."""
    recurrent = saturated_counter(2)
    recurrent["cell.dense_h.kernel"][1, 2] = -20.0  # on the forget gate, which had 30
    assert float(bounds_penalty(network(recurrent))) == pytest.approx(2 * 8.0)
    outvoted = saturated_counter(2)
    outvoted["readout.kernel"][1, 1] = 16.0  # half of which its output gate lets through
    one, tie = 10 * np.tanh(1.0) - 4, 4
    expected = (1 - (one - 8)) + (1 - (tie - 8))
    assert float(bounds_penalty(network(outvoted))) == pytest.approx(expected, rel=1e-5)


def test_the_context_is_the_latest_bits_and_the_run():
    """The right context costs only the entropy of its logits; another costs more."""
    bits = jnp.asarray([[1, 1, 0, 0, 0, 1]], bool)
    run = jnp.asarray([[1.0, 2, 1, 2, 3, 1]]) / 8
    before = jnp.asarray([[0.0, 1, 1, 0, 0, 0]])
    earlier = jnp.asarray([[0.0, 0, 1, 1, 0, 0]])
    right = jnp.stack([run, 40.0 * (2 * before - 1), 40.0 * (2 * earlier - 1)], axis=-1)
    assert float(context_loss(right, bits)) == pytest.approx(0.0, abs=1e-6)
    assert float(context_loss(right.at[0, 2, 0].add(0.6), bits)) == pytest.approx(0.6, rel=1e-4)
    assert float(context_loss(-right, bits)) > 30
