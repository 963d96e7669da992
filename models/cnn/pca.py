"""Principal component analysis (PCA) of a layer's values over a data set."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32


class PCA(NamedTuple):
    """PCA of a layer: principal axes by decreasing variance.

    Attributes:
        explained_variance: Share of the whole variance along each axis, in [0, 1]; 0 where all
            values are constant.
    """

    mean: Float32[np.ndarray, " units"]
    components: Float32[np.ndarray, "components units"]
    explained_variance: Float32[np.ndarray, " components"]

    def project(
        self, values: Float[np.ndarray, "*rows units"]
    ) -> Float32[np.ndarray, "*rows components"]:
        """Project values of a layer onto the principal axes of the PCA."""
        return np.asarray((values - self.mean) @ self.components.T, np.float32)


def principal_axes(values: Float[np.ndarray, "rows units"], count: int) -> PCA:
    """Compute the first axes of a PCA in float64; the largest entry of each axis is positive."""
    wide = values.astype(np.float64)
    mean = wide.mean(axis=0)
    # By the covariance rather than an SVD: 128 units make it small, however many images there are.
    variances, vectors = np.linalg.eigh(np.cov(wide, rowvar=False))
    order = np.argsort(-variances)[:count]
    components = vectors.T[order]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    # The sign of an eigenvector is arbitrary; a rule makes artifacts of two runs comparable.
    components *= np.sign(largest)
    # Rounding leaves variances that are 0 slightly below it; a constant layer has no others.
    variances = variances.clip(0)
    shares = variances[order] / (variances.sum() or 1)
    narrow = (each.astype(np.float32) for each in (mean, components, shares))
    return PCA(*narrow)
