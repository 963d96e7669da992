"""Random convolutions of the CNN, which have learned nothing: permuted and redrawn kernels."""

from collections.abc import Mapping

import numpy as np

from models.runtime.checkpoints import Tensors

CONVOLUTIONS = ("conv1", "conv2", "conv3")

CONVOLUTION_PARAMETERS = tuple(
    f"{layer}.{name}" for layer in CONVOLUTIONS for name in ("kernel", "bias")
)
"""Random convolutions of the CNN: names of the parameters that they replace."""


def permuted(weights: Mapping[str, np.ndarray], seed: int) -> Tensors:
    """Permute the weights of each filter of the CNN among positions and input channels.

    Each filter keeps its values, and with them its mean, variance and bias; only the arrangement
    that training has given them is lost.
    """
    random = np.random.default_rng(seed)
    found = {name: weights[name] for name in CONVOLUTION_PARAMETERS}
    for layer in CONVOLUTIONS:
        kernel = weights[f"{layer}.kernel"]
        flat = random.permuted(kernel.reshape(-1, kernel.shape[-1]), axis=0)
        found[f"{layer}.kernel"] = flat.reshape(kernel.shape)
    return found


def redrawn(weights: Mapping[str, np.ndarray], seed: int) -> Tensors:
    """Redraw the convolutions of the CNN as before training: normal kernels, biases of zero.

    The variance is 1 / inputs; of the weights only the shapes are read.
    """
    random = np.random.default_rng(seed)
    found = {}
    for layer in CONVOLUTIONS:
        shape = weights[f"{layer}.kernel"].shape
        kernel = random.normal(0.0, 1.0 / np.sqrt(np.prod(shape[:-1])), shape)
        found[f"{layer}.kernel"] = kernel.astype(np.float32)
        found[f"{layer}.bias"] = np.zeros(shape[-1], np.float32)
    return found
