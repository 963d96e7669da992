"""Bodies with several inputs, and the comparison of two answers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

JSON = {"Content-Type": "application/json"}
BUCKETS = {"rtol": 2e-5, "atol": 2e-5}
"""Tolerances between the buckets of a program: they compile to different reductions."""

STATE = {"cell": [0.5] * 8, "hidden": [-0.25] * 8}
SEQUENCES: list[dict[str, Any]] = [
    {"sequence": "10110"},
    {"sequence": [1, 0, 0]},
    {"sequence": "0111" * 150},
    {"sequence": "1", "initial_state": STATE},
    {"sequence": "10110"},
]


def assert_alike(
    one: Any, other: Any, place: str = "", within: Mapping[str, float] = BUCKETS
) -> None:
    """Check that two answers are equal, floats within tolerances."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        assert one.keys() == other.keys(), place
        for key in one:
            assert_alike(one[key], other[key], f"{place}.{key}", within)
    elif isinstance(one, list) and one and isinstance(one[0], dict):
        assert len(one) == len(other), place
        for at, (this, that) in enumerate(zip(one, other, strict=True)):
            assert_alike(this, that, f"{place}[{at}]", within)
    elif isinstance(one, float | list) and np.array(one).dtype.kind == "f":
        np.testing.assert_allclose(one, other, err_msg=place, **within)
    else:
        assert one == other, place


def files(pictures: list[bytes]) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Make a multipart form with one file for each picture."""
    return [("file", (f"{at}.png", data, "image/png")) for at, data in enumerate(pictures)]
