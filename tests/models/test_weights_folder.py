"""User's weights folder: weights are found, and other contents are described in the error."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from models.printable import MAX_NAME
from models.runtime.checkpoints import CheckpointError
from models.weights_folder import MAX_LISTED, find_weights, tensor_names
from tests.networks import SIMPLE_CNN
from tests.oracles.parameters import CNN_SHAPES, draw, lstm_shapes

STATE_DICT = {
    name.replace("kernel", "weight"): np.zeros(1, np.float32) for name in SIMPLE_CNN.parameters
}
OTHER = {"encoder.w": np.zeros(1, np.float32), "encoder.b": np.zeros(1, np.float32)}


def refusal(folder: Path) -> str:
    """Return the reason why a folder is refused: always one line."""
    with pytest.raises(CheckpointError) as caught:
        find_weights(folder, "cnn")
    assert str(caught.value).isprintable()
    return str(caught.value)


def held(folder: Path) -> str:
    """Return the part of the error that lists the contents of the folder."""
    beginning, _, contents = refusal(folder).partition("; ")
    assert beginning == (
        f"weights folder {folder} holds neither cnn.safetensors nor lstm.safetensors"
    )
    return contents


def test_weights_are_found_by_their_names(tmp_path: Path) -> None:
    """Of two models, one alone is enough; the other is not found."""
    (tmp_path / "lstm.safetensors").touch()

    assert find_weights(tmp_path, "lstm") == tmp_path / "lstm.safetensors"
    assert find_weights(tmp_path, "cnn") is None


def test_the_names_of_tensors_are_those_of_the_networks() -> None:
    """Tensor names by which files are recognised are those of the networks."""
    assert {"cnn": set(CNN_SHAPES), "lstm": set(lstm_shapes(7))} == tensor_names()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """The system's reason is given."""
    folder = tmp_path / "none"

    assert refusal(folder) == f"weights folder {folder}: No such file or directory"


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    """The error says which folder to name."""
    path = tmp_path / "cnn.safetensors"
    save_file(draw(CNN_SHAPES, 1), path)

    assert refusal(path) == (
        f"weights folder {path}: Not a directory; "
        "name the folder that holds cnn.safetensors or lstm.safetensors"
    )


@pytest.mark.parametrize("hidden", [(), (".DS_Store",)], ids=["empty", "hidden files"])
def test_an_empty_folder_is_refused(hidden: tuple[str, ...], tmp_path: Path) -> None:
    """Hidden files, which file managers leave behind, do not count."""
    for name in hidden:
        (tmp_path / name).touch()

    assert held(tmp_path) == "it is empty"


TENSORS: Mapping[str, tuple[Mapping[str, np.ndarray], str]] = {
    "PyTorch": (STATE_DICT, "a PyTorch state_dict: names of its tensors end in .weight"),
    "CNN": (draw(CNN_SHAPES, 1), "weights of the cnn: rename it to cnn.safetensors"),
    "LSTM": (draw(lstm_shapes(3), 1), "weights of the lstm: rename it to lstm.safetensors"),
    "other": (OTHER, "tensors of another network: encoder.b, encoder.w"),
    "none": ({}, "no tensors"),
}


@pytest.mark.parametrize("case", TENSORS)
def test_a_safetensors_file_is_recognised_by_its_tensors(case: str, tmp_path: Path) -> None:
    """The error distinguishes our weights under another name from those of other networks."""
    tensors, kind = TENSORS[case]
    save_file(dict(tensors), tmp_path / "model.safetensors")

    assert held(tmp_path) == f"it holds model.safetensors ({kind})"


def test_a_damaged_safetensors_file_is_named(tmp_path: Path) -> None:
    """It is listed, and nothing is guessed from it."""
    (tmp_path / "model.safetensors").write_bytes(b"version https://git-lfs")

    assert held(tmp_path) == "it holds model.safetensors (not a whole safetensors file)"


FORMATS = {
    "digits.keras": "a Keras model",
    "digits.h5": "HDF5, such as Keras weights",
    "digits.onnx": "an ONNX model",
    "digits.PT": "a PyTorch checkpoint",
    "digits.pth": "a PyTorch checkpoint",
    "pytorch_model.bin": "a PyTorch checkpoint",
    "checkpoint.msgpack": "msgpack, such as Flax serialisation",
}


@pytest.mark.parametrize("name", FORMATS)
def test_other_formats_are_recognised_by_name(name: str, tmp_path: Path) -> None:
    """By the suffix, in capitals or not."""
    (tmp_path / name).touch()

    assert held(tmp_path) == f"it holds {name} ({FORMATS[name]})"


FOLDERS = {
    "_METADATA": "an Orbax checkpoint",
    "saved_model.pb": "a TensorFlow SavedModel",
    "lstm.safetensors": "a folder with lstm.safetensors: name this one",
    "notes.txt": "a folder",
}


@pytest.mark.parametrize("inner", FOLDERS)
def test_a_folder_in_the_folder_is_recognised(inner: str, tmp_path: Path) -> None:
    """By the names of its files."""
    (tmp_path / "step").mkdir()
    (tmp_path / "step" / inner).touch()

    assert held(tmp_path) == f"it holds step ({FOLDERS[inner]})"


def test_an_orbax_checkpoint_is_recognised(tmp_path: Path) -> None:
    """Also where it is the weights folder itself."""
    (tmp_path / "d").mkdir()
    (tmp_path / "manifest.ocdbt").touch()

    assert held(tmp_path) == "it is an Orbax checkpoint, which is not read"


def test_the_list_is_bounded(tmp_path: Path) -> None:
    """Many files, long names and line breaks in names still make one short line."""
    for number in range(1_000):
        (tmp_path / f"{number:03}\n{'x' * 200}").touch()

    contents = held(tmp_path)

    assert contents.startswith("it holds 000\N{REPLACEMENT CHARACTER}x")
    assert contents.endswith(f"… and {1_000 - MAX_LISTED} more")
    assert len(contents) < (MAX_LISTED + 1) * (MAX_NAME + 2)


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    """An unreadable file is listed with the reason."""
    (tmp_path / "model.safetensors").symlink_to("/nowhere")

    assert held(tmp_path).startswith("it holds model.safetensors (unreadable: No such file")
