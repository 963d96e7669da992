"""Parsed YAML files of `deploy/`, and the variables and values in them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.servers import ROOT

DEPLOY = ROOT / "deploy"
FILES = {
    path.relative_to(DEPLOY).as_posix(): list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for path in sorted(DEPLOY.rglob("*.yaml"))
}
"""Documents of each YAML file, by its path in `deploy/`."""


def document(path: str) -> Any:
    """The only document of a file."""
    (found,) = FILES[path]
    return found


def found(value: Any, key: str) -> Iterator[Any]:
    """Yield every value of a key, anywhere in a document."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from found(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from found(inner, key)


def variables(path: Path | str) -> dict[str, str | None]:
    """Environment variables of Lightwell in a file; None for one whose value is a Secret's."""
    named = {}
    for part in FILES[str(path)]:
        for env in found(part, "env"):
            named |= {one["name"]: one.get("value") for one in env}
        for env in found(part, "environment"):
            named |= env
    return {name: value for name, value in named.items() if name.startswith("LIGHTWELL_")}
