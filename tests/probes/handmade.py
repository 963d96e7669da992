"""LSTMs with handmade weights of known behaviour, and helpers to run them."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np

from models.registry import ResidentModel
from models.runtime.programs import Call, Outputs, Run
from models.runtime.resident import drive
from tests.oracles.numpy64 import sigmoid
from tests.oracles.parameters import lstm_shapes

Tensors = dict[str, np.ndarray]

STEP = 0.01
"""Change of the counter's cell state per bit."""


def nothing(units: int) -> Tensors:
    """Return a network of zeros."""
    return {name: np.zeros(shape, np.float32) for name, shape in lstm_shapes(units).items()}


def one_counter(units: int, unit: int) -> Tensors:
    """Return a network in which one unit counts exactly, and the others do something else."""
    made = nothing(units)
    random = np.random.default_rng(units)
    sums = made["cell.dense_i.kernel"].reshape(4, units)
    sums[:] = random.normal(0, 1, sums.shape)
    bias = made["cell.dense_h.bias"].reshape(4, units)
    sums[:, unit], bias[:, unit] = 0, (30, 30, -np.arctanh(STEP), 30)
    sums[2, unit] = 2 * np.arctanh(STEP)
    made["readout.kernel"][unit] = (-500, 500)
    made["readout.bias"][:] = (500 * STEP / 2, -500 * STEP / 2)
    return made


def saturated_counter(units: int, forget: float = 1.0) -> Tensors:
    """Return a network whose unit 0 counts by 1, with all gates at 1 and a candidate of ±1.

    Its forget gate may be lower; all other units are zero.
    """
    made = nothing(units)
    sums = made["cell.dense_i.kernel"].reshape(4, units)
    bias = made["cell.dense_h.bias"].reshape(4, units)
    open_at = 30 if forget == 1.0 else np.log(forget / (1 - forget))
    sums[2, 0], bias[:, 0] = 30, (30, open_at, -15, 30)
    made["readout.kernel"][0, 1] = 10
    made["readout.bias"][1] = -4
    return made


def gate_counter(units: int) -> Tensors:
    """Return a network in which only input gates depend on the bits: two units count, as rivals.

    Their candidate is 1. The input gate of the first is open at ones, that of the second at zeros.
    """
    made = nothing(units)
    sums = made["cell.dense_i.kernel"].reshape(4, units)
    bias = made["cell.dense_h.bias"].reshape(4, units)
    bias[1:, :2] = 30
    # σ(-5) is the change of a cell state per bit, so that 64 of them stay below 0.5.
    bias[0, :2], sums[0, :2] = (-35, -5), (30, -30)
    made["readout.kernel"][:2] = ((-500, 500), (500, -500))
    made["readout.bias"][:] = (1, -1)
    return made


def hidden_counter(units: int) -> Tensors:
    """Return a network that counts in a hidden state: its cell state is forgotten at each step."""
    made = one_counter(units, 0)
    step = STEP / 10
    made["cell.dense_h.bias"].reshape(4, units)[1:3, 0] = (-30, -step)
    made["cell.dense_i.kernel"].reshape(4, units)[2, 0] = 2 * step
    made["cell.dense_h.kernel"].reshape(units, 4, units)[0, 2, 0] = 1
    made["readout.kernel"][0] = (-5000, 5000)
    made["readout.bias"][:] = (5000 * step / 2, -5000 * step / 2)
    return made


def leaky_counter(units: int) -> Tensors:
    """Return a network that counts and forgets: half of each count is gone after one step."""
    made = one_counter(units, 0)
    made["cell.dense_h.bias"].reshape(4, units)[1, 0] = 0
    return made


def always_yes(units: int) -> Tensors:
    """Return a network that answers yes to every sequence."""
    made = nothing(units)
    made["readout.bias"][:] = (0, 1)
    return made


def run_with(lstm: ResidentModel, weights: Mapping[str, np.ndarray], run: Run) -> Outputs:
    """Drive a run through the resident programs, with other weights than theirs."""
    for program in lstm.programs.values():
        program.add_parameters("handmade", jax.device_put(dict(weights)))
    (outputs,) = drive([_with_checkpoint(run, "handmade")], lstm.programs)
    return outputs


def _with_checkpoint(run: Run, name: str) -> Run:
    calls = next(run)
    while True:
        got = yield [call._replace(checkpoint=name) for call in calls]
        try:
            calls = run.send(got)
        except StopIteration as end:
            return end.value


def answered(run: Run, answer: Callable[[Call], Outputs]) -> Outputs:
    """Drive a run whose calls are answered by a function."""
    calls = next(run)
    while True:
        try:
            calls = run.send([answer(call) for call in calls])
        except StopIteration as end:
            return end.value


def ablated(
    sequences: np.ndarray, tensors: Mapping[str, np.ndarray], keep: np.ndarray, instead: np.ndarray
) -> dict[str, Any]:
    """Run many sequences in float64, some units' hidden state held at a value at every step."""
    wide = {name: value.astype(np.float64) for name, value in tensors.items()}
    cell = hidden = np.zeros((len(sequences), len(keep)))
    context = []
    for bits in sequences.T:
        sums = bits[:, None] * wide["cell.dense_i.kernel"] + hidden @ wide["cell.dense_h.kernel"]
        i, f, g, o = np.split(sums + wide["cell.dense_h.bias"], 4, axis=1)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = np.where(keep > 0, sigmoid(o) * np.tanh(cell), instead)
        context.append(hidden)
    logits = hidden @ wide["readout.kernel"] + wide["readout.bias"]
    return {"logits": logits, "mean_hidden": np.mean(context, axis=(0, 1))}
