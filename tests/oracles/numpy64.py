"""Both networks once more, in NumPy and float64, straight from their definitions."""

from collections.abc import Mapping

import numpy as np

Tensors = Mapping[str, np.ndarray]


def correlate(maps: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Slide a 3x3 kernel over maps [y, x, channel] with a border of zeros; no flip."""
    height, width, _ = maps.shape
    framed = np.pad(maps, ((1, 1), (1, 1), (0, 0)))
    made = np.empty((height, width, kernel.shape[-1]))
    for y in range(height):
        for x in range(width):
            made[y, x] = np.tensordot(framed[y : y + 3, x : x + 3], kernel, 3) + bias
    return made


def pool(maps: np.ndarray) -> np.ndarray:
    """Keep the largest of every 2x2."""
    corners = [maps[y::2, x::2] for y in (0, 1) for x in (0, 1)]
    return np.max(corners, axis=0)


def cnn_trace(image: np.ndarray, tensors: Tensors) -> dict[str, np.ndarray]:
    """Classify one image of integers 0 to 255 and keep everything."""
    wide = {name: value.astype(np.float64) for name, value in tensors.items()}
    made: dict[str, np.ndarray] = {}
    maps = image[..., None] / 255.0
    for number, pooled in ((1, True), (2, True), (3, False)):
        maps = correlate(maps, wide[f"conv{number}.kernel"], wide[f"conv{number}.bias"])
        made[f"conv{number}"] = maps
        maps = made[f"relu{number}"] = np.maximum(maps, 0)
        if pooled:
            maps = made[f"pool{number}"] = pool(maps)
    made["dense1"] = maps.ravel() @ wide["dense1.kernel"] + wide["dense1.bias"]
    made["relu4"] = np.maximum(made["dense1"], 0)
    made["logits"] = made["relu4"] @ wide["output.kernel"] + wide["output.bias"]
    return made


def sigmoid(value: np.ndarray) -> np.ndarray:
    """1 / (1 + e^-x)."""
    return 1 / (1 + np.exp(-value))


def lstm_trace(
    bits: np.ndarray,
    tensors: Tensors,
    cell: np.ndarray | None = None,
    hidden: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Run one sequence and keep everything; states have the initial one first."""
    wide = {name: value.astype(np.float64) for name, value in tensors.items()}
    units = wide["cell.dense_h.kernel"].shape[0]
    cell = np.zeros(units) if cell is None else cell.astype(np.float64)
    hidden = np.zeros(units) if hidden is None else hidden.astype(np.float64)
    names = ("input_gate", "forget_gate", "candidate", "output_gate")
    made: dict[str, list[np.ndarray]] = {name: [] for name in (*names, "logits")}
    made |= {"cell": [cell], "hidden": [hidden]}
    for bit in bits:
        before = bit * wide["cell.dense_i.kernel"][0] + hidden @ wide["cell.dense_h.kernel"]
        quarters = np.split(before + wide["cell.dense_h.bias"], 4)
        i, f, o = (sigmoid(quarters[at]) for at in (0, 1, 3))
        g = np.tanh(quarters[2])
        cell = f * cell + i * g
        hidden = o * np.tanh(cell)
        logits = hidden @ wide["readout.kernel"] + wide["readout.bias"]
        for name, value in zip(
            (*names, "cell", "hidden", "logits"), (i, f, g, o, cell, hidden, logits), strict=True
        ):
            made[name].append(value)
    return {name: np.array(values) for name, values in made.items()}
