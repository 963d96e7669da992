"""Executables for a described TPU: which are compiled, and the command without a compiler."""

from pathlib import Path

import jax
import numpy as np
import pytest

from models.registry import load
from models.runtime.programs import ACCELERATOR_BUCKETS, Program
from scripts import described_tpu
from scripts.described_tpu import Compiled

DOUBLE = Program(
    "double", lambda _, rows: {"y": 2 * rows["x"]}, {"x": jax.ShapeDtypeStruct((3,), np.float32)}
)


def test_every_program_has_its_batch_sizes() -> None:
    """Predict and trace have the batch sizes of accelerators, analyses those of their own."""
    model = load("cnn")
    found = [(program.name, bucket) for program, bucket in described_tpu.executables_of(model)]

    assert len(set(found)) == len(found)
    lean = {f"{name} without unfamiliarity" for name in ("predict", "trace")}
    assert {name for name, _ in found} == {"predict", "trace", *lean, *model.analyses}
    assert [bucket for name, bucket in found if name == "trace"] == list(ACCELERATOR_BUCKETS)


def test_a_program_is_compiled_for_given_devices() -> None:
    """The executable has parameters and rows as the server calls it."""
    made = described_tpu.compile_for(jax.devices()[:1], {"w": np.ones(2, np.float32)}, DOUBLE, 4)
    rows = {"x": np.ones((4, 3), np.float32)}

    assert np.asarray(made({"w": np.ones(2, np.float32)}, rows)["y"]).tolist() == [[2.0] * 3] * 4
    with pytest.raises(TypeError):
        made({"w": np.ones(2, np.float32)}, {"x": np.ones((5, 3), np.float32)})


def test_refused_programs_have_the_compiler_s_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not compile is a row of the table with the first line of the error."""

    def refuse(*_: object) -> None:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: too large\nmore")

    monkeypatch.setattr(described_tpu, "devices_of", lambda _: jax.devices())
    monkeypatch.setattr(described_tpu, "compile_for", refuse)
    found = described_tpu.compiled("v4", load("cnn"), DOUBLE, 8)

    assert found.row()[:3] == ["v4", "cnn.double", "8"]
    assert found.row()[-1] == "RESOURCE_EXHAUSTED: too large"


def test_sizes_of_executables_are_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled program has no error, and the memory of its rows and parameters."""
    monkeypatch.setattr(described_tpu, "devices_of", lambda _: jax.devices())
    found = described_tpu.compiled("v4", load("cnn"), DOUBLE, 8)

    assert isinstance(found, Compiled)
    assert (found.bucket, found.error) == (8, "")
    assert found.working >= 8 * 3 * 4


def test_a_missing_libtpu_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without libtpu nothing can be compiled: exit status 2 and the path."""
    assert described_tpu.main(["--libtpu", str(tmp_path / "libtpu.so")]) == 2
    assert "libtpu.so is not a file" in capsys.readouterr().err
