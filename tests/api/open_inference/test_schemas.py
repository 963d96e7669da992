"""Open Inference Protocol in OpenAPI: examples and answers are what the schemas say."""

import numpy as np
import pytest
from pydantic import TypeAdapter
from starlette.testclient import TestClient

from api.openapi import inference
from tests.api.open_inference.tensors import json_request

ASKED = {
    "v2_server": "/v2",
    "v2_live": "/v2/health/live",
    "v2_ready": "/v2/health/ready",
    "v2_model": "/v2/models/lstm",
    "v2_model_ready": "/v2/models/lstm/ready",
    "v2_config": "/v2/models/cnn/config",
    "v2_stats": "/v2/models/cnn/stats",
    "v2_all_stats": "/v2/models/stats",
}


@pytest.mark.parametrize("name", inference.EXAMPLES)
def test_examples_are_what_their_schemas_say(name: str) -> None:
    """Every example of the document validates against its schema."""
    schema, example = inference.EXAMPLES[name]

    TypeAdapter(schema).validate_python(example)


@pytest.mark.parametrize("name", inference.EXAMPLES)
def test_answers_are_what_their_schemas_say(name: str, client: TestClient) -> None:
    """Every answer has the keys of its schema, and no others."""
    steps = json_request({"sequence": np.array([[1, 0]], np.uint8)}, id="7")
    posted = {
        "v2_infer": ("/v2/models/lstm/infer", steps),
        "v2_index": ("/v2/repository/index", {"ready": True}),
    }

    if name in posted:
        path, body = posted[name]
        answer = client.post(path, json=body)
    else:
        answer = client.get(ASKED[name])

    assert answer.status_code == 200
    TypeAdapter(inference.EXAMPLES[name][0]).validate_python(answer.json())


def test_errors_are_what_their_schema_says(client: TestClient) -> None:
    """An error has `error` and the members of a problem."""
    answer = client.post("/v2/models/lstm/infer", json={})

    assert inference.InferenceProblem.model_validate(answer.json()).error == answer.json()["detail"]
