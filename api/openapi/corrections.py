"""Corrections of the OpenAPI document: parameters and schemas in forms that generators accept."""

from typing import Any

Json = dict[str, Any]


def correct_operation(operation: Json) -> None:
    """Correct the parameters and responses of an operation in the OpenAPI document."""
    operation["responses"].pop("422", None)  # the problems are under 4XX
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = without_null(parameter["schema"])
        # FastAPI writes it twice.
        parameter["schema"].pop("description", None)
        if parameter["schema"].get("type") == "array":
            # Lists are sent as one value with commas, `layers=relu1,relu2`.
            parameter |= {"style": "form", "explode": False}


def without_null(schema: Json) -> Json:
    """Remove null from the OpenAPI schema of an optional parameter: a query has no null."""
    if "anyOf" not in schema:
        return schema
    kinds = [one for one in schema["anyOf"] if one != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**rest, **kinds[0]} if len(kinds) == 1 else {**rest, "anyOf": kinds}


def without_absent(component: Json) -> None:
    """Remove null from an OpenAPI schema's optional properties: an absent key is left out."""
    for name in component.get("properties", {}).keys() - set(component.get("required", ())):
        schema = without_null(component["properties"][name])
        if schema.get("default", ...) is None:
            schema = {key: value for key, value in schema.items() if key != "default"}
        component["properties"][name] = schema
