"""Pools of imported ONNX graphs: which zeros of a padding count in a mean."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.importers.errors import ConversionError
from models.importers.onnx_reader import import_onnx
from tests.models.importers.test_onnx import assert_values_of_onnx, drawn, made

END = [
    ("GlobalMaxPool", ["p"], ["q"]),
    ("Flatten", ["q"], ["f"]),
    ("MatMul", ["f", "w"], ["y"]),
]
ALL, END_ONLY = [1, 1, 1, 1], [0, 0, 1, 1]
PADS = {"around": [0, 0, 1, 1, 0, 0, 1, 1], "after": [0, 0, 0, 0, 0, 0, 1, 1]}


def mean(side: int, stride: int, **more: Any) -> dict[str, Any]:
    """Return the attributes of an average pool of square windows."""
    return {"kernel_shape": [side, side], "strides": [stride, stride], **more}


MEANS = {
    "zeros before a pool without padding": ("around", mean(3, 1), 4),
    "zeros and padding that both count": ("around", mean(3, 1, pads=ALL, count_include_pad=1), 4),
    "zeros before a pool with ceil": ("around", mean(3, 2, ceil_mode=1), 4),
    "zeros at the end before a pool with ceil": ("after", mean(2, 2, ceil_mode=1), 5),
    "padding at the end that counts, with ceil": (
        None,
        mean(2, 2, ceil_mode=1, pads=END_ONLY, count_include_pad=1),
        5,
    ),
    "padding that does not count, with ceil": (None, mean(3, 2, ceil_mode=1, pads=ALL), 4),
}


def graph(tmp_path: Path, pads: str | None, attributes: dict[str, Any], side: int) -> Path:
    """Write an ONNX file of an average pool, with zeros around the image before it."""
    zeros = [("Pad", ["x", pads], ["z"])] if pads else [("Identity", ["x"], ["z"])]
    constants = {name: np.array(one) for name, one in PADS.items()} | {"w": drawn(3, 4)}
    pool = ("AveragePool", ["z"], ["p"], attributes)
    return made(tmp_path, [*zeros, pool, *END], constants, (1, 3, side, side))


@pytest.mark.parametrize("name", MEANS)
def test_zeros_count_in_the_means_of_onnx(tmp_path: Path, name: str) -> None:
    """Zeros of a Pad count, those of the pool as it says, and what is beyond both does not."""
    pads, attributes, side = MEANS[name]
    # Values below 0 alone, so that the largest mean is one of a border.
    given = -1 - np.abs(drawn(1, 3, side, side))

    assert_values_of_onnx(graph(tmp_path, pads, attributes, side), given)


@pytest.mark.parametrize("rule", [{"pads": ALL}, {"auto_pad": "SAME_UPPER"}])
def test_zeros_that_count_beside_padding_that_does_not_are_refused(
    tmp_path: Path, rule: dict[str, Any]
) -> None:
    """A line has one padding, which counts in a mean or does not."""
    reason = "zeros around maps count in the means of a pool whose own padding does not, which"

    with pytest.raises(ConversionError, match=re.escape(reason)):
        import_onnx(graph(tmp_path, "around", mean(3, 1, **rule), 4), "made")
