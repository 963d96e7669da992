"""Debiased linear CKA: similarity of two layers' representations of a set of images."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.runtime.programs import MATMUL_PRECISION

Gram = Float[np.ndarray, "images images"]


def centred_gram(features: Float[np.ndarray, "images features"]) -> Gram:
    """Return the U-centred Gram matrix of images that CKA multiplies.

    The mean product of two such matrices over all pairs of images is the unbiased HSIC.

    Raises:
        ValueError: There are fewer than 4 images.

    References:
        Székely & Rizzo (2014), Partial distance correlation with methods for dissimilarities,
        definition 2. The product equals HSIC₁ of Song et al. (2012).
    """
    count = len(features)
    if count < 4:  # noqa: PLR2004 - the estimator divides by n - 3
        msg = f"CKA needs at least 4 images, got {count}"
        raise ValueError(msg)
    # float64: the centring below subtracts nearly equal numbers.
    gram = np.array(_gram(jnp.asarray(features)), np.float64)
    np.fill_diagonal(gram, 0)
    rows = gram.sum(axis=0) / (count - 2)
    gram += rows.sum() / (count - 1) - rows[:, None] - rows
    np.fill_diagonal(gram, 0)
    return gram


@jax.jit
def _gram(features: Float[Array, "images features"]) -> Float[Array, "images images"]:
    """Return the Gram matrix for CKA, of centred features, which only reduces rounding errors."""
    with jax.default_matmul_precision(MATMUL_PRECISION):
        moved = features - features.mean(axis=0, keepdims=True)
        return moved @ moved.T


def cka(ones: Sequence[Gram], others: Sequence[Gram]) -> Float[np.ndarray, "ones others"]:
    """Return the debiased CKA of all pairs of layers, from Gram matrices of the layers.

    It is 1 for layers that differ by a rotation and a scale, and about 0, above or below, for
    unrelated ones. It is NaN for a layer that is constant over the images.

    Args:
        ones: Gram matrices of `centred_gram`.
        others: Gram matrices of `centred_gram` over these images.

    References:
        Kornblith et al. (2019), Similarity of neural network representations revisited. Nguyen,
        Raghu & Kornblith (2021), Do wide and deep networks learn the same things?
    """
    products = np.array([[float(np.vdot(one, other)) for other in others] for one in ones])
    sizes = (np.array([np.linalg.norm(each) for each in part]) for part in (ones, others))
    scale = np.outer(*sizes)
    unknown = np.full_like(products, np.nan)
    return np.asarray(np.divide(products, scale, out=unknown, where=scale > 0))
