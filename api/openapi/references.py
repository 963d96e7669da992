"""References in the OpenAPI document: equal parameters and responses are described once."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

Json = dict[str, Any]


def share(document: Json) -> None:
    """Move equal parameters and responses of an OpenAPI document into its components.

    Those that one operation alone has remain there.
    """
    operations = [each for path in document["paths"].values() for each in path.values()]
    parameters = _Shared("parameters", _parameters(operations))
    responses = _Shared("responses", _responses(operations))
    for operation in operations:
        if "parameters" in operation:
            operation["parameters"] = [
                parameters.referred(one["name"], one) for one in operation["parameters"]
            ]
        operation["responses"] = {
            status: responses.referred(_response_name(status, one), one)
            for status, one in operation["responses"].items()
        }
    document["components"] |= {"parameters": parameters.held, "responses": responses.held}


def inlined(document: Json) -> Json:
    """Return an OpenAPI document whose operations have their shared parameters and responses."""
    paths = {
        path: {method: _inlined(document, one) for method, one in operations.items()}
        for path, operations in document["paths"].items()
    }
    return {**document, "paths": paths}


def _inlined(document: Json, operation: Json) -> Json:
    """Return an operation of an OpenAPI document without references to shared objects."""
    found = {**operation}
    if "parameters" in found:
        found["parameters"] = [_referred(document, one) for one in found["parameters"]]
    found["responses"] = {
        status: _referred(document, one) for status, one in found["responses"].items()
    }
    return found


def _referred(document: Json, one: Json) -> Json:
    if "$ref" not in one:
        return one
    _, _, kind, name = one["$ref"].split("/")
    held: Json = document["components"][kind][name]
    return held


def _parameters(operations: Iterable[Json]) -> Iterator[Json]:
    return (one for operation in operations for one in operation.get("parameters", ()))


def _responses(operations: Iterable[Json]) -> Iterator[Json]:
    return (one for operation in operations for one in operation["responses"].values())


def _response_name(status: str, response: Json) -> str:
    """Return the name of a shared response: that of its JSON schema, or of its status."""
    if status != "200":
        return f"Problem{status}"
    described = response.get("content", {}).get("application/json")
    if described is None:
        return "Picture"
    return str(described["schema"].get("$ref", "Answer")).rpartition("/")[2]


class _Shared:
    """Shared objects of one kind in the components of an OpenAPI document.

    Args:
        kind: Key in `components`.
        found: All objects of the kind in the document's operations.

    Attributes:
        held: Objects that several operations have, by their names.
    """

    def __init__(self, kind: str, found: Iterable[Json]) -> None:
        self.held: Json = {}
        self._kind = kind
        self._counts = Counter(map(_text, found))
        self._names: dict[str, str] = {}

    def referred(self, name: str, one: Json) -> Json:
        """Return the reference to an object that several operations have; else the object."""
        text = _text(one)
        if self._counts[text] == 1:
            return one
        if text not in self._names:
            alike = sum(held.rstrip("0123456789") == name for held in self.held)
            self._names[text] = f"{name}{alike + 1}" if alike else name
            self.held[self._names[text]] = one
        return {"$ref": f"#/components/{self._kind}/{self._names[text]}"}


def _text(value: Json) -> str:
    return json.dumps(value, sort_keys=True)
