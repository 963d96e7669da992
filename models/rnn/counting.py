"""Networks that count bits: the shipped one with any number of units, and the layers of others."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from models.architecture import INPUT, Architecture
from models.declaration.operations import Dense, Recurrent
from models.derivation import MAX_COUNTING_UNITS, derive, read_architecture
from models.model_files import SHIPPED


@lru_cache(maxsize=16)
def counting_architecture(units: int = 8) -> Architecture:
    """Return the architecture of the shipped network that counts bits, with some number of units.

    Args:
        units: Units of its recurrent layer.

    Raises:
        ValueError: The number is not between 1 and 64.
    """
    if not 1 <= units <= MAX_COUNTING_UNITS:
        msg = f"hidden must be between 1 and {MAX_COUNTING_UNITS}, got {units}"
        raise ValueError(msg)
    declaration = read_architecture(SHIPPED / "lstm").declaration
    lines = tuple(
        replace(line, operation=replace(line.operation, units=units))
        if isinstance(line.operation, Recurrent)
        else line
        for line in declaration.layers
    )
    return derive(replace(declaration, layers=lines))


class CountingWeights(NamedTuple):
    """Weights of a network that counts bits by one LSTM layer and a linear readout of it.

    Gates are in the order i, f, g, o.

    Attributes:
        from_input: Weight of the bit in each gate's sum.
        from_hidden: Weights of the hidden state in each gate's sum.
        bias: Summand of each gate's sum.
        readout: Weights of the hidden state in the logits of no and yes.
        readout_bias: Summands of the logits of no and yes.
    """

    from_input: Float[np.ndarray, " sums"]
    from_hidden: Float[np.ndarray, "units sums"]
    bias: Float[np.ndarray, " sums"]
    readout: Float[np.ndarray, "units 2"]
    readout_bias: Float[np.ndarray, " 2"]


def is_lstm_counter(architecture: Architecture) -> bool:
    """Return whether a network counts bits by one LSTM layer and a linear readout of it alone."""
    if not architecture.declaration.counts_bits or len(architecture.nodes) != 2:  # noqa: PLR2004
        return False
    cell, readout = architecture.nodes
    is_lstm = isinstance(cell.operation, Recurrent) and cell.operation.cell == "lstm"
    reads_numbers = architecture.sequence.encoding == "number" and cell.inputs == (INPUT,)
    is_readout = isinstance(readout.operation, Dense) and readout.inputs == (cell.name,)
    return is_lstm and reads_numbers and is_readout


def counting_weights(
    architecture: Architecture, weights: Mapping[str, np.ndarray]
) -> CountingWeights:
    """Return the weights of a network that counts bits by one LSTM layer and a readout.

    Args:
        architecture: Architecture of such a network.
        weights: Parameters by name.

    Raises:
        ValueError: The network has other layers.
    """
    if not is_lstm_counter(architecture):
        msg = "the network has other layers than one LSTM that reads bits and a dense readout"
        raise ValueError(msg)
    cell, readout = architecture.nodes
    kernel = weights[f"{readout.name}.kernel"]
    bias = weights.get(f"{readout.name}.bias", np.zeros(kernel.shape[1:], kernel.dtype))
    if architecture.is_sigmoid:
        # The logit of no is 0.
        kernel, bias = np.pad(kernel, ((0, 0), (1, 0))), np.pad(bias, (1, 0))
    return CountingWeights(
        weights[f"{cell.name}.dense_i.kernel"][0],
        weights[f"{cell.name}.dense_h.kernel"],
        weights[f"{cell.name}.dense_h.bias"],
        kernel,
        bias,
    )
