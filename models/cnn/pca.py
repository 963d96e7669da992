"""The principal axes of what a layer makes of a data set."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32


class PCA(NamedTuple):
    """The directions along which values vary most, the first one most.

    Attributes:
        shares: Of the whole variance that lies along each.
    """

    mean: Float32[np.ndarray, " units"]
    components: Float32[np.ndarray, "components units"]
    shares: Float32[np.ndarray, " components"]

    def place(
        self, values: Float[np.ndarray, "*rows units"]
    ) -> Float32[np.ndarray, "*rows components"]:
        """Return the coordinates of values along the axes."""
        return np.asarray((values - self.mean) @ self.components.T, np.float32)


def principal_axes(values: Float[np.ndarray, "rows units"], count: int) -> PCA:
    """Find the first axes, in float64; of each the largest entry is positive."""
    wide = values.astype(np.float64)
    mean = wide.mean(axis=0)
    variances, vectors = np.linalg.eigh(np.cov(wide, rowvar=False))
    order = np.argsort(-variances)[:count]
    components = vectors.T[order]
    largest = np.take_along_axis(components, np.abs(components).argmax(axis=1)[:, None], axis=1)
    components *= np.sign(largest)
    shares = variances[order] / variances.sum()
    narrow = (each.astype(np.float32) for each in (mean, components, shares))
    return PCA(*narrow)
