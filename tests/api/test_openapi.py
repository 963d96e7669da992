"""OpenAPI: the document, its examples, and the page at /docs that shows it."""

import json
import re
import sys
from itertools import cycle
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.app import create_app
from api.openapi import model_schemas
from api.openapi.examples import EXAMPLES
from api.openapi.references import inlined
from api.openapi.spec import schemas
from api.settings import Settings
from tests.clients.documents import blocks
from tests.networks import (
    COLOURS_TOML,
    FEATURES_TOML,
    GREY_TOML,
    LETTERS_TOML,
    WORDS_TOML,
    write_network,
)
from tests.tools import NODE, module, run

TOMLS = (COLOURS_TOML, LETTERS_TOML, GREY_TOML, WORDS_TOML, FEATURES_TOML)


def test_openapi_is_what_generators_like(client: TestClient) -> None:
    """Operation IDs are unique; tags, examples, binary schemas exist; every $ref resolves."""
    text = inlined(client.get("/openapi.json").json())

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


def test_openapi_describes_the_token(client: TestClient) -> None:
    """Generated clients and /docs know the header of the token, and that a server may need none."""
    text = client.get("/openapi.json").json()

    scheme = text["components"]["securitySchemes"]["token"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert text["security"] == [{}, {"token": []}]


def test_examples_are_what_their_schemas_say() -> None:
    """Every example in the OpenAPI document validates against its schema."""
    kinds = {
        "image": schemas.ImageAnswer,
        "sequence": schemas.SequenceAnswer,
        "query": schemas.SequenceAnswer,
        "weights": schemas.WeightsAnswer,
        "model": model_schemas.ModelEntry,
        "models": model_schemas.ModelList,
        "tour": model_schemas.TourEntry,
        "findings": schemas.FindingList,
        "samples": schemas.SampleList,
        "colormaps": schemas.ColourMapList,
        "signed": schemas.SignedAddress,
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


def documented(folder: Path, networks: int) -> dict[str, Any]:
    """Return the OpenAPI document of a server with networks of five kinds, in turn."""
    for index, text in zip(range(networks), cycle(TOMLS), strict=False):
        write_network(folder / f"net-{index}", text, index)
    return create_app(Settings(models=folder)).openapi()


def compact(document: dict[str, Any]) -> int:
    """Return the size of a document as compact JSON, in bytes."""
    return len(orjson.dumps(document))


def test_the_document_grows_by_families_and_not_by_networks(app: FastAPI, tmp_path: Path) -> None:
    """Two models take at most 450 kB, ten at most 600 kB, and twenty hardly more than ten."""
    ten, twenty = documented(tmp_path / "ten", 8), documented(tmp_path / "twenty", 18)

    assert compact(app.openapi()) <= 450_000
    assert compact(ten) <= 600_000
    assert ten["paths"].keys() == twenty["paths"].keys()
    assert {"/cnn/predict", "/lstm/gates.jsonl", "/{model}/predict"} <= ten["paths"].keys()
    assert not any(path.startswith("/net-") for path in twenty["paths"])


def test_a_probe_of_both_families_is_one_path(tmp_path: Path) -> None:
    """Its body and its answer are those of either, and the model is one of both families'."""
    paths = inlined(documented(tmp_path / "five", 5))["paths"]
    predict, maps = paths["/{model}/predict"]["post"], paths["/{model}/activations"]["post"]

    body = predict["requestBody"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in body["oneOf"]] == [
        "ImageBody",
        "SequenceBody",
    ]
    answer = predict["responses"]["200"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in answer["oneOf"]] == [
        "ImageAnswer",
        "SequenceAnswer",
    ]
    parameters = {one["name"]: one for one in predict["parameters"]}
    assert sorted(parameters["model"]["schema"]["enum"]) == [f"net-{at}" for at in range(5)]
    assert parameters["preprocess"]["description"].startswith("For networks of images: ")
    assert parameters["initial_steps"]["description"].startswith("For networks of sequences: ")
    assert "For networks" not in parameters["scale"]["description"]
    named = {one["name"]: one for one in maps["parameters"]}
    assert sorted(named["model"]["schema"]["enum"]) == ["net-0", "net-2"]
    queried = paths["/{model}/predict"]["get"]["parameters"][0]["schema"]["enum"]
    assert queried == ["net-1"]  # words and numbers do not fit in a query


def test_generated_python_reads_twenty_models(tmp_path: Path) -> None:
    """The generator leaves out no operation of twenty models."""
    (tmp_path / "openapi.json").write_bytes(orjson.dumps(documented(tmp_path / "models", 18)))
    (overrides,) = blocks("yaml")
    (tmp_path / "generate.yml").write_text(overrides + "post_hooks: []\n")

    said = run(
        sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--path",
        "openapi.json", "--config", "generate.yml", "--output-path", "generated", cwd=tmp_path,
    )  # fmt: skip

    assert "WARNING" not in said
    assert (tmp_path / "generated" / "api" / "networks" / "networks_predict.py").exists()


def test_generated_typescript_reads_twenty_models(tmp_path: Path) -> None:
    """The generator names the operations of the families."""
    (tmp_path / "openapi.json").write_bytes(orjson.dumps(documented(tmp_path / "models", 18)))

    run(
        NODE,
        module("@hey-api/openapi-ts/bin/run.js"),
        "-i",
        "openapi.json",
        "-o",
        "made",
        cwd=tmp_path,
    )

    made = (tmp_path / "made" / "sdk.gen.ts").read_text()
    assert {"networksPredict", "networksGatesJsonl", "cnnPredict"} <= set(re.findall(r"\w+", made))
