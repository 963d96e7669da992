"""The README's code runs, as it stands, against a running server."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from api.app import VERSION
from probes import PROBES
from tests.servers import PATIENCE_S, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str, url: str) -> str:
    """Return the README's code in one language, for the server of this test."""
    code = "".join(re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL))
    assert "http://127.0.0.1:8000" in code
    return str(code.replace("http://127.0.0.1:8000", url))


def run(*command: str, cwd: Path) -> str:
    """Run a program; return what it printed."""
    done = subprocess.run(  # noqa: S603 - the README's own code
        command, cwd=cwd, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python_runs(url: str, tmp_path: Path) -> None:
    """The Python example prints a digit, an answer and two shapes."""
    said = run(sys.executable, "-c", block("python", url), cwd=tmp_path)

    assert re.fullmatch(r"\d \(32, 28, 28\)\nyes \(5, \d+\)\n", said)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_runs(url: str, tmp_path: Path) -> None:
    """The curl examples leave three answers and four pictures, and print what was found."""
    said = run("sh", "-ec", block("bash", url), cwd=tmp_path)

    assert said.startswith('{"findings":')
    for name in ("digit.png", "activations.png", "gates.png", "why.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    for name in ("activations.json", "gates.json", "shut.json"):
        assert (tmp_path / name).read_text().startswith('{"model":')


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_javascript_runs(url: str, tmp_path: Path) -> None:
    """The JavaScript example prints a digit, the tensors' names and a gate."""
    (tmp_path / "example.mjs").write_text(block("javascript", url))

    said = run("node", "example.mjs", cwd=tmp_path)

    assert re.match(r"\d \[ 'image', 'relu1' \]\nyes \[", said)


def test_every_probe_is_in_the_table() -> None:
    """No probe is left out of the README."""
    for probe in PROBES:
        assert f"/{probe.model}/{probe.name}" in README


def test_links_lead_somewhere() -> None:
    """Every relative link of the README and the docs is a file."""
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_pictures_are_not_blank() -> None:
    """Each picture of the README has more than one colour."""
    from PIL import Image  # noqa: PLC0415 - only here

    for path in (ROOT / "docs" / "pictures").glob("*.png"):
        assert np.array(Image.open(path)).std() > 10


def test_the_accuracies_are_those_of_the_reports() -> None:
    """The README's figures are what was measured for the shipped weights."""
    cnn, lstm = (
        json.loads((ROOT / "models" / "records" / f"{name}.report.json").read_text())
        for name in ("cnn", "lstm")
    )

    errors = cnn["metrics"]["test_errors"]
    assert f"{100 * cnn['metrics']['test_accuracy']:.2f} % ({errors} errors)" in README
    assert sum(lstm["exhaustive"]["errors_by_length"]) == 0
    for point in lstm["curve"]:
        row = f"| {point['length']:,} | {point['random']} | {point['shuffled']} | {point['runs']} |"
        assert row in README


def test_there_is_one_version() -> None:
    """The package, the OpenAPI text and the citation name the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert project == VERSION
    assert f"version: {project}\n" in (ROOT / "CITATION.cff").read_text()
