"""The example notebook runs against a server."""

import nbformat
import pytest
from nbclient import NotebookClient

from tests.servers import PATIENCE_S, ROOT

NOTEBOOK = ROOT / "examples" / "notebook.ipynb"


def test_the_notebook_runs(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell of the notebook runs and has an output."""
    monkeypatch.setenv("LIGHTWELL_URL", url)
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    client = NotebookClient(
        notebook,
        timeout=PATIENCE_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    client.execute()

    shown = [one.get("data", {}) for cell in notebook.cells for one in cell.get("outputs", ())]
    assert len(shown) == sum(cell.cell_type == "code" for cell in notebook.cells)
    assert sum("data:image/png;base64," in one.get("text/html", "") for one in shown) == 4
    identity, same = (one["text/plain"] for one in shown[-2:])
    assert float(identity) < 1e-5
    assert "True" in same
    assert "False" not in same


def test_the_notebook_is_committed_without_outputs() -> None:
    """The committed notebook has no outputs and no execution counts."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
