"""Encoded answers: NPZ with tensors of any name, and floats that are rounded."""

import io
import json
from typing import Any

import numpy as np
import pytest

from probes.figures.figures import Tensor, Tiles
from probes.output.encode import to_json, to_npz
from probes.output.results import ProbeResult
from tests.probes.pictures import tensor


def result(name: str) -> ProbeResult:
    """Result with two maps of a name."""
    return ProbeResult({"model": "m"}, Tiles("t", tensor((2, 3, 4), "channel y x", name=name)))


@pytest.mark.parametrize("name", ["file", "allow_pickle", "args", "arr_0", "maps"])
def test_npz_has_tensors_of_any_name(name: str) -> None:
    """A layer may have the name of an argument of `numpy.savez`."""
    given = result(name)
    with np.load(io.BytesIO(to_npz(given))) as found:
        assert found.files == ["metadata", name]
        assert np.array_equal(found[name], given.tensors[name].values)
        assert json.loads(str(found["metadata"]))["model"] == "m"


def test_npz_has_the_bytes_of_numpy() -> None:
    """Members have no date, so that equal answers have equal bytes: those of `numpy.savez`."""
    given, file = result("maps"), io.BytesIO()
    content = to_npz(given)
    with np.load(io.BytesIO(content)) as found:
        members: dict[str, Any] = dict(found)
    np.savez(file, **members)

    assert content == file.getvalue()


def rounded(values: np.ndarray, precision: int) -> Any:
    """Values of an answer in JSON with a precision."""
    one = Tensor("values", "statistic", ("at",), values)
    answer = ProbeResult({}, Tiles("t", one))
    return json.loads(to_json(answer, 10**6, "nested", precision))["tensors"][0]["data"]


@pytest.mark.parametrize("precision", [0, 3, 9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_precision_makes_large_values_infinite(dtype: type, precision: int) -> None:
    """The largest floats have no decimals, and no power of ten to be multiplied by."""
    most = float(np.finfo(dtype).max)
    values = np.array([most, -most, most / 10, 0.123456789, -0.5], dtype)
    found = rounded(values, precision)

    assert np.array_equal(np.array(found[:3], dtype), values[:3])
    assert found[3:] == pytest.approx(np.round([0.123456789, -0.5], precision), rel=1e-7)


def test_values_with_no_further_decimals_are_exact() -> None:
    """A product with a power of ten would round them to a neighbour."""
    values = np.random.default_rng(0).uniform(1, 1000, 1000).astype(np.float32)

    assert np.array_equal(np.array(rounded(values, 9), np.float32), values)


def test_values_that_are_not_finite_are_null() -> None:
    """Rounding leaves them as they are."""
    values = np.array([np.nan, np.inf, -np.inf, 1.26], np.float32)

    assert rounded(values, 1) == [None, None, None, pytest.approx(1.3)]
