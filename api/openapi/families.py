"""Operations of a family of networks in the OpenAPI document, and of both families together.

A probe of the user's networks is described once, as `/{model}/{probe}`; where both families have a
probe of one name, its body and its answer are those of either.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api.openapi.corrections import Json, correct_operation
from models.runtime.programs import Family

NOUNS: Mapping[Family, str] = {"image": "images", "sequence": "sequences"}
"""Family of networks -> noun of its inputs in the OpenAPI document."""

NETWORKS = "networks"
"""Tag of the user's networks in the OpenAPI document, and first word of their operation IDs."""

MODEL = "Name of a network; `/models` lists them."


@dataclass(frozen=True)
class Families:
    """Families of the user's networks in the OpenAPI document: routes, and networks of each.

    Attributes:
        routes: Routes of a family, whose paths begin with `/{model}/`; they answer no request.
        names: Networks to which a route applies, by family, path and method.
    """

    routes: dict[Family, APIRouter] = field(default_factory=dict)
    names: dict[tuple[Family, str, str], list[str]] = field(default_factory=dict)

    def add(
        self, family: Family, path: str, names: list[str], add: Callable[[APIRouter], object]
    ) -> None:
        """Add a route of a family to the OpenAPI document.

        Args:
            family: Family of networks that have it.
            path: Its path.
            names: Networks that have it.
            add: Adds it to a router.
        """
        routes = self.routes.setdefault(family, APIRouter())
        add(routes)
        (method,) = cast("APIRoute", routes.routes[-1]).methods or {"GET"}
        self.names[family, path, method.lower()] = names


def describe_families(families: Families) -> tuple[Json, Json]:
    """Describe the operations of families of networks for the OpenAPI document.

    Returns:
        The paths, and the schemas that they refer to.
    """
    found: dict[tuple[str, str], dict[Family, Json]] = {}
    schemas: Json = {}
    for family, held in families.routes.items():
        text = get_openapi(
            title="", version="", routes=held.routes, separate_input_output_schemas=False
        )
        schemas |= text.get("components", {}).get("schemas", {})
        for path, operations in text["paths"].items():
            for method, operation in operations.items():
                correct_operation(operation)
                found.setdefault((path, method), {})[family] = operation
    paths: Json = {}
    for (path, method), each in found.items():
        listed = [name for family in each for name in families.names[family, path, method]]
        one = dict(_merged(each))
        one["parameters"] = [_model(listed), *one.get("parameters", ())]
        paths.setdefault(path, {})[method] = one
    return paths, schemas


def _model(names: Iterable[str]) -> Json:
    """Describe the name of the network in a path of the OpenAPI document."""
    schema = {"type": "string", "enum": list(dict.fromkeys(names)), "title": "Model"}
    return {
        "name": "model",
        "in": "path",
        "required": True,
        "schema": schema,
        "description": MODEL,
    }


def _merged(each: Mapping[Family, Json]) -> Json:
    """Merge the operations of families at one path: body and answer are those of either."""
    if len(each) == 1:
        return next(iter(each.values()))
    merged = dict(next(iter(each.values())))
    for key in ("summary", "description"):
        texts = {family: one.get(key, "") for family, one in each.items()}
        merged[key] = " ".join(
            f"Of {NOUNS[family]}: {text}" for family, text in texts.items() if text
        )
    merged["parameters"] = _parameters(each)
    bodies = [one["requestBody"] for one in each.values() if "requestBody" in one]
    if bodies:
        merged["requestBody"] = _body(bodies, required=len(bodies) == len(each))
    merged["responses"] = {
        **merged["responses"],
        "200": _content([one["responses"]["200"] for one in each.values()]),
    }
    return merged


def _parameters(each: Mapping[Family, Json]) -> list[Json]:
    """Return the parameters of operations of several families, those of one name as one."""
    found: dict[str, dict[Family, Json]] = {}
    for family, operation in each.items():
        for one in operation.get("parameters", ()):
            found.setdefault(one["name"], {})[family] = one
    return [_parameter(one, len(each)) for one in found.values()]


def _parameter(given: Mapping[Family, Json], families: int) -> Json:
    """Merge one parameter of operations of families; its text says for which family it is."""
    first = next(iter(given.values()))
    if len(given) == families and all(one == first for one in given.values()):
        return first
    text = " ".join(
        f"For networks of {NOUNS[family]}: {one.get('description', '')}"
        for family, one in given.items()
    )
    required = len(given) == families and all(one["required"] for one in given.values())
    merged = {**first, "required": required, "description": text}
    merged["schema"] = _either([one["schema"] for one in given.values()])
    return merged


def _either(kinds: Sequence[Json]) -> Json:
    """Return the schema of values that are of any of these schemas.

    Of one type it is one schema: generators cannot name the parts of another.
    """
    first = kinds[0]
    if all(one == first for one in kinds):
        return first
    found = {
        key: value for key, value in first.items() if all(one.get(key) == value for one in kinds)
    }
    if "type" not in found:
        parts = [
            {key: value for key, value in one.items() if key not in {"title", "default"}}
            for one in kinds
        ]
        return {**found, "anyOf": parts}
    if all("enum" in one for one in kinds):
        found["enum"] = list(dict.fromkeys(value for one in kinds for value in one["enum"]))
    if all("items" in one for one in kinds):
        found["items"] = _either([one["items"] for one in kinds])
    for limit, widest in (("minimum", min), ("maximum", max)):
        if all(limit in one for one in kinds):
            found[limit] = widest(one[limit] for one in kinds)
    return found


def _body(bodies: Sequence[Json], *, required: bool) -> Json:
    """Merge the request bodies of operations of families."""
    text = " ".join(one.get("description", "") for one in bodies)
    return {"required": required, "description": text, "content": _content(bodies)["content"]}


def _content(given: Sequence[Json]) -> Json:
    """Merge bodies or responses of operations: of one media type the schema is either."""
    content: Json = {}
    for one in given:
        for media, described in one["content"].items():
            if media not in content:
                content[media] = described
            elif content[media].get("schema") != described.get("schema"):
                held = content[media]["schema"]
                kinds = held.get("oneOf", [held])
                examples = content[media].get("examples", {}) | {
                    f"{name}_2" if name in content[media].get("examples", {}) else name: value
                    for name, value in described.get("examples", {}).items()
                }
                merged = {**content[media], "schema": {"oneOf": [*kinds, described["schema"]]}}
                content[media] = {**merged, "examples": examples} if examples else merged
    return {**given[0], "content": content}
