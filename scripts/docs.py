"""`python -m scripts.docs`: write generated documentation and lists; `--check` only compares."""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from api.app import create_app
from api.errors.problem import PROBLEMS
from api.requests.options import CheckpointOptions
from api.requests.probe_body import FAMILY_NAMES
from api.routes.probes import METHODS, sources
from api.settings import Settings
from models.runtime.durable_files import write_atomically
from probes import PROBES
from probes.declaration import Probe
from scripts.public.catalogue import catalogue
from scripts.public.names import Names, announced_in, read, removed, write

ROOT = Path(__file__).parents[1]
NAMES = ROOT / "docs" / "public-names.txt"
INPUTS = {
    "image": "an image",
    "sequence": "a sequence",
    "query": "`?sequence=`",
    "weights": "none: the weights alone",
}
PROBES_HEAD = """# Probes

Written by `make docs` from the declarations in `probes/`. Every probe returns JSON, NPZ,
safetensors or a picture, which is also at its path with `.png`, `.svg` or `.pdf`.
[HTTP API](http.md) describes inputs, formats and responses.

| route | shows |
|---|---|
"""
PROBLEMS_HEAD = """# Problems

Written by `make docs` from `api/errors/problem.py`. An error is `application/problem+json`
(RFC 9457) of at most 4 KiB: `type`, `title`, `status`, `detail` (the fault and the limit),
`instance`, `request_id` and `errors`, a list of `location` and `reason`. `type` is
`urn:lightwell:problem:` followed by one of these:

| problem | status | meaning |
|---|--:|---|
"""


def written(names: Names) -> dict[Path, str]:
    """Return the content of each generated file of the documentation."""
    return {
        ROOT / "docs" / "probes.md": probes_page(),
        ROOT / "docs" / "problems.md": problems_page(),
        NAMES: write(names),
    }


def probes_page() -> str:
    """Return the page docs/probes.md: a table of all probes, then a section for each."""
    rows = [f"| [{_route(probe)}](#{_anchor(_route(probe))}) | {probe.title} |" for probe in PROBES]
    return PROBES_HEAD + "\n".join([*rows, "", *map(_section, PROBES)])


def problems_page() -> str:
    """Return the page docs/problems.md: a table of the problem types."""
    rows = [f"| `{kind}` | {status} | {title}. |" for kind, (status, title) in PROBLEMS.items()]
    return PROBLEMS_HEAD + "\n".join(rows) + "\n"


def _route(probe: Probe) -> str:
    """Return a probe's methods and path, as the heading of its section in docs/probes.md."""
    methods = " and ".join(dict.fromkeys(METHODS[source] for source in sources(probe)))
    return f"{methods} /{FAMILY_NAMES[probe.family]}/{probe.name}"


def _anchor(heading: str) -> str:
    """Return the anchor that Markdown renderers give a heading of docs/probes.md."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _section(probe: Probe) -> str:
    """Return a probe's section of docs/probes.md: title, description, input, parameters, body."""
    takes = " or ".join(INPUTS[source] for source in sources(probe))
    lines = [f"## {_route(probe)}", "", probe.title, ""]
    if probe.description:
        lines += [probe.description, ""]
    lines += [
        f"Input: {takes}{', with the fields below in the same JSON' if probe.body else ''}.",
        "",
    ]
    parameters = dict(probe.parameters.model_fields)
    if probe.checkpoints:
        parameters |= CheckpointOptions.model_fields
    if parameters:
        lines += _table("parameter", (_row(name, each) for name, each in parameters.items()))
    if probe.body:
        lines += _table("field of the body", _body_rows(probe.body))
        if probe.posted:
            lines += [f"Example: `{json.dumps(probe.posted)}` next to the input.", ""]
    return "\n".join(lines)


def _table(first: str, rows: Iterable[str]) -> list[str]:
    """Return the lines of a docs/probes.md table of names, defaults and meanings."""
    return [f"| {first} | default | meaning |", "|---|---|---|", *rows, ""]


def _body_rows(body: type[BaseModel], before: str = "") -> Iterator[str]:
    """Yield a docs/probes.md row for each extra field of a body and of the objects in it."""
    for name, declared in body.model_fields.items():
        yield _row(f"{before}{name}", declared)
        parts = (one for one in get_args(declared.annotation) if isinstance(one, type))
        for part in parts:
            if issubclass(part, BaseModel):
                yield from _body_rows(part, f"{before}{name}{'[]' if name == 'edits' else ''}.")


def _row(name: str, declared: FieldInfo) -> str:
    """Return the docs/probes.md row of one parameter or field."""
    default = declared.default
    if declared.is_required():
        shown = "required"
    elif default in (None, (), [], ""):
        # Those of the network, where the meaning names them.
        shown = "–"
    else:
        shown = f"`{','.join(default) if isinstance(default, list) else default}`"
    return f"| `{name}` | {shown} | {declared.description} |"


def names_gone(names: Names) -> list[str]:
    """Return names gone from docs/public-names.txt without an entry in the changelog."""
    committed = NAMES.read_text(encoding="utf-8") if NAMES.exists() else ""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return removed(read(committed), names, announced_in(changelog))


def main() -> int:
    """Write the generated documentation, or name the files that are stale; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Write docs/probes.md, docs/problems.md and docs/public-names.txt."
    )
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    only_check = parser.parse_args().check
    names = catalogue(create_app(Settings()))
    # Before any file is written: `make docs` must not drop a public name unannounced.
    if gone := names_gone(names):
        print("\n".join(f"removed, and not in CHANGELOG.md: {name}" for name in gone))
        return 1
    stale = []
    for path, text in written(names).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.relative_to(ROOT))
            if not only_check:
                write_atomically(path, text.encode())
    for path in stale:
        print(f"{path} {'is stale: run make docs' if only_check else 'was written'}")
    return 1 if only_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
