"""Cascading randomisation of an image network's weights, a sanity check of attribution maps."""

from collections.abc import Mapping, Sequence

import numpy as np

from models.runtime.checkpoints import Tensors

SEED = 0


def cascade(
    weights: Mapping[str, np.ndarray], layers: Sequence[str], seed: int = SEED
) -> dict[str, Tensors]:
    """Randomise the layers of an image network cumulatively, from the last to the first.

    Kernels are drawn from a normal distribution with variance 1 / inputs and biases are zero, as
    before training.

    Args:
        layers: Layers with a kernel in that order, `Layout.cascade`.

    Returns:
        By name, such as `reset-conv3`: the weights with that layer and all later ones randomised.

    References:
        Adebayo et al. (2018), Sanity checks for saliency maps, section 3.
    """
    # A fixed seed, so that equal requests have equal responses on every server.
    random = np.random.default_rng(seed)
    found, tensors = {}, dict(weights)
    for layer in layers:
        kernel = weights[f"{layer}.kernel"]
        deviation = 1.0 / np.sqrt(kernel[..., 0].size)
        drawn = random.normal(0.0, deviation, kernel.shape).astype(np.float32)
        tensors[f"{layer}.kernel"] = drawn
        if (bias := f"{layer}.bias") in weights:
            tensors[bias] = weights[bias] * 0
        found[f"reset-{layer}"] = dict(tensors)
    return found
