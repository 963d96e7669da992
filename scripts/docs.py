"""`python -m scripts.docs`: write the generated pages and lists; `--check` only compares."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from api.app import create_app
from api.errors.problem import PROBLEMS
from api.requests.inputs import CheckpointOptions
from api.routes.probes import METHODS, sources
from api.settings import Settings
from probes import PROBES
from probes.declaration import Probe
from scripts.public.catalogue import catalogue
from scripts.public.names import Names, announced_in, read, removed, write

ROOT = Path(__file__).parents[1]
NAMES = ROOT / "docs" / "public-names.txt"
BODIES = {
    "image": "an image",
    "sequence": "a sequence",
    "query": "`?sequence=`",
    "weights": "nothing: it is about the weights",
}
HEAD = """# Probes

Every question that can be asked of a model, written from the declarations in `probes/` by
`make docs`. Each answers JSON, PNG, NPZ and safetensors; the picture also has a path of its own,
the same with `.png` at its end.

"""


PROBLEMS_HEAD = """# Problems

An answer that says no is `application/problem+json` (RFC 9457) of at most 4 KiB: `type`, `title`,
`status`, `detail` (what is wrong, and the limit), `instance`, `request_id` and `errors`, a list of
`location` and `reason`. `type` is `urn:lightwell:problem:` and one of these; the list is written
from `api/errors/problem.py` by `make docs`.

| problem | status | meaning |
|---|--:|---|
"""


def written(names: Names) -> dict[Path, str]:
    """Return the content of each generated file."""
    return {
        ROOT / "docs" / "probes.md": probes_page(),
        ROOT / "docs" / "problems.md": problems_page(),
        NAMES: write(names),
    }


def probes_page() -> str:
    """Write the page that lists the probes."""
    return HEAD + "\n".join(_section(probe) for probe in PROBES)


def problems_page() -> str:
    """Write the page that lists the answers that say no."""
    rows = [f"| `{kind}` | {status} | {title}. |" for kind, (status, title) in PROBLEMS.items()]
    return PROBLEMS_HEAD + "\n".join(rows) + "\n"


def _section(probe: Probe) -> str:
    """Describe one probe."""
    ways = sources(probe)
    methods = " and ".join(dict.fromkeys(METHODS[way] for way in ways))
    takes = " or ".join(BODIES[way] for way in ways)
    lines = [f"## {methods} /{probe.model}/{probe.name}", "", probe.title, ""]
    if probe.description:
        lines += [probe.description, ""]
    lines += [f"Takes {takes}{', and more in the same JSON' if probe.body else ''}.", ""]
    told = dict(probe.parameters.model_fields)
    if probe.checkpoints:
        told |= CheckpointOptions.model_fields
    if told:
        lines += ["| parameter | default | meaning |", "|---|---|---|"]
        lines += [_row(name, each) for name, each in told.items()]
        lines.append("")
    if probe.body:
        lines += [
            "| in the body | default | meaning |",
            "|---|---|---|",
            *_body_rows(probe.body),
            "",
        ]
        if probe.posted:
            lines += [f"Such as `{json.dumps(probe.posted)}` beside the input.", ""]
    return "\n".join(lines)


def _body_rows(body: type[BaseModel], before: str = "") -> Iterator[str]:
    """Describe what is posted beside an input; of a list of objects, each field."""
    for name, declared in body.model_fields.items():
        yield _row(f"{before}{name}", declared)
        parts = (one for one in get_args(declared.annotation) if isinstance(one, type))
        for part in parts:
            if issubclass(part, BaseModel):
                yield from _body_rows(part, f"{before}{name}{'[]' if name == 'edits' else ''}.")


def _row(name: str, declared: FieldInfo) -> str:
    """Describe one parameter."""
    default = declared.default
    if declared.is_required():
        shown = "required"
    elif isinstance(default, list):
        shown = f"`{','.join(default)}`"
    else:
        shown = "–" if default in (None, ()) else f"`{default}`"
    return f"| `{name}` | {shown} | {declared.description} |"


def names_gone(names: Names) -> list[str]:
    """Return the committed names that are gone and not under `### Removed` in the changelog."""
    committed = NAMES.read_text(encoding="utf-8") if NAMES.exists() else ""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return removed(read(committed), names, announced_in(changelog))


def main() -> int:
    """Write the generated files, or name those that are stale; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Write docs/probes.md, docs/problems.md and docs/public-names.txt."
    )
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    only_check = parser.parse_args().check
    names = catalogue(create_app(Settings()))
    if gone := names_gone(names):
        print("\n".join(f"removed, and not in CHANGELOG.md: {name}" for name in gone))
        return 1
    stale = []
    for path, text in written(names).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path.relative_to(ROOT))
            if not only_check:
                path.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path} {'is stale: run make docs' if only_check else 'was written'}")
    return 1 if only_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
