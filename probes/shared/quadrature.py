"""Gauss-Legendre quadrature over the unit interval."""

from functools import cache

import numpy as np
from jaxtyping import Float


@cache
def nodes(count: int) -> tuple[Float[np.ndarray, " nodes"], Float[np.ndarray, " nodes"]]:
    """Return where on the way from 0 to 1 to look, and what each place counts for (sum 1)."""
    places, weights = np.polynomial.legendre.leggauss(count)
    return (places + 1.0) / 2.0, weights / 2.0
