"""Probe calls: extra fields by their type, and the model context that a figure needs."""

import numpy as np
import pytest

from probes.cnn.edits import Edits
from probes.cnn.interventions import SweepSource
from probes.declaration import ModelContext, Parameters, ProbeCall, ProbeInput
from probes.rnn.gates import Selection, summary
from tests.networks import SIMPLE_CNN


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


def test_a_summary_needs_unit_statistics() -> None:
    """Without them in the model context the figure says so."""
    call = ProbeCall(ModelContext(SIMPLE_CNN, {}), ProbeInput(), Selection())

    with pytest.raises(ValueError, match="needs unit statistics"):
        summary(call.with_outputs({}))
