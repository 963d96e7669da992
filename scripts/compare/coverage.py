"""Coverage of an OpenAPI document by the requests of a comparison: a gap fails it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from scripts.compare.contract import Operation
from scripts.compare.problems import NOT_PROVOKED, PROBLEM_TYPES
from scripts.compare.wire import Answer, Request

OK = 200
JSON = "application/json"


@dataclass
class Coverage:
    """Coverage of a comparison: operations, parameters, media types and keys that OLD answered."""

    parameters: set[tuple[str, str]] = field(default_factory=set)
    bodies: set[tuple[str, str]] = field(default_factory=set)
    answers: set[tuple[str, str]] = field(default_factory=set)
    body_keys: set[tuple[str, str]] = field(default_factory=set)
    problems: set[str] = field(default_factory=set)
    requests: int = 0

    def note(self, operation: Operation | None, request: Request, old: Answer) -> None:
        """Add one request and the old checkout's answer to the coverage of the comparison."""
        self.requests += 1
        if old.problem:
            self.problems.add(old.problem)
        if operation is None or old.status != OK or request.method == "HEAD":
            return
        name = operation.name
        self.answers.add((name, old.media_type))
        self.parameters |= {(name, one) for one in _set(operation, request)}
        kind = dict(request.headers).get("Content-Type", "").partition(";")[0]
        if kind:
            self.bodies.add((name, kind))
        if kind == JSON:
            self.body_keys |= {(name, key) for key in _keys(json.loads(request.body), "")}

    def gaps(self, operations: Iterable[Operation]) -> Iterator[str]:
        """Yield each parameter, media type and body key that the comparison's coverage lacks."""
        for one in operations:
            yield from self._gaps_of(one)

    def problem_gaps(self) -> Iterator[str]:
        """Yield each problem type that the comparison's coverage lacks, or that is not listed."""
        for kind in sorted(PROBLEM_TYPES - NOT_PROVOKED.keys() - self.problems):
            yield f"problem type {kind} was not provoked"
        for kind in sorted(self.problems - PROBLEM_TYPES):
            yield f"problem type {kind} is not in the list of problem types"

    def _gaps_of(self, operation: Operation) -> Iterator[str]:
        name = operation.name
        for media in operation.answers:
            if (name, media) not in self.answers:
                yield f"{name} was not answered as {media}"
        for media in operation.bodies:
            # The path of a picture reads the bodies of its operation, which are covered there.
            if (name, media) not in self.bodies and not operation.is_picture:
                yield f"{name} was not asked with a body of {media}"
        for parameter in operation.parameters:
            if (name, parameter.name) not in self.parameters:
                yield f"{name}: no accepted request sets {parameter.name}"
        for key in sorted(operation.body_keys):
            if (name, key) not in self.body_keys and not operation.is_picture:
                yield f"{name}: no accepted body has {key}"


def _set(operation: Operation, request: Request) -> set[str]:
    """Return the parameters that a request covers: those set to other than their defaults."""
    in_path = {one.name for one in operation.parameters if one.location == "path"}
    found = set(in_path)
    for name, value in parse_qsl(urlsplit(request.target).query):
        parameter = operation.parameter(name)
        if parameter is not None and value != _default(parameter.schema.get("default")):
            found.add(name)
    return found


def _default(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _keys(value: Any, inside: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            path = f"{inside}.{name}" if inside else name
            yield path
            yield from _keys(inner, path)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner, f"{inside}[]")
