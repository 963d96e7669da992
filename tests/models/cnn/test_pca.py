"""PCA: axes and shares of variance, of values that vary and of constant ones."""

import numpy as np
import pytest

from models.cnn.pca import principal_axes


def test_shares_are_those_of_the_singular_values() -> None:
    """Variances along the axes are squared singular values of the centred values."""
    values = np.random.default_rng(0).normal(size=(50, 6)) * (5, 4, 3, 2, 1, 0.5)
    squares = np.linalg.svd(values - values.mean(axis=0), compute_uv=False) ** 2

    found = principal_axes(values, 4)

    np.testing.assert_allclose(found.explained_variance, (squares / squares.sum())[:4], rtol=1e-5)


@pytest.mark.parametrize("varying", [0, 1, 3])
def test_shares_of_constant_units_are_0(varying: int) -> None:
    """A constant layer explains no variance, and rounding brings no share below 0."""
    values = np.full((50, 12), 0.1, np.float32)
    values[:, :varying] = np.random.default_rng(1).normal(size=(50, varying))
    if varying:
        values[:, varying:] = values[:, :1]

    shares = principal_axes(values, 8).explained_variance

    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(float(varying > 0), abs=1e-6)
