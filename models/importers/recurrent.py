"""Parameters of recurrent layers of other libraries in our layout: gate orders and biases."""

from collections.abc import Mapping

import numpy as np

from models.importers.errors import ConversionError

ORDERS = {"lstm": "ifgo", "gru": "rzn", "rnn": "h"}
"""Order of the gates on the last axis of our parameters."""

GATE_LAYERS = {"lstm": ("i", "f", "g", "o"), "gru": ("r", "z", "n"), "rnn": ("",)}
"""Last letters of the names of Flax's layers for each gate of a recurrent cell."""

CELL_LAYERS = frozenset(
    {"dense_i", "dense_h", "if_"}
    | {source + gate for source in "ih" for gates in GATE_LAYERS.values() for gate in gates}
)
"""Names of the layers inside a recurrent cell of Flax."""

CELL_NAMES = frozenset(
    {f"{name}_{source}" for name in ("weight", "bias") for source in ("ih", "hh")}
    | {"kernel", "recurrent_kernel", "bias"}
    | {f"{layer}.{name}" for layer in CELL_LAYERS for name in ("kernel", "bias")}
)
"""Names of parameters of a recurrent layer in PyTorch, Keras and Flax."""

Tensors = Mapping[str, np.ndarray]


def reordered(values: np.ndarray, order: str, ours: str) -> np.ndarray:
    """Reorder the gates of a recurrent layer's parameter along its last axis.

    Args:
        order: Gates of the given values, a letter each.
        ours: Gates of the result.
    """
    parts = dict(zip(order, np.split(values, len(order), axis=-1), strict=True))
    return np.concatenate([parts[gate] for gate in ours], axis=-1)


def recurrent_parameters(
    cell: str,
    input_kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    biases: tuple[np.ndarray | None, np.ndarray | None],
    order: str,
) -> dict[str, np.ndarray]:
    """Return the parameters of a recurrent layer in our layout.

    A GRU's candidate multiplies its recurrent sum by the reset gate, so that its recurrent bias is
    kept apart; all other pairs of biases are added.

    Args:
        cell: Kind of layer: `lstm`, `gru` or `rnn`.
        input_kernel: Shape (inputs, gates · units).
        recurrent_kernel: Shape (units, gates · units).
        biases: Of the sum over inputs, and of that over hidden values; None where there is none.
        order: Gates on the last axis, in letters of `ORDERS`.
    """
    ours = ORDERS[cell]
    gates = input_kernel.shape[-1]
    if gates % len(ours) or recurrent_kernel.shape != (gates // len(ours), gates):
        msg = (
            f"kernels of {input_kernel.shape} and {recurrent_kernel.shape} are not those of one "
            f"{cell}: a projected layer cannot be declared"
        )
        raise ConversionError(msg)
    zeros = np.zeros(gates, np.float32)
    first, second = (reordered(zeros if one is None else one, order, ours) for one in biases)
    kernels = {
        "dense_i.kernel": reordered(input_kernel, order, ours),
        "dense_h.kernel": reordered(recurrent_kernel, order, ours),
    }
    if cell != "gru":
        return kernels | {"dense_h.bias": first + second}
    units = gates // 3
    summed = np.concatenate([first[: 2 * units] + second[: 2 * units], first[2 * units :]])
    return kernels | {"dense_i.bias": summed, "dense_h.bias": second[2 * units :]}


def cell_parameters(cell: str, tensors: Tensors) -> dict[str, np.ndarray] | None:
    """Return the parameters of a recurrent layer of PyTorch, Keras, Flax NNX or Linen.

    None where the imported tensors are of another cell.

    Raises:
        ConversionError: The layer cannot be declared.
    """
    if "weight_ih" in tensors and "weight_hh" in tensors:
        return _torch_cell(cell, tensors)
    if "recurrent_kernel" in tensors and "kernel" in tensors:
        return keras_cell(cell, tensors)
    if "dense_i.kernel" in tensors and "dense_h.kernel" in tensors:
        return _optimised_cell(cell, tensors)
    return _gate_layers(cell, tensors)


def sources(ours: str, tensors: Tensors) -> list[str]:
    """Return the names of an imported recurrent layer's tensors behind one of our parameters."""
    if ours.endswith("bias"):
        return sorted(name for name in tensors if "bias" in name)
    wanted = {"dense_i.kernel": ("weight_ih", "kernel"), "dense_h.kernel": ("weight_hh",)}[ours]
    first = "i" if ours == "dense_i.kernel" else "h"
    of_gates = {f"dense_{first}.kernel"}
    of_gates |= {name for name in tensors if name.startswith(first) and name.endswith(".kernel")}
    other = ("recurrent_kernel",) if first == "h" else ()
    return sorted(name for name in tensors if name in {*wanted, *of_gates, *other})


def transformation_of(cell: str, tensors: Tensors) -> str:
    """Return the transformation of an imported recurrent layer in words."""
    if "weight_ih" in tensors:
        return "transposed, biases added"
    if "recurrent_kernel" in tensors:
        return "gates z r h to r z n" if cell == "gru" else "as it is"
    return "as it is" if "dense_i.kernel" in tensors else "gates put together"


def _torch_cell(cell: str, tensors: Tensors) -> dict[str, np.ndarray] | None:
    kernels = tensors["weight_ih"].T, tensors["weight_hh"].T
    if not _has_gates(cell, *kernels):
        return None
    biases = tensors.get("bias_ih"), tensors.get("bias_hh")
    return recurrent_parameters(cell, *kernels, biases, ORDERS[cell])


def keras_cell(cell: str, tensors: Tensors) -> dict[str, np.ndarray] | None:
    """Return the parameters of an imported recurrent layer of Keras; None if it is another cell.

    Raises:
        ConversionError: A GRU multiplies by its reset gate before the product.
    """
    kernels = tensors["kernel"], tensors["recurrent_kernel"]
    if not _has_gates(cell, *kernels):
        return None
    bias = tensors.get("bias")
    first, second = bias, None
    if cell == "gru" and bias is not None:
        if bias.ndim == 1:
            msg = (
                "a GRU with reset_after=False cannot be declared: train it with reset_after=True, "
                "the default of Keras"
            )
            raise ConversionError(msg)
        first, second = bias
    order = "zrn" if cell == "gru" else ORDERS[cell]
    return recurrent_parameters(cell, *kernels, (first, second), order)


def _optimised_cell(cell: str, tensors: Tensors) -> dict[str, np.ndarray] | None:
    kernels = tensors["dense_i.kernel"], tensors["dense_h.kernel"]
    if not _has_gates(cell, *kernels):
        return None
    first, second = tensors.get("dense_i.bias"), tensors.get("dense_h.bias")
    if cell == "gru" and second is not None and len(second) == kernels[1].shape[0]:
        # Our own layout: the recurrent bias is that of the candidate alone.
        second = np.concatenate([np.zeros(2 * len(second), np.float32), second])
    return recurrent_parameters(cell, *kernels, (first, second), ORDERS[cell])


def _gate_layers(cell: str, tensors: Tensors) -> dict[str, np.ndarray] | None:
    """Return the parameters of Flax's cells that have a layer for each gate."""
    gates = GATE_LAYERS[cell]
    names = {source: [_gate_layer(source + gate, tensors) for gate in gates] for source in "ih"}
    if None in (*names["i"], *names["h"]):
        return None
    joined: dict[str, np.ndarray] = {}
    used = 0
    for source, layers in names.items():
        kernels = [tensors[f"{layer}.kernel"] for layer in layers]
        biases = [tensors.get(f"{layer}.bias") for layer in layers]
        used += len(kernels) + sum(bias is not None for bias in biases)
        zeros = np.zeros(kernels[0].shape[-1:], np.float32)
        joined[source] = np.concatenate(kernels, -1)
        joined[f"{source}.bias"] = np.concatenate(
            [zeros if bias is None else bias for bias in biases]
        )
    if used < len(tensors) or not _has_gates(cell, joined["i"], joined["h"]):
        return None
    return recurrent_parameters(
        cell, joined["i"], joined["h"], (joined["i.bias"], joined["h.bias"]), ORDERS[cell]
    )


def _gate_layer(name: str, tensors: Tensors) -> str | None:
    """Return the name of a gate's layer: Flax NNX writes `if_` where Linen writes `if`."""
    return next((one for one in (name, f"{name}_") if f"{one}.kernel" in tensors), None)


def _has_gates(cell: str, first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether kernels of an imported layer have the number of gates of a cell."""
    gates = len(ORDERS[cell])
    both = first.ndim == second.ndim == 2  # noqa: PLR2004
    return both and first.shape[1] == second.shape[1] == gates * second.shape[0]
