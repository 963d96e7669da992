"""Probe calls: extra fields by their type, and the model context that a figure needs."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

from models.architecture import Architecture
from probes.cnn.edits import Edits
from probes.cnn.interventions import SweepSource
from probes.declaration import (
    ModelContext,
    Parameters,
    Probe,
    ProbeCall,
    ProbeInput,
)
from probes.shared.needs import COUNTS_BITS, artifact_need
from tests.networks import COUNTING_LSTM, SIMPLE_CNN


class _Described(NamedTuple):
    """Model of which a need reads architecture and artifacts."""

    architecture: Architecture
    artifacts: Mapping[str, Any]


def test_extra_fields_have_the_type_of_the_body() -> None:
    """Extra fields of another model, or none, are an error that names both."""
    edits = Edits()

    assert ProbeInput(extra=edits).extra_as(Edits) is edits
    with pytest.raises(TypeError, match="extra fields must be Edits, not SweepSource"):
        ProbeInput(extra=SweepSource()).extra_as(Edits)
    with pytest.raises(TypeError, match="extra fields must be Edits, not NoneType"):
        ProbeInput().extra_as(Edits)


def test_a_context_is_its_call_with_outputs() -> None:
    """Model, input and parameters of the call are those of the figure's context."""
    call = ProbeCall(
        ModelContext(SIMPLE_CNN, {}), ProbeInput({"image": np.zeros((28, 28))}), Parameters()
    )
    context = call.with_outputs({"logits": np.array([[0.0, 9.0], [2.0, 1.0]])})

    assert context.model is call.model
    assert context.input is call.input
    assert context.parameters is call.parameters
    assert context.logits.tolist() == [2.0, 1.0]  # after the last step
    assert context.probabilities.argmax() == 0


def test_a_probe_applies_where_its_needs_are_met() -> None:
    """The first need that a model does not meet says why; artifacts are found by their kind."""
    counting = _Described(COUNTING_LSTM, {})
    picture = _Described(SIMPLE_CNN, {})
    embedding = artifact_need("embedding", "It was served without an embedding.")
    probe = Probe("image", "one", lambda _: None, needs=(COUNTS_BITS, embedding))

    assert probe.unmet(picture) is COUNTS_BITS
    assert probe.unmet(counting) is embedding
    assert probe.unmet(_Described(COUNTING_LSTM, {"embedding": None})) is None
