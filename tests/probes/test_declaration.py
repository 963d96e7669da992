"""Probe calls: extra fields by their type, and the model context that a figure needs."""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

from api.errors.parameters import choice_problem
from models.architecture import Architecture
from probes.cnn.edits import Edits
from probes.cnn.interventions import SweepSource
from probes.declaration import (
    ChoiceError,
    LayerChoice,
    ModelContext,
    Parameters,
    Probe,
    ProbeCall,
    ProbeInput,
    check_choices,
    choices_of,
)
from probes.rnn.gates import Selection, summary
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


def test_a_summary_needs_unit_statistics() -> None:
    """Without them in the model context the figure says so."""
    call = ProbeCall(ModelContext(SIMPLE_CNN, {}), ProbeInput(), Selection())

    with pytest.raises(ValueError, match="needs unit statistics"):
        summary(call.with_outputs({}))


class _Chosen(Parameters):
    """Parameters of which two are marked as names of the network's layers."""

    layer: Annotated[str | None, LayerChoice(lambda architecture: architecture.kernels)] = None
    values: Annotated[tuple[str, ...], LayerChoice(lambda network: network.layers)] = ("logits",)
    other: str = "none of them"


def test_choices_are_names_of_the_network() -> None:
    """Marked parameters take the names that the architecture has; others take anything."""
    assert choices_of(_Chosen)["layer"].names(SIMPLE_CNN)[0] == "conv1"
    assert list(choices_of(_Chosen)) == ["layer", "values"]

    check_choices(_Chosen(), SIMPLE_CNN)
    check_choices(_Chosen(layer="conv2", values=("relu4", "logits")), SIMPLE_CNN)
    with pytest.raises(ChoiceError, match="layer must be one of conv1, conv2, conv3"):
        check_choices(_Chosen(layer="relu1"), SIMPLE_CNN)
    with pytest.raises(ChoiceError) as caught:
        check_choices(_Chosen(values=("cell", "logits", "x y")), SIMPLE_CNN)
    assert caught.value.unknown == ("cell", "x y")


def test_an_unknown_name_is_worded_as_any_other_choice() -> None:
    """The problem names each value and the names; the error is that of the query, not an input."""
    error = ChoiceError("values", ["cell", "x y"], ["conv1", "logits"])
    problem = choice_problem(error.of_input(3))

    assert problem.detail == "value 'cell' is not one of conv1, logits"
    assert [one.location for one in problem.reasons] == [("query", "values")] * 2
    assert problem.reasons[1].reason == "this value is not one of conv1, logits"


def test_a_probe_applies_where_its_needs_are_met() -> None:
    """The first need that a model does not meet says why; artifacts are found by their kind."""
    counting = _Described(COUNTING_LSTM, {})
    picture = _Described(SIMPLE_CNN, {})
    embedding = artifact_need("embedding", "It was served without an embedding.")
    probe = Probe("image", "one", lambda _: None, needs=(COUNTS_BITS, embedding))

    assert probe.unmet(picture) is COUNTS_BITS
    assert probe.unmet(counting) is embedding
    assert probe.unmet(_Described(COUNTING_LSTM, {"embedding": None})) is None
