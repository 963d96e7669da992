"""Needs of probes of sequences: recurrent layers, readout and size without which none applies."""

from models.rnn.counting import is_lstm_counter
from probes.declaration import DescribedModel, Need
from probes.rnn.layers import gated_names, linear_readout, lstm_names

MAX_ENTRIES = 256
"""Most entries of all states together whose fixed points are searched, which takes seconds."""

HAS_GATES = Need(
    "Its recurrent layers are plain RNNs, which have no gates.",
    lambda model: bool(gated_names(model.architecture)),
)
"""Need of probes of gates: a recurrent layer that is an LSTM or a GRU."""

HAS_CELL_STATE = Need(
    "It has no LSTM layer, and no other layer has a cell state.",
    lambda model: bool(lstm_names(model.architecture)),
)
"""Need of probes of the cell state: a recurrent layer that is an LSTM."""

HAS_LINEAR_READOUT = Need(
    "It has no dense layer at the end that reads its only recurrent layer.",
    lambda model: linear_readout(model.architecture) is not None,
)
"""Need of probes of the readout's weights: logits that are linear in one layer's hidden state."""

COUNTS_WITH_ONE_LSTM = Need(
    "It does not count bits by one LSTM layer and a dense layer.",
    lambda model: is_lstm_counter(model.architecture),
)
"""Need of probes of the counters in cell states: the layers that the shipped network has."""


def _has_few_states(model: DescribedModel) -> bool:
    return sum(state.units for state in model.architecture.states) <= MAX_ENTRIES


HAS_FEW_STATES = Need(
    f"Its states have more than {MAX_ENTRIES} entries, for which fixed points take too long.",
    _has_few_states,
)
"""Need of probes of the dynamics, whose time grows with the cube of a state's entries."""
