"""Probe `weights`: the kernels of every gate of the LSTM, and its readout."""

import numpy as np

from models.simple_networks import LSTM_LABELS
from probes.declaration import Parameters, Probe, ProbeContext
from probes.figures import colours
from probes.figures.figures import Bars, Coordinates, Figure, Heatmap, Kind, Panels, Tensor

GATE_ORDER = ("input_gate", "forget_gate", "candidate", "output_gate")
"""Order of the gates in the packed weights of the LSTM."""


def gate_weights(context: ProbeContext[Parameters]) -> Figure:
    """Weights of the LSTM: kernels of each gate, biases, and the readout.

    Rows are what a kernel reads (the bit, or a unit's hidden state), columns the unit that it
    writes.
    """
    held = context.model.weights
    # Flax packs the four gates along the last axis; the kernel of the bit has a single row.
    recurrent = np.split(held["cell.dense_h.kernel"], len(GATE_ORDER), axis=1)
    named = {
        "cell.dense_i.kernel": held["cell.dense_i.kernel"].reshape(len(GATE_ORDER), -1),
        "cell.dense_h.bias": held["cell.dense_h.bias"].reshape(len(GATE_ORDER), -1),
    }
    rows = [
        _matrix(f"{name}, by gate", name, ("gate", "unit"), values, {"gate": GATE_ORDER})
        for name, values in named.items()
    ]
    kernels = [
        _matrix(
            f"cell.dense_h.kernel, {gate}",
            f"cell.dense_h.kernel.{gate}",
            ("hidden_unit", "unit"),
            values,
            {},
        )
        for gate, values in zip(GATE_ORDER, recurrent, strict=True)
    ]
    readout = _matrix(
        "readout.kernel",
        "readout.kernel",
        ("label", "unit"),
        held["readout.kernel"].T,
        {"label": LSTM_LABELS},
    )
    bias = Tensor("readout.bias", "bias", ("label",), held["readout.bias"], {"label": LSTM_LABELS})
    return Panels("Weights", (*rows, *kernels, readout, Bars("readout.bias", bias)), 2)


def _matrix(
    title: str,
    name: str,
    axes: tuple[str, str],
    values: np.ndarray,
    coordinates: Coordinates,
) -> Heatmap:
    kind: Kind = "bias" if name.endswith("bias") else "weight"
    values = np.ascontiguousarray(values)
    tensor = Tensor(name, kind, axes, values, coordinates, colours.signed(values))
    return Heatmap(title, tensor, "unit")


PROBES = (
    Probe(family="sequence", name="weights", figure=gate_weights, input=False, checkpoints=True),
)
