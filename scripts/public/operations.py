"""Public names of the operations in an OpenAPI document: parameters, keys and statuses."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.public.names import Names

Schema = Mapping[str, Any]


def operations(description: Mapping[str, Any]) -> Names:
    """List the public names of all operations, in the order of their paths.

    A key below another is written with its path: `prediction.label`; an item of a list has no
    mark of its own: `tensors.name`. Keys of errors begin with `problem.`.
    """
    schemas = description["components"]["schemas"]
    return {
        f"{method.upper()} {path} {operation['operationId']}": _kinds(operation, schemas)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    }


def _kinds(operation: Mapping[str, Any], schemas: Mapping[str, Schema]) -> dict[str, Any]:
    """List an operation's public names: parameters, body, responses; empty kinds are left out."""
    parameters = operation.get("parameters", ())
    found = {
        **{
            kind: [each["name"] for each in parameters if each["in"] == kind]
            for kind in ("path", "query")
        },
        "body": list(_content(operation.get("requestBody", {}), schemas)),
        "answer": list(_answers(operation["responses"], schemas)),
    }
    return {kind: tuple(sorted(set(words))) for kind, words in found.items() if words}


def _answers(responses: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Iterator[str]:
    """List an operation's public response names: statuses, with media types and keys."""
    for status, answer in responses.items():
        yield status
        before = "" if status.startswith("2") else "problem."
        yield from _content(answer, schemas, before)


def _content(
    described: Mapping[str, Any], schemas: Mapping[str, Schema], before: str = ""
) -> Iterator[str]:
    """List an operation's public names in a body or answer: media types and their keys."""
    for media_type, content in described.get("content", {}).items():
        yield media_type
        yield from _keys(content.get("schema", {}), schemas, before)


def _keys(schema: Schema, schemas: Mapping[str, Schema], before: str) -> Iterator[str]:
    """List an operation's public keys in a schema: of an object, of list items, of alternatives."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    for alternatives in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(alternatives, ()):
            yield from _keys(one, schemas, before)
    for one in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(one, Mapping):
            yield from _keys(one, schemas, before)
    for name, each in schema.get("properties", {}).items():
        yield f"{before}{name}"
        yield from _keys(each, schemas, f"{before}{name}.")
