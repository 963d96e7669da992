"""docs/public-names.txt: fresh, short, and without a silent removal."""

import re
import time
from collections import Counter

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.requests.probe_body import FAMILY_NAMES
from api.settings import Settings
from probes import PROBES
from scripts.docs import NAMES
from scripts.public.catalogue import ACCESS_LINE, catalogue
from scripts.public.names import Names, announced_in, flat, read, removed, write
from tests.servers import ROOT, TIMEOUT_S

MOST_LINES = 15
"""Lines that one probe may add to the list."""


@pytest.fixture(scope="module")
def names() -> Names:
    """The public names of the code, of an app that has served nothing."""
    return catalogue(create_app(Settings()))


@pytest.fixture(scope="module")
def committed() -> Names:
    """The public names in the repository."""
    return read(NAMES.read_text(encoding="utf-8"))


def test_no_name_is_removed_without_an_announcement(names: Names, committed: Names) -> None:
    """A committed name that the code no longer has is under `### Removed` in the changelog."""
    announced = announced_in((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))

    assert removed(committed, names, announced) == []


def test_the_list_is_fresh(names: Names) -> None:
    """`make docs` has nothing to add to the list."""
    assert NAMES.read_text(encoding="utf-8") == write(names), "run make docs"


def test_writing_and_reading_keep_every_name(names: Names) -> None:
    """The parser gives back the written names, shared lists included."""
    assert read(write(names)) == names


def test_a_probe_takes_few_lines() -> None:
    """All operations of one probe together have at most 15 lines."""
    lines: Counter[str] = Counter()
    path = ""
    for line in NAMES.read_text(encoding="utf-8").splitlines():
        if not line.startswith(" "):
            words = line.split()
            path = words[1].removesuffix(".png") if len(words) == 3 else ""
        lines[path] += 1

    assert {path: lines[path] for path in lines if lines[path] > MOST_LINES and path} == {}
    assert all(lines[f"/{FAMILY_NAMES[probe.family]}/{probe.name}"] for probe in PROBES)


CHANGELOG = """# Changelog

## Unreleased

### Removed

- `GET /b b`: replaced by `/a`.
- `settings variables NEW`, never released.
- `metrics names m`, for which nothing warned.

## [0.2.1] - 2026-12-01

### Deprecated

- `GET /b b`; use
  `/a`.
"""


def test_a_removed_name_is_found_unless_the_changelog_has_it() -> None:
    """A name that is gone is named, unless it was deprecated, or part of a name that was."""
    before = {
        "GET /a a": {"query": ("one", "two")},
        "GET /b b": {"query": ("one",)},
        "metrics": {"names": ("m",)},
        "settings": {"variables": ("NEW",)},
    }
    now = {"GET /a a": {"query": ("two", "new")}, "metrics": {"names": ()}, "settings": {}}

    gone = removed(before, now, announced_in(CHANGELOG))

    assert gone == ["GET /a a query one", "metrics names m"]


def test_a_name_is_not_deprecated_and_removed_in_one_minor_version() -> None:
    """A deprecation in 0.2.1 does not allow a removal in 0.2.2."""
    assert announced_in(CHANGELOG.replace("## Unreleased", "## [0.2.2] - 2026-12-02")) == [
        "settings variables NEW"
    ]


def test_a_text_that_is_no_list_is_refused() -> None:
    """A line that is neither heading nor kind raises and is shown."""
    with pytest.raises(ValueError, match="nonsense here"):
        read("settings\n  nonsense here\n")


def test_the_access_log_has_the_fields(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """A line of the access log has the listed fields, and nothing more."""
    with caplog.at_level("INFO", logger="lightwell.access"):
        client.get("/models")
        until = time.monotonic() + TIMEOUT_S
        while not caplog.messages and time.monotonic() < until:
            time.sleep(0.01)

    line = ACCESS_LINE.fullmatch(caplog.messages[-1])
    assert line
    assert line.group("method", "route", "status") == ("GET", "/models", "200")


@pytest.mark.parametrize(
    "name",
    [
        "POST /cnn/activations cnn_activations query layers",
        "POST /lstm/gates lstm_gates body sequence",
        "GET /lstm/gates get_lstm_gates answer prediction.probabilities",
        "problems types busy:503",
        "metrics names lightwell_requests_total.route",
        "settings variables LIGHTWELL_PORT",
        "access log fields request_id",
        "lightwell_client exports Lightwell",
        "lightwell_client.LightwellError members status",
        "/sdk/lightwell.js exports GateTrace",
        "<lw-gate-trace> attributes sequence",
        "<lw-gate-trace> events lw-step",
        "<lw-tensor-heatmap> members selected",
    ],
)
def test_each_kind_of_name_is_listed(name: str, names: Names) -> None:
    """One known name of every kind is in the list."""
    assert name in flat(names)


def test_elements_are_in_the_docs(names: Names) -> None:
    """docs/embedding.md has every attribute, event, property and method of every element."""
    page = (ROOT / "docs" / "embedding.md").read_text(encoding="utf-8")

    for element in (heading for heading in names if heading.startswith("<")):
        section = page.partition(f"## `{element}`\n")[2].partition("\n## ")[0]
        for word in (word for words in names[element].values() for word in words):
            assert re.search(rf"`{word}\b", section), f"{element} {word}"


def test_members_of_the_clients_are_in_the_docs(names: Names) -> None:
    """The pages about the clients have every public member of their classes."""
    for heading, page in (
        ("lightwell_client.Answer", "python-client.md"),
        ("lightwell_client.Lightwell", "python-client.md"),
        ("lightwell_client.LightwellError", "python-client.md"),
        ("lightwell_client.Tensor", "python-client.md"),
        ("/sdk/lightwell.js Lightwell", "embedding.md"),
        ("/sdk/lightwell.js LightwellError", "embedding.md"),
        ("/sdk/lightwell.js Tensor", "embedding.md"),
    ):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        for word in names[heading]["members"]:
            assert re.search(rf"\b{word}\b", text), f"{page}: {word}"
