"""`python -m scripts.verify`: verdict, table of layers and sentences for folders of every kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from models.declaration.declaration import parse_declaration
from models.derivation import derive
from models.runtime import checkpoints
from scripts.verify import main
from tests.oracles.declarations import declared, draw_input, draw_parameters
from tests.oracles.interpreter import interpret

LAYERS = ("conv 2", "norm", "relu", "conv 2", "relu", "conv 2", "pool", "flatten", "dense 3")
SWAPPED = {"conv2.kernel": "conv3.kernel", "conv3.kernel": "conv2.kernel"}
Tensors = dict[str, np.ndarray]


def draw(text: str) -> Tensors:
    """Draw the parameters of a declaration."""
    return draw_parameters(derive(parse_declaration(text)).parameters, 3)


def network(
    folder: Path,
    *layers: str,
    parameters: Tensors | None = None,
    reference: bool = False,
    metadata: Mapping[str, Any] | None = None,
) -> tuple[Path, Tensors]:
    """Write the folder of a network; its reference holds the interpreter's values.

    Returns:
        The folder, and the parameters that the reference was made with.
    """
    folder = folder / "mine"
    folder.mkdir()
    text = declared(*(layers or LAYERS))
    drawn = draw(text)
    checkpoints.save(folder / "weights.safetensors", parameters or drawn, metadata or {})
    if reference:
        text += 'reference = "answers.safetensors"\n'
        declaration = parse_declaration(text)
        inputs = [draw_input(declaration, seed) for seed in range(3)]
        values = [interpret(declaration, drawn, one) for one in inputs]
        expected = {name: np.array([one[name] for one in values]) for name in values[0]}
        save_file({"inputs": np.array(inputs), **expected}, folder / "answers.safetensors")
    (folder / "lightwell.toml").write_text(text)
    return folder, drawn


def swapped(parameters: Tensors) -> Tensors:
    """Return parameters with those of two convolutions of one shape swapped."""
    return {name: parameters[SWAPPED.get(name, name)] for name in parameters}


def torch_file(path: Path, parameters: Tensors, names: Mapping[str, str]) -> Path:
    """Write parameters as PyTorch has them, each layer by another name."""
    tensors = {}
    for name, value in parameters.items():
        layer, parameter = name.split(".")
        renamed = {"kernel": "weight", "scale": "weight", "mean": "running_mean"}
        renamed |= {"var": "running_var"}
        if value.ndim == 2:
            # Rows of the linear layer after the flatten: row, column, channel to channel first.
            value = value.reshape(4, 4, 2, 3).transpose(3, 2, 0, 1).reshape(3, -1)  # noqa: PLW2901
        elif value.ndim == 4:
            value = value.transpose(3, 2, 0, 1)  # noqa: PLW2901
        key = f"{names[layer]}.{renamed.get(parameter, parameter)}"
        tensors[key] = np.ascontiguousarray(value)
    save_file(tensors, path)
    return path


NUMBERED = {"conv1": "0", "norm1": "1", "conv2": "3", "conv3": "5", "output": "8"}
NAMED = NUMBERED | {"conv1": "conv_a", "conv2": "conv_b", "conv3": "conv_c"}


def test_a_network_agrees_with_its_reference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every layer is printed with its line, output, parameters and origin, then every tensor."""
    match = {"ours": "conv1.kernel", "theirs": ["0.weight"], "transformation": "OIHW to HWIO"}
    folder, _ = network(tmp_path, reference=True, metadata={"matched": [match, 3, {"ours": 1}]})

    assert main([str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "images of 8 x 9 x 1, 3 classes, 203 parameters" in printed
    assert "conv1     conv 2   8 x 9 x 2  20          0.weight (OIHW to HWIO)\n" in printed
    assert "pool1     pool     4 x 4 x 2\n" in printed
    assert "Compared with answers.safetensors: 3 inputs." in printed
    assert "Agrees with the original in all 8 tensors." in printed


def test_swapped_weights_differ(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two convolutions of one shape that are swapped differ from the first of them on."""
    wrong = swapped(draw(declared(*LAYERS)))
    folder, _ = network(tmp_path, parameters=wrong, reference=True)

    assert main([str(folder)]) == 1
    printed = capsys.readouterr().out
    assert "Differs from the original in conv2, relu2, conv3, pool1, logits." in printed


def test_without_a_reference_nothing_is_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says that the network is not compared, and that the origin of its weights is unknown."""
    folder, _ = network(tmp_path)

    assert main([str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "Not compared with the original: the declaration names no reference" in printed
    assert "do not say which tensors of another library" in printed


def test_weights_are_those_of_the_original(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tensors of the original's file are matched again, and compared to the bit."""
    folder, drawn = network(tmp_path)
    file = torch_file(tmp_path / "original.safetensors", drawn, NUMBERED)

    assert main([str(folder), str(file)]) == 0
    printed = capsys.readouterr().out
    assert "3.weight (OIHW to HWIO, by number); 3.bias (as it is, by number)" in printed
    assert "All 12 parameters are those of original.safetensors." in printed


def test_a_declaration_with_a_byte_order_mark_is_verified(tmp_path: Path) -> None:
    """It is read alike for the network and for the original's file."""
    folder, drawn = network(tmp_path)
    text = (folder / "lightwell.toml").read_text()
    (folder / "lightwell.toml").write_text(text, encoding="utf-8-sig")
    file = torch_file(tmp_path / "original.safetensors", drawn, NUMBERED)

    assert main([str(folder), str(file)]) == 0


def test_weights_swapped_against_the_original_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A parameter that is another one of the original is named with that."""
    drawn = draw(declared(*LAYERS))
    folder, _ = network(tmp_path, parameters=swapped(drawn))
    file = torch_file(tmp_path / "original.safetensors", drawn, NUMBERED)

    assert main([str(folder), str(file)]) == 1
    printed = capsys.readouterr().out
    assert (
        "conv2.kernel is not that of original.safetensors: it has the values of conv3.kernel"
        in (printed)
    )


def test_an_ambiguous_match_is_refused_with_both_candidates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where names leave a choice between tensors of one shape, both are named."""
    folder, drawn = network(tmp_path)
    file = torch_file(tmp_path / "original.safetensors", drawn, NAMED)

    assert main([str(folder), str(file)]) == 2
    error = capsys.readouterr().err
    assert "layer conv2 (conv 2) may be conv_b.bias or conv_c.bias, of one shape" in error


def test_a_reference_decides_an_ambiguous_match(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where names leave a choice, answers of the original decide it."""
    folder, drawn = network(tmp_path, reference=True)
    file = torch_file(tmp_path / "original.safetensors", drawn, NAMED)

    assert main([str(folder), str(file)]) == 0
    assert "conv_b.weight (OIHW to HWIO, by reference)" in capsys.readouterr().out


def test_a_numpy_archive_is_an_original_too(tmp_path: Path) -> None:
    """Tensors may be in an npz file under our own names."""
    folder, drawn = network(tmp_path)
    np.savez(tmp_path / "original.npz", **drawn)

    assert main([str(folder), str(tmp_path / "original.npz")]) == 0


UNREADABLE = {
    "no folder": ("", "the folder's name is the network's"),
    "no weights": ("mine/weights.safetensors", "mine: no weights: put weights.safetensors next to"),
    "no declaration": ("mine/lightwell.toml", "mine: lightwell.toml: No such file or directory"),
    "no reference": ("mine/answers.safetensors", "answers.safetensors: No such file or directory"),
}


@pytest.mark.parametrize(("missing", "sentence"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_folder_that_cannot_be_read_has_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: str, sentence: str
) -> None:
    """The missing file is named on the standard error, and the status is 2."""
    folder, _ = network(tmp_path, reference=True)
    if missing:
        (tmp_path / missing).unlink()

    assert main([str(folder if missing else tmp_path / "No Folder")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("cannot be verified: ")
    assert sentence in error


@pytest.mark.parametrize("name", ["original.npz", "original.safetensors"])
def test_a_damaged_original_has_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """A file that is no archive of tensors is named; pickles are not read."""
    folder, _ = network(tmp_path)
    (tmp_path / name).write_bytes(b"\x80\x04N.")

    assert main([str(folder), str(tmp_path / name)]) == 2
    assert f"cannot be verified: {name}" in capsys.readouterr().err
