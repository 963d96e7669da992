"""Gauss-Legendre quadrature over the unit interval."""

from functools import cache

import numpy as np
from jaxtyping import Float


@cache
def gauss_legendre(n_steps: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Return nodes and weights of Gauss-Legendre quadrature from 0 to 1; the weights sum to 1."""
    places, weights = np.polynomial.legendre.leggauss(n_steps)
    return (places + 1.0) / 2.0, weights / 2.0
