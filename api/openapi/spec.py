"""OpenAPI document: request bodies and responses, in forms that client generators accept."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from api.errors.problem import MEDIA_TYPE as PROBLEM
from api.openapi import inference, schemas
from api.openapi.corrections import correct_operation, without_absent
from api.openapi.examples import EXAMPLES, LINES
from api.openapi.families import Families, describe_families
from api.openapi.references import share
from api.requests.probe_body import BODIES, body_of
from api.responses.negotiation import MEDIA_TYPES
from models.architecture import Architecture
from probes import PROBES
from probes.declaration import Probe
from probes.output.render import PictureFormat
from probes.shared import choices

BINARY = {"type": "string", "format": "binary"}

# 28x28 pixels would fill the page at /docs; 4x4 show the same form.
TINY_PIXELS = [[0, 0, 0, 0], [0, 255, 255, 0], [0, 0, 255, 0], [0, 0, 255, 0]]
TINY_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAAAAACMmsGiAAAAEklEQVR4nGNgYGD4/58BSIIgABbrA/14m52hAAAA"
    "AElFTkSuQmCC"
)

IMAGE_BODY: dict[str, Any] = {
    "required": True,
    "description": "PNG (at most 20 megapixels) or JPEG (at most 65, or 25 if it is progressive) "
    "of at most 24 MiB: raw (`application/octet-stream` too), as a form's file in any field, or in "
    "JSON as `image` (base64 or data URL) or `pixels` (rows of integers 0 to 255, or of floats 0 "
    "to 1). Several, at most 64 and 100 megapixels together: as `inputs` in JSON, or as several "
    "files of a form. A form's text fields may be query parameters.",
    "content": {
        "image/png": {"schema": BINARY},
        "image/jpeg": {"schema": BINARY},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {"file": {**BINARY, "contentMediaType": "application/octet-stream"}},
            }
        },
        "application/json": {
            "schema": {"$ref": "#/components/schemas/ImageBody"},
            "examples": {
                "pixels": {"value": {"pixels": TINY_PIXELS}},
                "image": {"value": {"image": f"data:image/png;base64,{TINY_PNG}"}},
                "several": {"value": {"inputs": [{"pixels": TINY_PIXELS}, {"image": TINY_PNG}]}},
            },
        },
    },
}
SEQUENCE_BODY: dict[str, Any] = {
    "required": True,
    "description": "1 to 4,096 bits, oldest first, and perhaps the state to start from; or 1 to 64 "
    "of these as `inputs`.",
    "content": {
        "application/json": {
            "schema": {"$ref": "#/components/schemas/SequenceBody"},
            "examples": {
                "text": {"value": {"sequence": "10110"}},
                "list": {"value": {"sequence": [1, 0, 1, 1, 0]}},
                "several": {"value": {"inputs": [{"sequence": "10110"}, {"sequence": [0, 1]}]}},
            },
        }
    },
}
REQUEST_BODIES = {"image": IMAGE_BODY, "sequence": SEQUENCE_BODY}

EXAMPLE_INPUTS: Mapping[str, dict[str, Any]] = {
    "image": {"pixels": TINY_PIXELS},
    "sequence": {"sequence": "10110"},
}
ANSWERS = {
    "image": schemas.ImageAnswer,
    "sequence": schemas.SequenceAnswer,
    "query": schemas.SequenceAnswer,
    "weights": schemas.WeightsAnswer,
}


def request_body(source: str, probe: Probe | None = None) -> dict[str, Any]:
    """Return the OpenAPI `requestBody` of a route: an input, with its probe's extra fields."""
    if source not in REQUEST_BODIES:
        return {}
    described = REQUEST_BODIES[source]
    if probe is None or probe.body is None:
        return {"requestBody": described}
    schema = {"$ref": f"#/components/schemas/{body_of(probe).__name__}"}
    example = {**EXAMPLE_INPUTS[source], **probe.posted}
    json_body = {"schema": schema, "examples": {"one": {"value": example}}}
    content = {**described["content"], "application/json": json_body}
    return {"requestBody": {**described, "content": content}}


def responses(source: str, *, picture: PictureFormat | None) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a probe's route."""
    forms = (picture,) if picture else tuple(MEDIA_TYPES)
    content: dict[str, Any] = {MEDIA_TYPES[form]: {"schema": BINARY} for form in forms}
    described: dict[str, Any] = {"description": "The answer.", "content": content}
    if not picture:
        content["application/json"] = {"example": EXAMPLES[source]}
        described["model"] = ANSWERS[source]
    return {200: described, **problems()}


def lines(media_type: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a route that sends JSON lines."""
    content = {media_type: {"schema": {"type": "string"}, "example": LINES}}
    return {200: {"description": "One line for each step.", "content": content}, **problems()}


def answers(operation: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of an operation other than a probe, with an example."""
    content = {"application/json": {"example": EXAMPLES[operation]}}
    return {200: {"content": content}, **problems()}


def problems() -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI error responses of every operation."""
    schema = {"$ref": "#/components/schemas/ProblemAnswer"}
    content = {PROBLEM: {"schema": schema, "example": EXAMPLES["problem"]}}
    return {
        "4XX": {
            "description": "The request is not valid; `detail` names the fault.",
            "content": content,
        },
        "5XX": {"description": "The server is busy or failed.", "content": content},
    }


TOKEN: Mapping[str, str] = {
    "type": "http",
    "scheme": "bearer",
    "description": "Token of the server, where it needs one.",
}
"""Security scheme of the API in OpenAPI, by which generated clients send the token."""


def describe(
    app: FastAPI, families: Families, queries: Mapping[str, type[BaseModel]]
) -> dict[str, Any]:
    """Return the OpenAPI document of an application, corrected for client generators.

    Args:
        app: Application with its engine.
        families: Operations of the user's networks, which are described once for a family.
        queries: Query model of each operation of a shipped network, by its path.
    """
    if app.openapi_schema is None:
        text = FastAPI.openapi(app)
        models = {name: one.architecture for name, one in app.state.engine.models.items()}
        _describe_choices(text["paths"], models, queries)
        paths, found = describe_families(families)
        text["paths"] |= paths
        components = text["components"]["schemas"]
        components |= found
        for operation in (each for path in text["paths"].values() for each in path.values()):
            correct_operation(operation)
        for name in ("HTTPValidationError", "ValidationError"):
            components.pop(name, None)
        # Routes read bodies and raise problems on their own: FastAPI does not know these schemas.
        named: tuple[type[BaseModel], ...] = (
            schemas.ProblemAnswer,
            inference.InferenceProblem,
            inference.InferenceRequest,
            *BODIES.values(),
            *map(body_of, PROBES),
        )
        for model in named:
            written = model.model_json_schema(ref_template="#/components/schemas/{model}")
            components |= written.pop("$defs", {})
            components[model.__name__] = written
        _describe_bodies(components, models)
        for component in components.values():
            without_absent(component)
        share(text)
        text["components"]["securitySchemes"] = {"token": TOKEN}
        text["security"] = [{}, {"token": []}]  # a server may need none
        app.openapi_schema = text
    return app.openapi_schema


def _describe_choices(
    paths: dict[str, Any],
    models: Mapping[str, Architecture],
    queries: Mapping[str, type[BaseModel]],
) -> None:
    """Add the layers and classes of each model to the parameters of its operations in OpenAPI."""
    for path, operations in paths.items():
        if path not in queries:
            continue
        model = models[path.split("/")[1]]
        for operation in operations.values():
            schema = {one["name"]: one["schema"] for one in operation.get("parameters", ())}
            choices.describe(queries[path], {"properties": schema}, model)


def _describe_bodies(components: dict[str, Any], models: Mapping[str, Architecture]) -> None:
    """Add the layers of a model to the schemas of bodies in OpenAPI."""
    for probe in PROBES:
        # Networks of a family share the schemas of bodies: they have the layers of a single one.
        family = [one for one in models.values() if one.family == probe.family]
        if probe.body is None or len(family) != 1:
            continue
        for model in choices.nested(probe.body):
            choices.describe(model, components[model.__name__], family[0])
