"""Statistics of large tensors: exact enough, and without threads of BLAS."""

from typing import Any

import numpy as np
import pytest

from probes.output.encode import MAX_PYTHON_VALUES, Statistics

ONE_THREAD = 10_000
"""Values up to which OpenBLAS computes a dot product in one thread."""


class WithoutThreads(np.ndarray):
    """Array that refuses every product that OpenBLAS would compute in several threads."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Call a ufunc other than the matrix product."""
        assert ufunc is not np.matmul or inputs[0].size <= ONE_THREAD
        plain = [one.view(np.ndarray) if isinstance(one, WithoutThreads) else one for one in inputs]
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


def test_statistics_start_no_threads_of_blas() -> None:
    """A dot product of more than 10,000 values would run in threads of OpenBLAS that spin."""
    values = np.linspace(-1, 1, 20_000, dtype=np.float32)
    refusing = values.view(WithoutThreads)
    with pytest.raises(AssertionError):
        _ = refusing @ refusing

    assert Statistics(refusing) == Statistics(values)
