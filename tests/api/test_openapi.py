"""OpenAPI: the document, its examples, and the page at /docs that shows it."""

import json
import re
from pathlib import Path

from starlette.testclient import TestClient

from api.openapi import model_schemas
from api.openapi.examples import EXAMPLES
from api.openapi.spec import schemas


def test_openapi_is_what_generators_like(client: TestClient) -> None:
    """Operation IDs are unique; tags, examples, binary schemas exist; every $ref resolves."""
    text = client.get("/openapi.json").json()

    operations = [one for path in text["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)
    assert {"cnn_activations", "cnn_activations_png", "lstm_gates", "get_lstm_gates"} <= set(names)
    for one in operations:
        assert one["tags"]
        assert "HTTPValidationError" not in json.dumps(one)
        for media, described in one["responses"]["200"]["content"].items():
            binary = described.get("schema", {}).get("format") == "binary"
            worded = media in {"application/json", "application/jsonl", "text/plain"}
            assert binary != worded, one["operationId"]
            assert "example" in described or media != "application/json", one["operationId"]
        for parameter in one.get("parameters", []):
            if "array" in json.dumps(parameter["schema"]):
                assert parameter["explode"] is False
        body = one.get("requestBody", {}).get("content", {}).get("application/json")
        assert body is None or body["examples"]
    wanted = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(text)))
    assert wanted <= set(text["components"]["schemas"])


def test_examples_are_what_their_schemas_say() -> None:
    """Every example in the OpenAPI document validates against its schema."""
    kinds = {
        "image": schemas.ImageAnswer,
        "sequence": schemas.SequenceAnswer,
        "query": schemas.SequenceAnswer,
        "weights": schemas.WeightsAnswer,
        "model": model_schemas.ModelEntry,
        "models": model_schemas.ModelList,
        "findings": schemas.FindingList,
        "samples": schemas.SampleList,
        "colormaps": schemas.ColourMapList,
        "livez": schemas.Status,
        "readyz": schemas.Status,
        "problem": schemas.ProblemAnswer,
    }

    assert set(kinds) == set(EXAMPLES)
    for name, kind in kinds.items():
        kind.model_validate(EXAMPLES[name])


def test_the_command_prints_the_openapi_description(client: TestClient, openapi_file: Path) -> None:
    """`python -m api --openapi` prints the document that the application serves."""
    assert json.loads(openapi_file.read_text()) == client.get("/openapi.json").json()


def test_docs_need_no_internet(client: TestClient) -> None:
    """The page at /docs loads its script and style from this server alone."""
    page = client.get("/docs").text

    sources = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert sources
    for source in sources:
        assert not source.startswith(("http", "//")), source
        assert client.get(source).status_code == 200, source
