"""Values of the comparison's parameters: from schemas, and by hand where these lack them."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from scripts.compare.bodies import Material
from scripts.compare.contract import Operation, Parameter

SEQUENCE = "1011001110100111"

REQUIRED: Mapping[str, str] = {
    "path": "/lstm/gates.png?sequence=10110",
    "sequence": SEQUENCE,
    "layer": "relu2",
    "channel": "3",
    "y": "5",
    "x": "6",
}
"""Values of required parameters, for the requests of the comparison."""

IN_PATH: Mapping[str, tuple[str, ...]] = {"{model}": ("cnn", "lstm"), "{index}": ("0", "3")}
"""Values of variables in compared path templates; test images 0 and 3 are among the samples."""

BY_HAND: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("/lstm/*", "steps"): ("1,3", "2"),
    ("/lstm/*", "units"): ("0,2", "7"),
    ("/lstm/*", "step"): ("3",),
    ("/lstm/*", "free"): ("2,5",),
    ("/lstm/*", "sequence"): ("1", "0" * 200 + "1" * 300, "10" * 300),
    ("/lstm/dynamics", "input"): ("0", "1", "0.25"),
    ("/lstm/dynamics", "sequences"): ("4", "64"),
    ("/lstm/dynamics", "word"): ("0", "110", "000000000001"),
    ("/cnn/*", "channels"): ("0,5", "31"),
    ("/cnn/*", "x"): ("0", "3"),
    ("/cnn/*", "y"): ("0", "2"),
    ("*", "precision"): ("0", "3", "9"),
    ("/cnn/embedding", "across"): ("2", "15"),
    ("/cnn/embedded", "across"): ("2", "15"),
    ("/cnn/embedded", "image"): ("4",),
    ("/samples*", "count"): ("1", "200"),
}
"""Values of compared parameters by hand, before those of a schema: (path, parameter) → values."""

TOGETHER: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("/cnn/attribution", "against"): {"target": "3"},
    ("/cnn/attribution", "layer"): {"method": "layer_cam"},
    ("/cnn/attribution", "samples"): {"method": "smoothgrad"},
    ("/cnn/attribution", "noise"): {"method": "smoothgrad"},
    ("/cnn/attribution", "seed"): {"method": "smoothgrad"},
    ("/cnn/attribution", "window"): {"method": "occlusion"},
    ("/cnn/attribution", "stride"): {"method": "occlusion"},
    ("/cnn/sweep", "against"): {"target": "3"},
    ("/cnn/unit", "x"): {"y": "2"},
    ("/cnn/unit", "y"): {"x": "3"},
    ("/cnn/field", "x"): {"y": "2"},
    ("/cnn/field", "y"): {"x": "3"},
    ("/cnn/filters", "channels"): {"layers": "conv1"},
    ("/cnn/activations", "channels"): {"layers": "relu1,relu2"},
    ("/lstm/attribution", "baseline"): {"method": "integrated_gradients"},
    ("/lstm/attribution", "nodes"): {"method": "integrated_gradients"},
}
"""Values of other parameters that a compared parameter needs: (path, parameter) → values."""

PLACED = {"channel": "1", "y": "0", "x": "0"}
"""Values of a place that fits every layer, while `layer` goes through all its values."""


def base_query(operation: Operation) -> dict[str, str]:
    """Return the values of an operation's required query parameters, for the comparison."""
    return {
        one.name: REQUIRED[one.name]
        for one in operation.parameters
        if one.location == "query" and one.required
    }


def paths(operation: Operation) -> list[str]:
    """Fill values into the variables of a compared path template; one path for each value."""
    found = [operation.path]
    for variable, values in IN_PATH.items():
        if variable in operation.path:
            found = [path.replace(variable, value) for path in found for value in values]
    return found


def queries(
    operation: Operation, parameter: Parameter, material: Material
) -> Iterator[dict[str, str]]:
    """Yield queries that set one compared parameter to each of its values but the default."""
    together = TOGETHER.get((operation.stem, parameter.name), {})
    for value in values(operation, parameter, material):
        query = {**base_query(operation), **together}
        if parameter.name == "layer":
            query |= {name: low for name, low in PLACED.items() if name in query}
        yield {**query, parameter.name: value}


def values(operation: Operation, parameter: Parameter, material: Material) -> list[str]:
    """List a compared parameter's values other than its default; none where no source has any."""
    schema = parameter.schema
    if parameter.name == "checkpoint":
        return list(material.checkpoints[operation.path.split("/")[1]])
    for (path, name), listed in BY_HAND.items():
        known = name == parameter.name and fnmatchcase(operation.stem, path)
        # `steps` lists steps of a sequence in some operations, and is their number in others.
        if known and (name != "steps" or parameter.is_list):
            return list(listed)
    if parameter.is_list:
        each = schema["items"].get("enum", ("0", "2"))
        return [*map(_text, each), ",".join(map(_text, each[:2]))]
    if "enum" in schema:
        return [_text(one) for one in schema["enum"] if one != schema.get("default")]
    return _typical(schema)


def _typical(schema: Mapping[str, Any]) -> list[str]:
    """Return a typical value of a compared boolean, integer or number, by its schema."""
    default: Any = schema.get("default")
    low = schema.get("minimum", 0)
    high = schema.get("maximum", schema.get("exclusiveMaximum", 2**31) - 1)
    match schema.get("type"):
        case "boolean":
            return [_text(not default)]
        case "integer" if default is None:
            return [_text(min(low + 1, high))]
        case "integer":
            return [_text(default + 1 if default < high else default - 1)]
        case "number":
            return [_text((high + (low if default is None else default)) / 2)]
    return []


def wrong(parameter: Parameter) -> str:
    """Return a wrong value, which a compared parameter must refuse; empty if all may be right."""
    schema = parameter.schema.get("items", parameter.schema)
    if "enum" in schema:
        return "nonsense"
    if "pattern" in schema:
        return "no/such"
    if schema.get("type") in {"integer", "number"}:
        return _text(schema.get("minimum", 0) - 1)
    return "maybe" if schema.get("type") == "boolean" else ""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
