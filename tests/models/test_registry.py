"""Model registry: loading of weights and artifacts, and reasons of refusals."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import registry
from models.model_files import shipped_names
from models.runtime import checkpoints
from models.runtime.checkpoints import CheckpointError
from models.runtime.parameters import Parameters
from models.runtime.resident import ResidentProgram
from tests.networks import COLOURS_TOML, write_network
from tests.oracles.parameters import CNN_SHAPES, draw, lstm_shapes


def write(folder: Path, name: str, tensors: Mapping[str, np.ndarray]) -> None:
    """Put weights where a training run would."""
    checkpoints.save(folder / f"{name}.safetensors", tensors, {})


def test_weights_of_ones_own_are_served(tmp_path: Path) -> None:
    """A folder with weights of another hidden size goes before the shipped ones."""
    write(tmp_path, "lstm", draw(lstm_shapes(5), 1))

    model = registry.load("lstm", tmp_path)

    assert model.architecture.states[0].units == 5
    assert model.report == {}


def test_shipped_weights_stand_in(tmp_path: Path) -> None:
    """A folder with weights of one model only leaves the other to the shipped ones."""
    write(tmp_path, "lstm", draw(lstm_shapes(5), 1))

    assert (
        registry.load("cnn", tmp_path).checkpoint.digest == registry.load("cnn").checkpoint.digest
    )


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    """The shipped weights are never served in place of those that the user meant."""
    write(tmp_path, "model", draw(CNN_SHAPES, 1))

    for name in shipped_names():
        with pytest.raises(CheckpointError, match="holds neither cnn.safetensors nor lstm"):
            registry.load(name, tmp_path)


def test_stock_layers_can_be_served(tmp_path: Path) -> None:
    """A checkpoint of the stock layers needs no metadata of ours."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - only here, as a user would

    save_file(draw(lstm_shapes(3), 1), tmp_path / "lstm.safetensors")

    assert registry.load("lstm", tmp_path).checkpoint.metadata == {}


WRONG = {
    "missing": ({"conv1.bias": None}, "tensor conv1.bias is missing"),
    "unknown": ({"extra": np.zeros(1, np.float32)}, "tensor extra is not expected"),
    "shape": (
        {"conv1.bias": np.zeros(31, np.float32)},
        r"tensor conv1.bias must be float32 \(32,\), not float32 \(31,\)",
    ),
    "type": (
        {"conv1.bias": np.zeros(32, np.float64)},
        r"tensor conv1.bias must be float32 \(32,\), not float64",
    ),
    "not finite": (
        {"conv1.bias": np.full(32, np.nan, np.float32)},
        "tensor conv1.bias holds values that are not finite",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_weights_are_refused_by_name(case: str, tmp_path: Path) -> None:
    """The error names the tensor and its expected shape and type."""
    change, message = WRONG[case]
    tensors = {**draw(CNN_SHAPES, 1), **change}
    write(tmp_path, "cnn", {name: value for name, value in tensors.items() if value is not None})

    with pytest.raises(CheckpointError, match=message):
        registry.load("cnn", tmp_path)


def test_too_many_units_are_refused(tmp_path: Path) -> None:
    """The limit of 64 units is named."""
    write(tmp_path, "lstm", draw(lstm_shapes(65), 1))

    with pytest.raises(CheckpointError, match="may have at most 64 recurrent units"):
        registry.load("lstm", tmp_path)


def test_a_report_of_other_weights_is_refused(tmp_path: Path) -> None:
    """An artifact states its weights, and is not served with others."""
    write(tmp_path, "cnn", draw(CNN_SHAPES, 1))
    (tmp_path / "cnn.report.json").write_text(json.dumps({"weights": "0123"}))

    with pytest.raises(CheckpointError, match=r"cnn.report.json was made for other weights \(0123"):
        registry.load("cnn", tmp_path)


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_reports_are_of_the_shipped_weights(name: str) -> None:
    """Reports are shipped, and state the digest of the shipped weights."""
    model = registry.load(name)

    assert model.report["weights"] == model.checkpoint.digest


class _ParameterSets(ResidentProgram):
    """A resident program that is not compiled, and keeps the parameters it is given."""

    def __init__(self) -> None:
        self.held: dict[str, Parameters] = {}

    def add_parameters(self, checkpoint: str, parameters: Parameters) -> None:
        """Keep a parameter set."""
        self.held[checkpoint] = parameters


def test_randomised_layers_are_on_the_device_once(tmp_path: Path) -> None:
    """Every randomised set is whole, and all together take the memory of two networks."""
    model = registry.load_folder(write_network(tmp_path / "colours", COLOURS_TOML))
    sets = _ParameterSets()

    model.add_parameter_sets(sets)

    assert [*sets.held] == ["reset-output", "reset-conv1"]
    for name, parameters in sets.held.items():
        assert parameters.keys() == model.weights.keys()
        for key, value in model.parameter_sets[name].items():
            np.testing.assert_array_equal(parameters[key], value)
    assert model.nbytes <= 2 * sum(value.nbytes for value in model.weights.values())


def test_bytes_are_counted_while_programs_are_compiled() -> None:
    """A thread that adds arrays, programs and buckets meanwhile is no error of `/models`."""
    model = registry.load("lstm")

    class Growing:
        """Array and program, during whose examination another one is added."""

        @property
        def nbytes(self) -> int:
            model._arrays[len(model._arrays)] = model._arrays[0]
            return 8

        @property
        def code_bytes(self) -> int:
            model.programs[str(len(model.programs))] = model.programs["0"]
            return 1

    growing: Any = Growing()
    model._arrays[0] = (np.zeros(1), growing)
    model.programs["0"] = growing

    assert model.nbytes == 9


def test_code_is_counted_while_buckets_are_added() -> None:
    """Larger buckets may be added while the machine code of a program is counted."""
    program = ResidentProgram.__new__(ResidentProgram)

    class Growing:
        """Memory analysis of an executable, another one of which is added while it is read."""

        @property
        def generated_code_size_in_bytes(self) -> int:
            program._memory_analyses[len(program._memory_analyses)] = self
            return 7

    growing: Any = Growing()
    program._memory_analyses = {0: growing}

    assert program.code_bytes == 7
