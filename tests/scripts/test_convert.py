"""Conversion from the command line: folders that the server loads, and refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from models.reference import Reference, differences
from models.registry import load_folder
from models.runtime import artifacts, checkpoints
from scripts import convert
from tests.models.importers.comparison import GOLDEN

RNN = """format = 1
classes = ["no", "yes"]
input = { alphabet = "abcde", encoding = "embed" }
layers = ["embed 6", "rnn 6", "dense 2"]
"""

TWO = """format = 1
classes = ["a", "b", "c"]
input = { features = 3 }
reference = "answers.safetensors"
layers = ["rnn 3", "rnn 3", "dense 3"]
"""


def run(*arguments: object) -> int:
    """Run the script with arguments; return its exit status."""
    return convert.main([str(one) for one in arguments])


def test_an_onnx_file_becomes_a_folder_that_is_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder loads as the server loads it, and the commands that follow are printed."""
    path = GOLDEN / "separable.onnx"

    status = run(path, "--name", "mine", "--classes", "a,b,c,d,e", "--out", tmp_path)

    model = load_folder(tmp_path / "mine")
    assert status == 0
    assert model.architecture.classes == tuple("abcde")
    printed = capsys.readouterr().out
    assert "the last softmax is taken off: answers are logits." in printed
    assert f"python -m scripts.verify {tmp_path / 'mine'}" in printed
    assert f"python -m api --models {tmp_path}" in printed


def test_the_weights_say_where_they_come_from(tmp_path: Path) -> None:
    """Metadata have the file, and the tensors behind each parameter."""
    run(GOLDEN / "keras_simple.keras", "--name", "mine", "--out", tmp_path)

    metadata = checkpoints.load(tmp_path / "mine" / "weights.safetensors").metadata

    assert metadata["converted_from"] == "keras_simple.keras"
    assert metadata["matched"][0] == {
        "ours": "simple_rnn.dense_i.kernel",
        "theirs": ["simple_rnn/kernel"],
        "transformation": "as it is",
        "by": "graph",
    }


def test_weights_by_name_need_a_declaration(tmp_path: Path) -> None:
    """With one, tensors of PyTorch become a folder with that declaration."""
    (tmp_path / "lightwell.toml").write_text(RNN)

    status = run(
        *(GOLDEN / "rnn_tanh.safetensors", "--name", "mine", "--out", tmp_path),
        *("--declaration", tmp_path / "lightwell.toml"),
    )

    assert status == 0
    assert (tmp_path / "mine" / "lightwell.toml").read_text() == RNN
    kernel = load_file(GOLDEN / "rnn_tanh.safetensors")["rnn.weight_hh_l0"]
    np.testing.assert_array_equal(
        load_folder(tmp_path / "mine").weights["rnn1.dense_h.kernel"], kernel.T
    )


def test_a_declaration_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """It is read as the server reads it; the written one has no mark."""
    (tmp_path / "lightwell.toml").write_text(RNN, encoding="utf-8-sig")

    status = run(
        *(GOLDEN / "rnn_tanh.safetensors", "--name", "mine", "--out", tmp_path),
        *("--declaration", tmp_path / "lightwell.toml"),
    )

    assert status == 0
    assert (tmp_path / "mine" / "lightwell.toml").read_text(encoding="utf-8") == RNN


def test_the_reference_decides_between_layers_of_one_shape(tmp_path: Path) -> None:
    """Two recurrent layers without an order in their names are distinguished by answers."""
    random = np.random.default_rng(5)
    tensors = {"fc.weight": random.normal(0, 1, (3, 3)).astype(np.float32)}
    for name in ("upper", "lower"):
        for kind in ("ih", "hh"):
            tensors[f"{name}.weight_{kind}_l0"] = random.normal(0, 1, (3, 3)).astype(np.float32)
    save_file(tensors, tmp_path / "mine.safetensors")
    rows = random.normal(0, 1, (2, 4, 3)).astype(np.float32)
    answers = np.stack([_answer(tensors, row) for row in rows])
    save_file({"inputs": rows, "logits": answers}, tmp_path / "answers.safetensors")
    declaration = tmp_path / "lightwell.toml"
    arguments = (tmp_path / "mine.safetensors", "--out", tmp_path, "--declaration", declaration)

    declaration.write_text(TWO.replace("reference", "# reference"))
    refused = run(*arguments, "--name", "refused")
    declaration.write_text(TWO)
    status = run(*arguments, "--name", "mine")

    assert (refused, status) == (2, 0)
    assert not (tmp_path / "refused").exists()
    found = load_folder(tmp_path / "mine").weights["rnn1.dense_h.kernel"]
    np.testing.assert_array_equal(found, tensors["lower.weight_hh_l0"].T)
    assert (tmp_path / "mine" / "answers.safetensors").exists()


def _answer(tensors: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    """Return the logits of two plain recurrent layers, the lower one first."""
    for name in ("lower", "upper"):
        hidden, values = np.zeros(3), []
        for row in rows:
            sums = tensors[f"{name}.weight_ih_l0"] @ row + tensors[f"{name}.weight_hh_l0"] @ hidden
            hidden = np.tanh(sums)
            values.append(hidden)
        rows = np.array(values)
    return (tensors["fc.weight"] @ rows[-1]).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("skip.onnx", ["--name", "Mine"], "--name Mine: a lowercase letter"),
        ("skip.onnx", ["--name", "models"], "and none of"),
        ("skip.onnx", ["--name", "mine", "--classes", "a,b"], "2 classes are named"),
        ("bilstm.onnx", ["--name", "mine"], "bidirectional and reverse layers"),
        ("skip.onnx", ["--name", "mine", "--declaration", "x"], "leave --declaration out"),
        ("skip.safetensors", ["--name", "mine", "--declaration", "x"], "x: No such file"),
    ],
)
def test_a_refusal_writes_nothing(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    arguments: list[str],
    reason: str,
) -> None:
    """A file that cannot be converted is named on the error output, with exit status 2."""
    status = run(GOLDEN / name, *arguments, "--out", tmp_path)

    error = capsys.readouterr().err
    assert status == 2
    assert error.startswith("cannot be converted: ")
    assert reason in error
    assert list(tmp_path.iterdir()) == []


def test_a_network_is_replaced_only_where_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that has a network is kept without --replace."""
    arguments = (GOLDEN / "tagger.onnx", "--name", "mine", "--out", tmp_path)

    assert run(*arguments) == 0
    assert run(*arguments) == 2
    assert "exists: give another --name or --out, or --replace" in capsys.readouterr().err
    assert run(*arguments, "--replace") == 0


def test_symbols_and_encoding_follow_from_the_alphabet(tmp_path: Path) -> None:
    """Rows of as many numbers as symbols are one-hot vectors of these."""
    run(GOLDEN / "tagger.onnx", "--name", "mine", "--out", tmp_path, "--alphabet", "abc")

    sequence = load_folder(tmp_path / "mine").architecture.sequence
    assert (sequence.alphabet, sequence.encoding) == (("a", "b", "c"), "one-hot")


@pytest.mark.parametrize("name", ["skip", "gru2", "tagger"])
def test_the_server_gives_the_originals_answers(tmp_path: Path, name: str) -> None:
    """The network that the server builds agrees with PyTorch in its answers."""
    run(GOLDEN / f"{name}.onnx", "--name", "mine", "--out", tmp_path)
    model = load_folder(tmp_path / "mine")
    original = load_file(GOLDEN / f"{name}.reference.safetensors")
    inputs = original["inputs"]
    if inputs.dtype.kind == "i":
        inputs = inputs.astype(np.uint8)
    output = original["output"].astype(np.float64)
    if name == "tagger":
        output = np.log(output / (1 - output))
        output = np.concatenate([np.zeros_like(output), output], axis=-1)

    (found,) = differences(model.architecture, model.weights, Reference(inputs, {"logits": output}))

    assert found.agrees, found


@pytest.mark.parametrize(
    ("name", "key", "layers"),
    [
        ("keras_sequential.keras", "probabilities", ["batch_normalization", "average_pooling2d"]),
        ("inception.onnx", "logits", ["stem", "five"]),
        ("lstm2.onnx", "logits", []),
    ],
)
def test_answers_of_the_original_are_compared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, key: str, layers: list[str]
) -> None:
    """Inputs that the original took are scaled as it does, and every tensor is compared."""
    original = load_file(GOLDEN / f"{name.partition('.')[0]}.reference.safetensors")
    answers = {"inputs": original["inputs"], key: original["output"]}
    answers |= {layer: original[f"value.{layer}"] for layer in layers}
    arguments = (GOLDEN / name, "--name", "mine", "--out", tmp_path, "--replace")
    arguments = (*arguments, "--reference", tmp_path / "answers.safetensors")

    save_file(answers, tmp_path / "answers.safetensors")
    right = run(*arguments)
    printed = capsys.readouterr().out
    save_file(answers | {key: original["output"] + 0.01}, tmp_path / "answers.safetensors")
    wrong = run(*arguments)

    assert (right, wrong) == (0, 1)
    for tensor in (key, *layers):
        assert f"{tensor} agrees with the original" in printed
    assert f"{key} DIFFERS from the original" in capsys.readouterr().out
    assert load_folder(tmp_path / "mine").architecture.declaration.reference


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"logits": np.zeros((1, 7))}, "answers.safetensors has no tensor inputs"),
        (
            {"inputs": np.zeros((1, 3, 32, 32)), "output": np.zeros((1, 7))},
            "'output' is not one of",
        ),
        ({"inputs": np.zeros((1, 3, 8, 8)), "logits": np.zeros((1, 7))}, "must be (inputs, 32, 32"),
    ],
)
def test_answers_that_do_not_fit_are_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    answers: dict[str, np.ndarray],
    reason: str,
) -> None:
    """A reference without inputs, or with other tensors than the network has, writes nothing."""
    tensors = {name: value.astype(np.float32) for name, value in answers.items()}
    save_file(tensors, tmp_path / "answers.safetensors")

    status = run(
        *(GOLDEN / "skip.onnx", "--name", "mine", "--out", tmp_path),
        *("--reference", tmp_path / "answers.safetensors"),
    )

    assert status == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()


SKIP = {
    "inputs": np.zeros((1, 3, 32, 32), np.float32),
    "logits": np.zeros((1, 7), np.float32),
}
"""Answers of the shape that those of `skip.onnx` have."""


def test_answers_that_do_not_fit_keep_the_reference_of_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --replace the network and its reference stay as they are."""
    arguments = (GOLDEN / "skip.onnx", "--name", "mine", "--out", tmp_path, "--replace")
    save_file(SKIP, tmp_path / "answers.safetensors")
    run(*arguments, "--reference", tmp_path / "answers.safetensors")
    before = {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    save_file(SKIP | {"output": SKIP["logits"]}, tmp_path / "answers.safetensors")

    status = run(*arguments, "--reference", tmp_path / "answers.safetensors")

    assert status == 2
    assert "answers.safetensors: tensor 'output' is not one of" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()} == before
    assert "reference.safetensors" in before


def test_the_written_reference_is_no_reference_of_a_conversion(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Inputs of an original that scales them would be scaled twice; the file is not changed."""
    (tmp_path / "mine").mkdir()
    target = tmp_path / "mine" / "reference.safetensors"
    save_file(SKIP, target)
    before = target.read_bytes()

    status = run(
        *(GOLDEN / "skip.onnx", "--name", "mine", "--out", tmp_path),
        *("--reference", tmp_path / "mine" / ".." / "mine" / "reference.safetensors"),
    )

    assert status == 2
    assert "keep the original's answers in another folder" in capsys.readouterr().err
    assert [path.read_bytes() for path in target.parent.iterdir()] == [before]


def test_files_of_replaced_weights_are_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is served, without report and artifacts of other weights; those of these stay."""
    arguments = (GOLDEN / "tagger.onnx", "--name", "mine", "--out", tmp_path, "--replace")
    run(*arguments)
    folder = tmp_path / "mine"
    digest = checkpoints.load(folder / "weights.safetensors").digest
    kept = {f"round-1/{name}": one for name, one in load_folder(folder).weights.items()}
    artifacts.save(folder / "milestones.safetensors", kept, digest)
    artifacts.save(folder / "units.safetensors", {}, "0" * 64)
    (folder / "report.json").write_text(json.dumps({"weights": "0" * 64}))
    (folder / "tour.toml").write_text("of the user")
    capsys.readouterr()

    assert run(*arguments) == 0

    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("lightwell.toml", "weights.safetensors", "milestones.safetensors", "tour.toml")
    }
    assert list(load_folder(folder).training_checkpoints) == ["round-1"]
    printed = capsys.readouterr().out
    assert "Removed: report.json was made for other weights" in printed
    assert "Removed: units.safetensors was made for other weights" in printed


@pytest.mark.parametrize("name", ["report.json", "layers.safetensors", "reference.safetensors"])
def test_a_file_that_belongs_to_a_network_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Without --replace, files that a conversion would remove or write are named."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / name).write_text("of the user")
    save_file(SKIP, tmp_path / "answers.safetensors")

    status = run(
        *(GOLDEN / "skip.onnx", "--name", "mine", "--out", tmp_path),
        *("--reference", tmp_path / "answers.safetensors"),
    )

    assert status == 2
    assert f"{name} exists: give another --name or --out, or --replace" in capsys.readouterr().err
    assert (tmp_path / "mine" / name).read_text() == "of the user"
