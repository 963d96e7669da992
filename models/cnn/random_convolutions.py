"""Random convolutions of an image network, which have learned nothing: permuted or redrawn."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.runtime.checkpoints import Tensors


def permuted(weights: Mapping[str, np.ndarray], layers: Sequence[str], seed: int) -> Tensors:
    """Permute the weights of each filter of an image network among positions and input channels.

    Each filter keeps its values, and with them its mean, variance and bias; only the arrangement
    that training has given them is lost.

    Args:
        layers: Convolutions in the order of computation.
    """
    random = np.random.default_rng(seed)
    found: Tensors = {}
    for layer in layers:
        kernel = weights[f"{layer}.kernel"]
        flat = random.permuted(kernel.reshape(-1, kernel.shape[-1]), axis=0)
        found[f"{layer}.kernel"] = flat.reshape(kernel.shape)
        if (bias := f"{layer}.bias") in weights:
            found[bias] = weights[bias]
    return found


def redrawn(weights: Mapping[str, np.ndarray], layers: Sequence[str], seed: int) -> Tensors:
    """Redraw the convolutions of an image network as before training.

    Kernels are normal with variance 1 / inputs, and biases zero; of the weights only the shapes are
    read.

    Args:
        layers: Convolutions in the order of computation.
    """
    random = np.random.default_rng(seed)
    found: Tensors = {}
    for layer in layers:
        shape = weights[f"{layer}.kernel"].shape
        kernel = random.normal(0.0, 1.0 / np.sqrt(np.prod(shape[:-1])), shape)
        found[f"{layer}.kernel"] = kernel.astype(np.float32)
        if (bias := f"{layer}.bias") in weights:
            found[bias] = np.zeros(shape[-1], np.float32)
    return found
