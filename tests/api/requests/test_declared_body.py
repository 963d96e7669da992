"""Declared bodies: one model validates a body and documents it in OpenAPI."""

import base64
from typing import Any

import numpy as np
import pytest

from api.errors.problem import Problem
from api.openapi import spec
from api.requests.declared_body import DeclaredBody
from api.requests.image_body import ImageInput
from api.requests.posted import parse_body
from api.requests.probe_body import BODIES, body_of
from models.architecture import Architecture
from probes import PROBES
from probes.cnn.edits import Edits
from probes.declaration import Probe
from tests.api.bodies import DIGIT, PICTURE, json_body
from tests.networks import COLOURS, COUNTING_LSTM, SIMPLE_CNN

POSTED = [probe for probe in PROBES if probe.input]
INTERVENE = next(probe for probe in PROBES if (probe.family, probe.name) == ("image", "intervene"))
PATCHING = next(probe for probe in PROBES if (probe.family, probe.name) == ("sequence", "patching"))


def problem_of(value: object, declaration: type[DeclaredBody]) -> Problem:
    """Return the problem of a JSON body."""
    with pytest.raises(Problem) as caught:
        parse_body(json_body(value), declaration, network_of(declaration))
    return caught.value


def network_of(declaration: type[DeclaredBody]) -> Architecture:
    """Return a network that a body is for: one of colours, or the LSTM."""
    return COLOURS if issubclass(declaration, ImageInput) else COUNTING_LSTM


@pytest.mark.parametrize("probe", POSTED, ids=lambda probe: f"{probe.family}.{probe.name}")
def test_the_examples_of_openapi_are_valid(probe: Probe) -> None:
    """Every JSON example of a request body passes the declaration that OpenAPI refers to."""
    described = spec.request_body(probe.family, probe)["requestBody"]
    content = described["content"]["application/json"]

    assert content["schema"] == {"$ref": f"#/components/schemas/{body_of(probe).__name__}"}
    for example in content["examples"].values():
        parsed = parse_body(json_body(example["value"]), body_of(probe), network_of(body_of(probe)))
        assert parsed.container == ("inputs" if "inputs" in example["value"] else None)
        assert len(parsed.inputs) == len(example["value"].get("inputs", [None]))


@pytest.mark.parametrize("declaration", [*BODIES.values(), body_of(INTERVENE), body_of(PATCHING)])
def test_the_keys_of_the_schema_are_those_of_the_body(declaration: type[DeclaredBody]) -> None:
    """A key that OpenAPI does not list is rejected with the list of those that it does."""
    schema = declaration.model_json_schema()
    problem = problem_of({"other": 1}, declaration)

    keys = ", ".join(schema["properties"])
    assert problem.detail == f"The body has key 'other', which is not one of {keys}."
    assert schema["additionalProperties"] is False


def test_extra_fields_are_validated_with_the_input() -> None:
    """The input of a probe is an instance of its `body` model, with a null field at its default."""
    value: Any = {"pixels": DIGIT.tolist(), "edits": None, "source": {"pixels": DIGIT.tolist()}}
    [found] = parse_body(json_body(value), body_of(INTERVENE), SIMPLE_CNN).inputs

    assert isinstance(found.extra, Edits)
    assert found.extra.edits == ()
    assert found.source.pixels.tolist() == DIGIT.tolist()


def test_errors_of_extra_fields_are_reported_together() -> None:
    """Each wrong key of an edit is a reason with its location; the detail is the first."""
    edits = [{"layer": "conv1"}, {"layer": "relu1", "operation": "cut"}]
    problem = problem_of({"pixels": [[0]], "edits": edits}, body_of(INTERVENE))

    assert problem.kind == "invalid-body"
    assert [reason.location for reason in problem.reasons] == [
        ("body", "edits", 0, "operation"),
        ("body", "edits", 1, "operation"),
    ]
    assert problem.detail == problem.reasons[0].reason
    assert problem.detail.startswith("edits[0].operation: ")


@pytest.mark.parametrize("inputs", [None, [{"sequence": "1"}]])
def test_a_required_extra_field_is_required_of_each_input(inputs: object) -> None:
    """A patching request without `source` is rejected, alone and in `inputs`."""
    value = {"sequence": "1"} if inputs is None else {"inputs": inputs}
    problem = problem_of(value, body_of(PATCHING))

    place = () if inputs is None else ("inputs", 0)
    assert [reason.location for reason in problem.reasons] == [("body", *place, "source")]


def test_a_fault_of_a_source_has_its_location() -> None:
    """The location of an error in the second input starts with the input that it belongs to."""
    value = {"inputs": [{"pixels": [[0]], "source": {"pixels": [[0], [256]]}}]}
    problem = problem_of(value, body_of(INTERVENE))

    assert problem.kind == "invalid-image"
    assert problem.reasons[0].location == ("body", "inputs", 0, "source", "pixels", 1)
    assert problem.detail.startswith("inputs[0]: source: Row 1 of 'pixels'")


def test_second_inputs_have_the_same_spellings() -> None:
    """Line breaks, axes of length 1 and commas are read in `source` and `inputs` too."""
    broken = base64.encodebytes(PICTURE).decode()
    images: Any = {"pixels": DIGIT[..., None].tolist(), "source": {"image": broken}}
    [found] = parse_body(json_body({"inputs": [images]}), body_of(INTERVENE), SIMPLE_CNN).inputs
    bits: Any = {"sequence": "1,0", "source": {"sequence": [True, 0.0]}}
    [other] = parse_body(json_body({"inputs": [bits]}), body_of(PATCHING), COUNTING_LSTM).inputs

    assert found.source.image == PICTURE
    np.testing.assert_array_equal(found.pixels, DIGIT)
    assert other.sequence.tolist() == other.source.sequence.tolist() == [1, 0]
