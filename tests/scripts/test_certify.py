"""Certificates from the command line: of the weights that are named, and of no others."""

from pathlib import Path

import pytest

from models.model_files import SHIPPED
from scripts import certify


def test_weights_of_a_folder_are_not_replaced_by_shipped_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder with weights of the CNN alone is an error, and with an LSTM its certificate."""
    weights = "weights.safetensors"
    (tmp_path / "cnn.safetensors").write_bytes((SHIPPED / "cnn" / weights).read_bytes())

    assert certify.main(["--folder", str(tmp_path)]) == 1
    found = capsys.readouterr()
    assert found.err == f"scripts.certify: {tmp_path} has no lstm.safetensors\n"
    assert not found.out

    (tmp_path / "lstm.safetensors").write_bytes((SHIPPED / "lstm" / weights).read_bytes())
    assert certify.main(["--folder", str(tmp_path)]) == 0
    assert "is answered correctly" in capsys.readouterr().out
