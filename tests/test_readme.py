"""README.md: its code runs, and its figures, links, pictures and version are true."""

import json
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic_core import PydanticUndefined

from api import VERSION
from api.requests.probe_body import FAMILY_NAMES
from api.settings import Settings
from probes import PROBES
from tests.docs.fences import PAGES, RUNNERS, code_of
from tests.servers import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
REPORTS = ROOT / "models" / "shipped"


@pytest.mark.parametrize("language", ["bash", "python", "javascript"])
def test_code_runs(language: str, url: str, tmp_path: Path) -> None:
    """The README has code in each language; it runs and prints the values of its comments."""
    code = code_of("README.md", language, url)

    assert code
    RUNNERS[language](code, tmp_path)


def test_every_probe_is_in_the_docs() -> None:
    """The list of probes leaves none out."""
    page = (ROOT / "docs" / "probes.md").read_text(encoding="utf-8")

    for probe in PROBES:
        assert f"/{FAMILY_NAMES[probe.family]}/{probe.name}" in page


def test_every_setting_is_in_the_docs() -> None:
    """The table of settings has each with its default; host and cache differ in the image."""
    page = (ROOT / "docs" / "container.md").read_text(encoding="utf-8")

    for name, field in Settings.model_fields.items():
        default = {"host": "0.0.0.0", "cache": "none"}.get(name, field.default)  # noqa: S104
        shown = f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
        if default in (None, (), ""):
            shown = "none"
        elif default is PydanticUndefined:
            shown = "by the machine"
        assert f"| `LIGHTWELL_{name.upper()}` | {shown} |" in page, name


def test_links_lead_somewhere() -> None:
    """Every relative link of the README, the docs and the other pages at the root is a file."""
    for page in (*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"):
        for link, anchor in re.findall(
            r"\]\(([^)#]*)(#[^)]*)?\)", page.read_text(encoding="utf-8")
        ):
            if link.startswith("http"):
                continue
            target = page.parent / link if link else page
            assert target.exists(), f"{page.name}: {link}"
            assert not anchor or anchor in anchors(target), f"{page.name}: {link}{anchor}"


def anchors(page: Path) -> set[str]:
    """The anchors that a Markdown page's headings have."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {f"#{heading.replace(' ', '-')}" for heading in plain}


def test_the_pictures_are_not_blank() -> None:
    """Each picture of the docs has more than one colour."""
    for path in (ROOT / "docs" / "pictures").glob("*.png"):
        assert np.array(Image.open(path)).std() > 10


def test_the_moving_picture_moves() -> None:
    """It has frames that differ, and is small enough for a page."""
    path = ROOT / "docs" / "pictures" / "drawing.webp"
    with Image.open(path) as image:
        first, count = np.array(image.convert("RGB")), image.n_frames
        image.seek(count - 1)
        last = np.array(image.convert("RGB"))

    assert count >= 8
    assert np.abs(first.astype(int) - last).max() > 100
    assert path.stat().st_size < 1_000_000


def test_the_accuracies_are_those_of_the_reports() -> None:
    """The figures in the README and in docs/training.md are those of the shipped weights."""
    cnn, lstm = (
        json.loads((REPORTS / name / "report.json").read_text()) for name in ("cnn", "lstm")
    )

    errors = cnn["metrics"]["test_errors"]
    assert f"{100 * cnn['metrics']['test_accuracy']:.2f} % ({errors} errors)" in README
    assert sum(lstm["exhaustive"]["errors_by_length"]) == 0
    length = f"{lstm['certified_length']:,}"
    assert f"every sequence of up to {length} bits" in " ".join(README.split())
    drawn = [kind["sequences"] for kind in lstm["kinds"].values()]
    assert f"{sum(drawn):,} structured" in " ".join(README.split())
    for kind in lstm["kinds"].values():
        row = rf"\| {kind['sequences']:,}( \(.*\))? \| {kind['sequences_with_errors']} \|"
        assert re.search(row, TRAINING)


def test_there_is_one_version() -> None:
    """The package takes its version from `api`; citation and changelog name the same."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest, date = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", changelog, re.MULTILINE)[0]
    citation = (ROOT / "CITATION.cff").read_text()

    assert project["project"]["dynamic"] == ["version"]
    assert project["tool"]["hatch"]["version"]["path"] == "api/__init__.py"
    assert newest == VERSION
    assert f"version: {VERSION}\ndate-released: {date}\n" in citation
