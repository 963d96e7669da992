"""Statistics of large tensors: exact enough, and without BLAS."""

from typing import Any

import numpy as np
import pytest

from probes.output.encode import MAX_PYTHON_VALUES, Statistics


class WithoutBLAS(np.ndarray):
    """Array that refuses every product that NumPy hands to BLAS."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Call a ufunc other than the matrix product."""
        assert ufunc is not np.matmul
        plain = [one.view(np.ndarray) if isinstance(one, WithoutBLAS) else one for one in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Call a function other than a product."""
        assert function not in (np.dot, np.vdot, np.inner, np.tensordot)
        return super().__array_function__(function, types, args, kwargs)


@pytest.mark.parametrize("size", [MAX_PYTHON_VALUES + 1, 10_001, 500_000])
def test_the_deviation_of_many_values_is_exact(size: int) -> None:
    """Mean and deviation agree with extended precision to 1e-12."""
    values = np.random.default_rng(size).normal(0.3, 1.0, size).astype(np.float32)
    exact = values.astype(np.longdouble)
    found = Statistics(values)

    assert found["mean"] == pytest.approx(float(exact.mean()), rel=1e-12)
    assert found["std"] == pytest.approx(float(exact.std()), rel=1e-12)


def test_statistics_run_no_blas() -> None:
    """OpenBLAS would run a product of more than 10,000 values in threads that spin."""
    values = np.linspace(-1, 1, 20_000, dtype=np.float32)
    refusing = values.view(WithoutBLAS)
    with pytest.raises(AssertionError):
        _ = refusing @ refusing

    assert Statistics(refusing) == Statistics(values)
