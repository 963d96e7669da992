"""A counting network whose layers have other names has the figures of the shipped one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.derivation import read_architecture
from models.model_files import shipped_files
from models.runtime import checkpoints
from probes import PROBES
from probes.declaration import ModelContext, ProbeCall, ProbeInput
from probes.figures.figures import measures, tensors
from tests.networks import COUNTING_LSTM, RENAMED, copy_renamed


def said_of(model: ModelContext, name: str, **query: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the tensors and measures of a probe of the weights, by name."""
    (probe,) = (one for one in PROBES if (one.family, one.name) == ("sequence", name))
    call = ProbeCall(model, ProbeInput(), probe.parameters(**query))
    figure = probe.figure(call.with_outputs({}))
    return (
        {one.name: one.values for one in tensors(figure)},
        {one.name: one.value for one in measures(figure)},
    )


@pytest.mark.parametrize(
    ("name", "query"),
    [("weights", {}), ("dynamics", {"sequences": 4}), ("findings", {"finding": ["gates_decide"]})],
)
def test_a_renamed_network_has_the_same_figures(
    name: str, query: Mapping[str, Any], tmp_path: Path
) -> None:
    """All values are equal to the bit; names of tensors have those of the layers."""
    copy_renamed("lstm", tmp_path / "copy")
    weights = checkpoints.load(tmp_path / "copy" / "weights.safetensors").tensors
    renamed = ModelContext(read_architecture(tmp_path / "copy"), weights)
    shipped = ModelContext(COUNTING_LSTM, checkpoints.load(shipped_files("lstm").weights).tensors)

    found, expected = (said_of(model, name, **query) for model in (renamed, shipped))

    assert found[1] == expected[1]
    assert len(found[0]) == len(expected[0])
    for key, values in expected[0].items():
        layer, dot, rest = key.partition(".")
        new = f"{RENAMED['lstm'].get(layer, layer) if dot else layer}{dot}{rest}"
        np.testing.assert_array_equal(found[0][new], values)
