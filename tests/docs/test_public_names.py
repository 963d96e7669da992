"""docs/public-names.txt: fresh, short, and without a silent removal."""

from collections import Counter

import pytest

from api.app import create_app
from api.settings import Settings
from probes import PROBES
from scripts.docs import NAMES
from scripts.public.catalogue import catalogue
from scripts.public.names import Names, announced_in, flat, read, removed, write
from tests.servers import ROOT

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
    """The parser gives back what was written, shared lists included."""
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
    assert all(lines[f"/{probe.model}/{probe.name}"] for probe in PROBES)


def test_a_removed_name_is_found_unless_the_changelog_has_it() -> None:
    """A name that is gone is named, unless the changelog announces it or its beginning."""
    before = {
        "GET /a a": {"query": ("one", "two")},
        "GET /b b": {"query": ("one",)},
        "metrics": {"names": ("m",)},
    }
    now = {"GET /a a": {"query": ("two", "new")}, "metrics": {"names": ()}}
    changelog = (
        "# C\n\n## 0.3.0\n\n### Removed\n\n- `GET /b b`, since nobody used it.\n\n## 0.2.0\n"
    )

    gone = removed(before, now, announced_in(changelog))

    assert gone == ["GET /a a query one", "metrics names m"]


def test_a_text_that_is_no_list_is_refused() -> None:
    """A line that is neither heading nor kind raises and is shown."""
    with pytest.raises(ValueError, match="nonsense here"):
        read("settings\n  nonsense here\n")


@pytest.mark.parametrize(
    "name",
    [
        "POST /cnn/activations cnn_activations query layers",
        "POST /lstm/gates lstm_gates body sequence",
        "GET /lstm/gates get_lstm_gates answer prediction.probabilities",
        "problems types busy:503",
        "metrics names lightwell_requests_total.route",
        "settings variables LIGHTWELL_PORT",
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
