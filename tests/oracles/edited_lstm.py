"""The LSTM with edited values once more, in NumPy and float64, straight from the definition."""

from collections.abc import Callable, Mapping

import numpy as np

from tests.oracles.numpy64 import sigmoid

Tensors = Mapping[str, np.ndarray]
NAMES = ("input_gate", "forget_gate", "candidate", "output_gate", "cell", "hidden")
QUARTERS = {"input_gate": 0, "forget_gate": 1, "candidate": 2, "output_gate": 3}

ActivationHook = Callable[[str, int, np.ndarray], np.ndarray]
"""Hook on a value of every unit, called with name and step, from 1: returns the edited value."""


def edited_trace(
    bits: np.ndarray,
    tensors: Tensors,
    cell: np.ndarray,
    hidden: np.ndarray,
    through: ActivationHook,
) -> dict[str, np.ndarray]:
    """Run one sequence, each value going through an edit; everything of steps 1 to T."""
    wide = {name: value.astype(np.float64) for name, value in tensors.items()}
    made: dict[str, list[np.ndarray]] = {name: [] for name in (*NAMES, "logits")}
    cell, hidden = cell.astype(np.float64), hidden.astype(np.float64)
    for step, bit in enumerate(bits, start=1):
        sums = bit * wide["cell.dense_i.kernel"][0] + hidden @ wide["cell.dense_h.kernel"]
        quarters = np.split(sums + wide["cell.dense_h.bias"], 4)
        now = {
            name: through(
                name, step, np.tanh(quarters[at]) if name == "candidate" else sigmoid(quarters[at])
            )
            for name, at in QUARTERS.items()
        }
        cell = now["forget_gate"] * cell + now["input_gate"] * now["candidate"]
        cell = now["cell"] = through("cell", step, cell)
        hidden = now["hidden"] = through("hidden", step, now["output_gate"] * np.tanh(cell))
        now["logits"] = hidden @ wide["readout.kernel"] + wide["readout.bias"]
        for name, value in now.items():
            made[name].append(value)
    return {name: np.array(values) for name, values in made.items()}
