"""`python -m scripts.activations`: values equal to the server's, index, refusals, exit status."""

import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load, load_file
from starlette.testclient import TestClient

from models.data.datasets import mnist
from models.data.samples import Samples
from models.model_files import shipped_files
from scripts.activations import __main__ as command
from scripts.activations.job import OpenJob
from tests.networks import COLOURS_TOML, FEATURES_TOML, LETTERS_TOML, write_network
from tests.scripts.activations.runs import TFDS, index_of, joined, refusal, run

SEQUENCES = ["10" * length + "1" for length in range(16)]


@pytest.fixture(autouse=True)
def datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    """MNIST is that of the tests, of which only the test images are prepared."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(TFDS))


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory, digits: Samples) -> Path:
    """An array of eight test images of MNIST with their labels."""
    path = tmp_path_factory.mktemp("data") / "eight.npz"
    np.savez(path, inputs=digits.images[:8], labels=digits.labels[:8])
    return path


def served(client: TestClient, path: str, body: Any) -> dict[str, np.ndarray]:
    """Return the tensors of an answer of the server, exactly."""
    # Not as `params`, which would replace the query of the path.
    mark = "&" if "?" in path else "?"
    answer = client.post(f"{path}{mark}format=safetensors", json=body)
    assert answer.status_code == 200, answer.text
    return load(answer.content)


def test_images_equal_the_server_of_the_same_bucket(
    client: TestClient, tmp_path: Path, eight: Path
) -> None:
    """Every layer of eight images is that of one request with all of them, to the bit."""
    assert run("cnn", "--data", eight, "--layers", "all", "--out", tmp_path / "out") == 0

    found, inputs = joined(tmp_path / "out"), np.load(eight)["inputs"]
    entries = [{"pixels": one.tolist()} for one in inputs]
    path = "/cnn/activations?layers=all&preprocess=none"
    expected = served(client, path, {"inputs": entries})
    assert index_of(tmp_path / "out")["bucket"] == 8
    layers = found.keys() - {"input.label"}
    assert layers == set(index_of(tmp_path / "out")["tensors"]) - {"input.label"} > {"conv1"}
    for layer in layers:
        for row in range(8):
            np.testing.assert_array_equal(found[layer][row], expected[f"answers.{row}.{layer}"])


def test_bucket_1_equals_single_requests(client: TestClient, tmp_path: Path, eight: Path) -> None:
    """With the bucket 1 every row equals the answer to its own request, to the bit."""
    arguments = ("--bucket", 1, "--layers", "relu3", "--out", tmp_path / "out")
    assert run("cnn", "--data", f"{eight}[:2]", *arguments) == 0

    found = joined(tmp_path / "out")["relu3"]
    assert len(found) == 2
    for row, image in zip(found, np.load(eight)["inputs"], strict=False):
        path = "/cnn/activations?layers=relu3&preprocess=none"
        expected = served(client, path, {"pixels": image.tolist()})
        np.testing.assert_array_equal(row, expected["relu3"])


def test_pictures_are_prepared_as_the_server_prepares_them(
    client: TestClient, tmp_path: Path, digits: Samples
) -> None:
    """Rows of a folder of pictures are those of posted files, in order of their names."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    names = ["b.png", "more/a.jpg", "more/c.png"]
    for name, image in zip(names, digits.images, strict=False):
        large = Image.fromarray(255 - image).resize((80, 80))
        large.save(folder / name, quality=95)
    (folder / "notes.txt").write_text("not a picture")

    arguments = ("--bucket", 1, "--layers", "relu4", "--out", tmp_path / "out")
    assert run("cnn", "--data", folder, *arguments) == 0

    found = joined(tmp_path / "out")["relu4"]
    for row, name in zip(found, names, strict=True):
        query = {"layers": "relu4", "format": "safetensors"}
        content = (folder / name).read_bytes()
        kind = {"Content-Type": "image/png" if name.endswith("png") else "image/jpeg"}
        answer = client.post("/cnn/activations", params=query, content=content, headers=kind)
        np.testing.assert_array_equal(row, load(answer.content)["relu4"])
    facts = index_of(tmp_path / "out")
    assert facts["data"]["preprocess"] == "mnist"
    shard = (tmp_path / "out" / facts["shards"][0]["file"]).read_bytes()
    assert b"more/c.png" in shard[:2000]


def test_sequences_equal_the_server_of_the_same_bucket(client: TestClient, tmp_path: Path) -> None:
    """Gates and states of sixteen sequences are those of one request with all, to the bit."""
    (tmp_path / "bits.txt").write_text("# lengths 1 to 31\n" + "\n".join(SEQUENCES))
    arguments = ("--layers", "forget_gate,hidden", "--out", tmp_path / "out")
    assert run("lstm", "--data", tmp_path / "bits.txt", *arguments) == 0

    found = joined(tmp_path / "out")
    body = {"inputs": [{"sequence": one} for one in SEQUENCES]}
    gates, states = served(client, "/lstm/gates", body), served(client, "/lstm/hidden", body)
    assert index_of(tmp_path / "out")["bucket"] == 16
    assert found["input.length"].tolist() == [len(one) for one in SEQUENCES]
    for row, steps in enumerate(found["input.length"]):
        gate, hidden = found["forget_gate"][row], found["hidden"][row]
        np.testing.assert_array_equal(gate[:steps], gates[f"answers.{row}.forget_gate"])
        np.testing.assert_array_equal(hidden[: steps + 1], states[f"answers.{row}.hidden"])
        assert not gate[steps:].any()
        assert not hidden[steps + 1 :].any()


def test_long_sequences_run_in_chunks(client: TestClient, tmp_path: Path) -> None:
    """A sequence of several chunks equals the server's, to the bit, with one after it."""
    bits = "1101" * 200
    (tmp_path / "bits.txt").write_text(f"{bits}\tyes\n10\tno\n")
    arguments = ("--layers", "cell", "--bucket", 1, "--out", tmp_path / "out")
    assert run("lstm", "--data", tmp_path / "bits.txt", *arguments) == 0

    found = joined(tmp_path / "out")
    expected = served(client, "/lstm/cell", {"sequence": bits})["cell"]
    np.testing.assert_array_equal(found["cell"][0], expected)
    assert found["input.label"].tolist() == [1, 0]


def test_reductions(tmp_path: Path, eight: Path) -> None:
    """Mean and maximum are those of each map; dense layers are kept as they are."""
    assert run("cnn", "--data", eight, "--layers", "relu3,relu4", "--out", tmp_path / "all") == 0
    arguments = ("--layers", "relu3,relu4", "--reduce", "mean,max", "--out", tmp_path / "few")
    assert run("cnn", "--data", eight, *arguments) == 0

    whole, found = joined(tmp_path / "all"), joined(tmp_path / "few")
    assert found.keys() == {"input.label", "relu3.mean", "relu3.max", "relu4"}
    np.testing.assert_array_equal(found["relu3.max"], whole["relu3"].max((2, 3)))
    np.testing.assert_allclose(found["relu3.mean"], whole["relu3"].mean((2, 3)), rtol=1e-6)
    np.testing.assert_array_equal(found["relu4"], whole["relu4"])
    assert index_of(tmp_path / "few")["tensors"]["relu3.mean"]["axes"] == ["image", "channel"]


def test_reductions_of_sequences_are_over_their_own_steps(tmp_path: Path) -> None:
    """Steps of padding and step 0 count for neither mean, maximum nor the last step."""
    (tmp_path / "bits.txt").write_text("\n".join(SEQUENCES[:3]))
    data = ("lstm", "--data", tmp_path / "bits.txt", "--layers", "hidden,output_gate")
    assert run(*data, "--out", tmp_path / "all") == 0
    assert run(*data, "--reduce", "mean,max,last", "--out", tmp_path / "few") == 0

    whole, found = joined(tmp_path / "all"), joined(tmp_path / "few")
    for row, steps in enumerate(whole["input.length"]):
        for name, first in (("hidden", 1), ("output_gate", 0)):
            values = whole[name][row, first : first + steps]
            np.testing.assert_allclose(found[f"{name}.mean"][row], values.mean(0), rtol=1e-6)
            np.testing.assert_array_equal(found[f"{name}.max"][row], values.max(0))
            np.testing.assert_array_equal(found[f"{name}.last"][row], values[-1])


def test_a_slice_of_mnist_has_labels(tmp_path: Path) -> None:
    """A slice of the split has its images and labels, and shards of a batch at least."""
    arguments = ("--layers", "logits", "--shard-mib", 1, "--out", tmp_path / "out")
    assert run("cnn", "--data", "test[100:120]", *arguments) == 0

    found, facts = joined(tmp_path / "out"), index_of(tmp_path / "out")
    assert found["input.label"].tolist() == mnist("test").labels[100:120].tolist()
    assert (found["logits"].argmax(1) == found["input.label"]).mean() > 0.9
    assert facts["data"]["source"] == "test[100:120]"
    assert (facts["rows"], facts["complete"]) == (20, True)


@pytest.mark.parametrize(
    ("text", "inputs", "layers"),
    [
        (COLOURS_TOML, np.arange(3 * 72, dtype=np.uint8).reshape(3, 4, 6, 3), "relu1"),
        (COLOURS_TOML, np.linspace(-1, 1, 3 * 72).reshape(3, 4, 6, 3), "relu1"),
        (FEATURES_TOML, np.linspace(-1, 1, 3 * 10).reshape(3, 5, 2), "hidden"),
        (LETTERS_TOML, np.outer([1, 2, 3], range(5)) % 5, "gru2.hidden"),
    ],
    ids=["pixels", "values", "features", "symbols"],
)
def test_declared_networks(text: str, inputs: np.ndarray, layers: str, tmp_path: Path) -> None:
    """Networks of a repository take arrays of their inputs, by name and as a folder."""
    write_network(tmp_path / "networks" / "mine", text)
    np.save(tmp_path / "inputs.npy", inputs)
    data = ("--data", tmp_path / "inputs.npy", "--layers", layers)
    named = ("mine", "--models", tmp_path / "networks", *data, "--out", tmp_path / "a")

    assert run(*named) == 0
    assert run(tmp_path / "networks" / "mine", *data, "--out", tmp_path / "b") == 0

    found, same = joined(tmp_path / "a"), joined(tmp_path / "b")
    assert len(found[layers]) == 3
    np.testing.assert_array_equal(found[layers], same[layers])
    assert np.ptp(found[layers], axis=0).any()


def test_another_run_in_the_same_folder_is_refused(
    tmp_path: Path, eight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other layers, data, buckets, weights and formats are refused with a sentence each."""
    base = ("cnn", "--data", eight, "--layers", "relu4", "--out", tmp_path / "out")
    assert run(*base) == 0
    others = {
        "another layers or reductions": ("--layers", "relu3"),
        "another data set": ("--data", f"{eight}[:4]"),
        "another bucket: 8, not 4": ("--bucket", 4),
        "another weights": ("--checkpoint", "round-1"),
        "another size of shards": ("--shard-mib", 1),
    }
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    for words, option in others.items():
        line = refusal(capsys, *base, *option)
        assert words in line
        assert line.endswith("give another --out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize(
    ("before", "after", "is_other"),
    [
        ('"relu"', '"tanh"', True),
        ('"pool"', '"pool avg"', True),
        ("mean = [0.5,", "mean = [0.6,", True),
        ("std = [0.2,", "std = [0.3,", True),
        ('"green"', '"lime"', False),
    ],
)
def test_an_edited_declaration_is_another_network(
    before: str, after: str, is_other: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With equal weights and pictures another input or layer is refused, a class's name is not."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.new("RGB", (6, 4), "red").save(pictures / "a.png")
    base = (tmp_path / "mine", "--data", pictures, "--layers", "logits", "--out", tmp_path / "out")
    declaration = write_network(tmp_path / "mine", COLOURS_TOML) / "lightwell.toml"
    assert run(*base) == 0
    text = declaration.read_text()
    assert before in text
    declaration.write_text(text.replace(before, after))

    if is_other:
        assert "another declaration of the network: " in refusal(capsys, *base)
    else:
        assert run(*base) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope", "--data", "test"), "'nope' is not one of cnn, lstm"),
        (("cnn", "--data", "test", "--layers", "conv9"), "layer 'conv9' is not one of conv1,"),
        (("cnn", "--data", "test", "--reduce", "last"), "'last' is not one of mean, max"),
        (("cnn", "--data", "test", "--bucket", "64"), "bucket '64' is not one of 1, 2, 4, 8"),
        (("cnn", "--data", "test", "--checkpoint", "x"), "checkpoint 'x' is not one of"),
        (("cnn", "--data", "nope"), "'nope' is neither a file or folder nor a split"),
        (("cnn", "--data", "nope.npz"), "there is no file nope.npz"),
        (("cnn", "--data", "test[5]"), "ends in no slice [start:stop]"),
        (("cnn", "--data", "test[20:10]"), "test has 10,000 rows, and the slice [20:10] none"),
        (("cnn", "--data", "test", "--preprocess", "fit"), "--preprocess is for a folder"),
        (("cnn", "--data", "test", "--key", "a"), "--key is for an .npz or a .safetensors"),
        (("lstm", "--data", "test"), "inputs must have the axes (examples, steps)"),
        (("cnn", "--data", "test", "--folder", "/nope"), "No such file or directory"),
    ],
)
def test_wrong_arguments(
    arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong argument is one sentence that names the limit, with exit status 1, and no folder."""
    assert words in refusal(capsys, *arguments, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_other_weights_are_those_of_the_folder(
    tmp_path: Path, eight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Weights in a folder are taken for their network, and never replaced by others in silence."""
    (tmp_path / "weights").mkdir()
    shutil.copy(shipped_files("cnn").weights, tmp_path / "weights" / "cnn.safetensors")
    write_network(tmp_path / "mine", COLOURS_TOML)
    (tmp_path / "bits.txt").write_text("101")
    chosen = ("--folder", tmp_path / "weights", "--out", tmp_path / "out")

    line = refusal(capsys, "lstm", "--data", tmp_path / "bits.txt", *chosen)
    assert line.endswith(f"weights folder {tmp_path / 'weights'} has no lstm.safetensors")
    for named in ((tmp_path / "mine",), ("mine", "--models", tmp_path)):
        line = refusal(capsys, *named, "--data", eight, *chosen)
        assert line.endswith(f"--folder is for cnn and lstm; {named[0]} has weights of its own")
    assert not (tmp_path / "out").exists()
    assert run("cnn", "--data", eight, "--layers", "logits", *chosen) == 0


def test_a_full_disk_is_a_sentence_and_the_next_run_goes_on(
    tmp_path: Path,
    eight: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without room for the second shard one line says so; later the rest is computed."""
    base = ("cnn", "--data", eight, "--bucket", 4, "--layers", "conv1,conv2", "--out")
    monkeypatch.setattr(command, "MIB", 2**10)
    assert run(*base, tmp_path / "whole") == 0
    written = os.write
    room = [2**20]

    def full(descriptor: int, content: Any) -> int:
        room[0] -= len(content)
        if room[0] < 0:
            raise OSError(28, "No space left on device")
        return written(descriptor, content)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        line = refusal(capsys, *base, tmp_path / "out")
    assert "No space left on device; the same command goes on" in line
    assert len(index_of(tmp_path / "out")["shards"]) == 1
    assert not list((tmp_path / "out").glob(".*.partial"))
    assert run(*base, tmp_path / "out") == 0
    assert "1 of 2 shards are there" in capsys.readouterr().out
    for name, values in joined(tmp_path / "whole").items():
        np.testing.assert_array_equal(joined(tmp_path / "out")[name], values)


def test_a_closed_pipe_is_a_sentence(
    tmp_path: Path,
    eight: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the reader of standard output is gone, one line says so, with exit status 1."""
    reading, writing = os.pipe()
    os.close(reading)
    closed = io.TextIOWrapper(os.fdopen(writing, "wb", 0), write_through=True)
    with monkeypatch.context() as patched:
        patched.setattr(command.sys, "stdout", closed)
        line = refusal(capsys, "cnn", "--data", eight, "--layers", "relu4", "--out", tmp_path / "o")
    closed.close()
    assert "standard output was closed" in line


def test_ctrl_c_has_status_130(
    tmp_path: Path,
    eight: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C ends with one line and the exit status of shells."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(OpenJob, "shard", interrupted)
    assert run("cnn", "--data", eight, "--layers", "relu4", "--out", tmp_path / "out") == 130
    assert "stopped; the same command goes on" in capsys.readouterr().err


def test_a_damaged_shard_is_computed_again(
    tmp_path: Path, eight: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shard with a changed bit, and one that is gone, are named and computed again."""
    base = ("cnn", "--data", eight, "--layers", "relu4", "--bucket", 4, "--out", tmp_path / "out")
    assert run(*base) == 0
    shard = tmp_path / "out" / "shard-00000.safetensors"
    whole = shard.read_bytes()
    for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-1], None):
        shard.unlink() if damaged is None else shard.write_bytes(damaged)
        capsys.readouterr()
        assert run(*base) == 0
        assert "damaged or missing and computed again: shard 0" in capsys.readouterr().out
        assert shard.read_bytes() == whole
    assert load_file(shard)["relu4"].shape == (8, 128)
