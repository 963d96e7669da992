"""API contract of a server, its OpenAPI document: operations, and the parts that are compared."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

TEXTS = frozenset(("title", "description", "summary", "examples", "example"))
METHODS = frozenset(("get", "post", "put", "patch", "delete"))


@dataclass(frozen=True)
class Parameter:
    """Parameter of an operation in the API contract; its schema has no references left."""

    name: str
    location: str
    required: bool
    schema: Mapping[str, Any]

    @property
    def is_list(self) -> bool:
        """Whether a parameter of the API contract takes several values."""
        return self.schema.get("type") == "array"


@dataclass(frozen=True)
class Operation:
    """Operation of the API contract: one method of one path.

    Attributes:
        bodies: Media types that it reads.
        body_keys: Paths of the keys of its JSON body, such as `edits[].layer`.
        answers: Media types of its 200.
    """

    method: str
    path: str
    parameters: tuple[Parameter, ...]
    bodies: tuple[str, ...]
    body_keys: frozenset[str]
    answers: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of an operation of the API contract: method and path template."""
        return f"{self.method} {self.path}"

    @property
    def stem(self) -> str:
        """Path of an operation of the API contract, without the suffix `.png` of its picture."""
        return self.path.removesuffix(".png")

    @property
    def is_picture(self) -> bool:
        """Whether the path of an operation of the API contract asks for a picture itself."""
        return self.path.endswith(".png")

    def parameter(self, name: str) -> Parameter | None:
        """Return an operation's parameter in the API contract by name; None without it."""
        return next((one for one in self.parameters if one.name == name), None)


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """List the operations of an API contract, an OpenAPI document."""
    return [
        _operation(document, method, path, {**shared, **described})
        for path, methods in document["paths"].items()
        for shared in [{"parameters": methods.get("parameters", [])}]
        for method, described in methods.items()
        if method in METHODS
    ]


def _operation(
    document: Mapping[str, Any], method: str, path: str, described: Mapping[str, Any]
) -> Operation:
    bodies = described.get("requestBody", {}).get("content", {})
    keys = keys_of(document, bodies.get("application/json", {}).get("schema", {}))
    parameters = tuple(
        Parameter(
            one["name"],
            one["in"],
            bool(one.get("required")),
            _plain(resolved(document, one["schema"])),
        )
        for one in (_held(document, each) for each in described.get("parameters", ()))
    )
    answers = _held(document, described["responses"].get("200", {})).get("content", {})
    return Operation(
        method.upper(), path, parameters, tuple(bodies), frozenset(keys), tuple(answers)
    )


def _plain(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a nullable schema of the API contract without its null."""
    variants = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(variants) != 1:
        return schema
    return {**{key: value for key, value in schema.items() if key != "anyOf"}, **variants[0]}


def resolved(document: Mapping[str, Any], value: Any) -> Any:
    """Replace references in an API contract by their schemas and leave out the texts."""
    if isinstance(value, list):
        return [resolved(document, one) for one in value]
    if not isinstance(value, dict):
        return value
    if reference := value.get("$ref"):
        value = {**_referenced(document, reference), **value}
    # The names of properties can be those of texts, such as `title` of a model.
    return {
        key: {name: resolved(document, one) for name, one in inner.items()}
        if key == "properties"
        else resolved(document, inner)
        for key, inner in value.items()
        if key != "$ref" and (key not in TEXTS or key == "properties")
    }


def _held(document: Mapping[str, Any], one: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a parameter or response of the API contract, perhaps one that operations share."""
    return _referenced(document, one["$ref"]) if "$ref" in one else one


def _referenced(document: Mapping[str, Any], reference: str) -> Mapping[str, Any]:
    found: Any = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return dict(found)


def keys_of(document: Mapping[str, Any], schema: Mapping[str, Any]) -> set[str]:
    """List the paths of all keys that a schema of the API contract names."""
    return set(_keys(resolved(document, schema), ""))


def _keys(schema: Mapping[str, Any], inside: str) -> Iterator[str]:
    for name, inner in schema.get("properties", {}).items():
        path = f"{inside}.{name}" if inside else name
        yield path
        yield from _keys(inner, path)
    if isinstance(items := schema.get("items"), dict):
        yield from _keys(items, f"{inside}[]")
    for group in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(group, ()):
            yield from _keys(inner, inside)


def compared(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the compared parts of an API contract: parameters, keys and statuses by operation."""
    return {
        one.name: {
            "operation_id": _described(document, one).get("operationId"),
            "parameters": {f"{p.location} {p.name}": _facts(p) for p in one.parameters},
            "body": _contents(document, _described(document, one).get("requestBody", {})),
            "statuses": {
                status: _contents(document, _held(document, response))
                for status, response in _described(document, one)["responses"].items()
            },
        }
        for one in operations(document)
    }


def _described(document: Mapping[str, Any], operation: Operation) -> Mapping[str, Any]:
    described: Mapping[str, Any] = document["paths"][operation.path][operation.method.lower()]
    return described


def _facts(parameter: Parameter) -> dict[str, Any]:
    return {"required": parameter.required, "schema": dict(parameter.schema)}


def _contents(document: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of each media type of a body or response in the API contract."""
    return {
        media: sorted(keys_of(document, content.get("schema", {})))
        for media, content in described.get("content", {}).items()
    }
