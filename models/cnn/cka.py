"""How alike two layers see the same images: debiased linear CKA."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from models.runtime.programs import MATMUL_PRECISION

Gram = Float[np.ndarray, "images images"]


def centred_gram(features: Float[np.ndarray, "images features"]) -> Gram:
    """Return the inner products of all pairs of images, centred without bias.

    Of such matrices the mean product over all pairs is the unbiased HSIC.

    Raises:
        ValueError: There are fewer than 4 images.

    References:
        Székely & Rizzo (2014), Partial distance correlation with methods for dissimilarities,
        definition 2. The same number as HSIC₁ of Song et al. (2012).
    """
    count = len(features)
    if count < 4:  # noqa: PLR2004 - the estimator divides by n - 3
        msg = f"CKA needs at least 4 images, got {count}"
        raise ValueError(msg)
    gram = np.array(_gram(jnp.asarray(features)), np.float64)
    np.fill_diagonal(gram, 0)
    rows = gram.sum(axis=0) / (count - 2)
    gram += rows.sum() / (count - 1) - rows[:, None] - rows
    np.fill_diagonal(gram, 0)
    return gram


@jax.jit
def _gram(features: Float[Array, "images features"]) -> Float[Array, "images images"]:
    """Multiply features that have mean 0, which changes nothing but rounding."""
    with jax.default_matmul_precision(MATMUL_PRECISION):
        moved = features - features.mean(axis=0, keepdims=True)
        return moved @ moved.T


def cka(ones: Sequence[Gram], others: Sequence[Gram]) -> Float[np.ndarray, "ones others"]:
    """Return the debiased CKA of each of some layers with each of others.

    1 for layers that differ by a rotation and a scale; about 0, above or below, for unrelated ones.

    Args:
        ones: From `centred_gram`.
        others: Of the same images, likewise.

    References:
        Kornblith et al. (2019), Similarity of neural network representations revisited. Nguyen,
        Raghu & Kornblith (2021), Do wide and deep networks learn the same things?
    """
    products = np.array([[float(np.vdot(one, other)) for other in others] for one in ones])
    sizes = (np.array([np.linalg.norm(each) for each in part]) for part in (ones, others))
    scale = np.outer(*sizes)
    unknown = np.full_like(products, np.nan)
    return np.asarray(np.divide(products, scale, out=unknown, where=scale > 0))
