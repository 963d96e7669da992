"""The example notebook runs against a server, and by its one line without one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.servers import ROOT, TIMEOUT_S

NOTEBOOK = ROOT / "examples" / "notebook.ipynb"
MAKEFILE = ROOT / "Makefile"


def test_the_notebook_runs(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell of the notebook runs and has an output."""
    monkeypatch.setenv("LIGHTWELL_URL", url)
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    client.execute()

    shown = [one.get("data", {}) for cell in notebook.cells for one in cell.get("outputs", ())]
    assert len(shown) == sum(cell.cell_type == "code" for cell in notebook.cells)
    assert sum("data:image/png;base64," in one.get("text/html", "") for one in shown) == 4
    identity, table = shown[-2:]
    assert float(identity["text/plain"]) < 1e-5
    assert "<table" in table["text/html"]


def test_make_runs_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make notebook` is these commands; without a server the networks run in the kernel."""
    monkeypatch.delenv("LIGHTWELL_URL", raising=False)
    recipe = re.search(r"^notebook:.*\n((?:\t.*\n)+)", MAKEFILE.read_text(), re.MULTILINE)
    assert recipe
    commands = recipe[1].replace("\t@", "\t").replace("build", str(tmp_path))
    script = commands.replace("$(BIN)/", f"{Path(sys.executable).parent}/").replace("\t", "")

    env = {**os.environ, "PYTHONPATH": str(ROOT)}

    subprocess.run(["bash", "-ec", script], cwd=ROOT, check=True, timeout=5 * TIMEOUT_S, env=env)  # noqa: S603, S607

    done = nbformat.read(tmp_path / "notebook.ipynb", as_version=4)
    assert all(cell.outputs for cell in done.cells if cell.cell_type == "code")


def test_the_notebook_is_committed_without_outputs() -> None:
    """The committed notebook has no outputs and no execution counts."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
