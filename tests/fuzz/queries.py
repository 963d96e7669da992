"""Fuzzer of query strings: the parameters of every path with values of any kind."""

import json
from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any
from urllib.parse import quote

from api.app import create_app
from api.settings import Settings
from tests.fuzz.exchange import Request, request
from tests.fuzz.mutation import MARK, mutated

VALUES = (
    *("", "0", "1", "-1", "10", "101", "9" * 20, "9" * 5_000, "1e999", "NaN", "inf", "0.5", "٣"),
    *(
        "relu1",
        "conv1",
        "relu1,relu2",
        "relu1," * 300,
        "lstm",
        "cell",
        "hidden",
        "../x",
        "a\0b",
        "%",
    ),
    *(
        "true",
        "maybe",
        "png",
        "grey",
        "viridis",
        "null",
        "[]",
        "{}",
        "\ud800",
        "é",
        "😀",
        "a b",
        "+",
    ),
    *("01" * 2_048, "01" * 2_049, "0" * 300, "1;2", "<script>", "' or 1=1", MARK, MARK * 20),
)
DIGITS = '{"pixels": ' + json.dumps([[0] * 28] * 28) + "}"


def requests(random: Random) -> Iterator[Request]:
    """Yield requests with hostile queries, without end."""
    while True:
        path, method, names, values = random.choice(_operations())
        pairs = [_pair(random, names, values) for _ in range(random.choice((0, 1, 1, 2, 3, 6)))]
        query = random.choice(("&",) * 9 + (";", "&&")).join(pairs)
        if random.random() < 0.2:
            safe = quote(mutated(random, query.encode()), safe="=&;%+,")
            query = safe
        target = path.format(model="cnn", index=random.choice(("0", "7", "200", "-1", MARK)))
        sends_json = method == "POST"
        body = DIGITS.encode() if sends_json else b""
        media_type = "application/json" if sends_json else ""
        yield request(method, f"{target}?{query}", body, media_type)


def _pair(random: Random, names: list[str], values: list[str]) -> str:
    name = random.choice(names) if names and random.random() < 0.9 else random.choice(VALUES)
    known = values and random.random() < 0.4
    value = random.choice(values) if known else random.choice(VALUES)
    texts = (name.encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass"))
    return "=".join(quote(text, safe=",") for text in texts)


@cache
def _operations() -> list[tuple[str, str, list[str], list[str]]]:
    """List paths and methods with the names of their parameters, and values that these take."""
    found = []
    for path, methods in create_app(Settings()).openapi()["paths"].items():
        for method, operation in methods.items():
            stated = [one for one in operation.get("parameters", []) if one.get("in") == "query"]
            values = sorted({text for one in stated for text in _listed(one)})
            found.append((path, method.upper(), [one["name"] for one in stated], values))
    return found


def _listed(schema: Any) -> Iterator[str]:
    """Yield values that a schema of a parameter lists or gives as examples."""
    if isinstance(schema, dict):
        for key, inner in schema.items():
            if key in {"enum", "examples", "default", "example"}:
                yield from (str(one) for one in (inner if isinstance(inner, list) else [inner]))
            else:
                yield from _listed(inner)
    elif isinstance(schema, list):
        for one in schema:
            yield from _listed(one)
