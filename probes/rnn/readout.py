"""Linear readout of a recurrent layer in float64, and the weights of counting networks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from models.architecture import Architecture
from models.rnn.counting import counting_weights
from probes.rnn.layers import linear_readout


@dataclass(frozen=True, eq=False)
class Readout:
    """Linear readout in float64: logits = hidden state · kernel + bias."""

    kernel: Float64[np.ndarray, "units classes"]
    bias: Float64[np.ndarray, " classes"]

    @property
    def difference(self) -> Float64[np.ndarray, " units"]:
        """Weights of a linear readout in the logit of label 1 minus that of label 0."""
        return np.asarray(self.kernel @ np.array([-1.0, 1.0]))

    @classmethod
    def of(cls, architecture: Architecture, weights: Mapping[str, np.ndarray]) -> "Readout":
        """Build the linear readout of a network; the logit of label 0 is 0 where it has one unit.

        Raises:
            TypeError: The network has none.
        """
        node = linear_readout(architecture)
        if node is None:
            msg = "this network has no linear readout of its only recurrent layer"
            raise TypeError(msg)
        kernel = weights[f"{node.name}.kernel"].astype(np.float64)
        bias = weights.get(f"{node.name}.bias", np.zeros(kernel.shape[1])).astype(np.float64)
        if architecture.is_sigmoid:
            kernel = np.concatenate([np.zeros_like(kernel), kernel], axis=1)
            bias = np.concatenate([np.zeros_like(bias), bias])
        return cls(kernel, bias)


def shipped_weights(
    architecture: Architecture, weights: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the weights of a network that counts bits, by the names that the shipped one has.

    Findings compare them with networks that are drawn, whose layers are `cell` and `readout`.

    Raises:
        ValueError: The network has other layers than one LSTM and a dense readout.
    """
    counted = counting_weights(architecture, weights)
    return {
        "cell.dense_i.kernel": counted.from_input[None],
        "cell.dense_h.kernel": counted.from_hidden,
        "cell.dense_h.bias": counted.bias,
        "readout.kernel": counted.readout,
        "readout.bias": counted.readout_bias,
    }
