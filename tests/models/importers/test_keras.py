"""Import of Keras archives, compared with the outputs of Keras's own layers."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from models.importers.errors import ConversionError
from models.importers.keras_reader import import_keras
from tests.models.importers.comparison import GOLDEN, compare_imported

COMPARED = {
    "keras_sequential": (
        {"conv2d": "relu1", "dense": "elu1"},
        {
            "relu1",
            "conv2d_1",
            "batch_normalization",
            "leaky_re_lu",
            "max_pooling2d",
            "separable_conv2d",
            "activation",
            "average_pooling2d",
            "elu1",
        },
    ),
    "keras_functional": (
        {"answer": "its sigmoid"},
        {
            "stem",
            "stem_bn",
            "re_lu",
            "deep",
            "activation_1",
            "mixed",
            "add",
            "re_lu_1",
            "other",
            "main",
            "concatenate",
            "global_average_pooling2d",
        },
    ),
    "keras_lstm": ({"lstm": "lstm.hidden"}, {"embedding", "lstm.hidden"}),
    "keras_gru": (
        {"gru": "hidden", "time_distributed": "tanh1"},
        {"hidden", "layer_normalization", "tanh1"},
    ),
    "keras_simple": ({}, set()),
}


@pytest.mark.parametrize("name", COMPARED)
def test_a_keras_archive_has_its_values(name: str) -> None:
    """Answers, and outputs of layers inside, are those of Keras."""
    other_names, layers = COMPARED[name]

    compared = compare_imported(name, import_keras(GOLDEN / f"{name}.keras", name), other_names)

    assert compared == layers


def test_scaling_of_the_input_becomes_mean_and_deviation() -> None:
    """Rescaling from 0 to 255 becomes mean and standard deviation of intensities 0 to 1."""
    imported = import_keras(GOLDEN / "keras_sequential.keras", "mine")

    assert imported.scale == 255
    assert "mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5]" in imported.text
    assert '"conv2d_1: conv 8 pad 1 0 2 1 nobias"' in imported.text
    assert imported.architecture.removed == "softmax"


def test_each_parameter_tells_its_variable() -> None:
    """The matches name the layer and the variable of Keras."""
    imported = import_keras(GOLDEN / "keras_gru.keras", "mine")

    matches = {match.ours: match for match in imported.matches}
    assert matches["gru.dense_i.kernel"].theirs == ("gru/kernel",)
    assert matches["gru.dense_i.kernel"].transformation == "gates z r h to r z n"
    assert matches["dense_4.bias"].theirs == ("dense_4/bias",)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("keras_before_reset", "a GRU with reset_after=False cannot be declared"),
        ("keras_bidirectional", "Lightwell has no bidirectional layers"),
    ],
)
def test_layers_that_cannot_be_declared_are_refused(name: str, reason: str) -> None:
    """A layer that no line says is refused with its name and the reason."""
    with pytest.raises(ConversionError, match=re.escape(reason)):
        import_keras(GOLDEN / f"{name}.keras", "mine")


def changed(tmp_path: Path, name: str, change: Callable[[dict[str, Any]], None]) -> Path:
    """Write a Keras archive with a change to its configuration."""
    path = tmp_path / "changed.keras"
    with zipfile.ZipFile(GOLDEN / f"{name}.keras") as archive, zipfile.ZipFile(path, "w") as other:
        config = json.loads(archive.read("config.json"))
        change(config)
        other.writestr("config.json", json.dumps(config))
        other.writestr("model.weights.h5", archive.read("model.weights.h5"))
    return path


def layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the layer of a name in a configuration."""
    return next(one for one in config["config"]["layers"] if one["config"]["name"] == name)


CHANGES: dict[str, tuple[str, Callable[[dict[str, Any]], None], str]] = {
    "code": (
        "keras_sequential",
        lambda config: layer(config, "flatten").update(class_name="Lambda"),
        "layer flatten (Lambda): Lightwell has no functions of their own (Lambda), which are code",
    ),
    "custom model": (
        "keras_sequential",
        lambda config: config.update(class_name="MyModel"),
        "MyModel is a model of its own class",
    ),
    "custom layer": (
        "keras_sequential",
        lambda config: layer(config, "dense").update(class_name="MyDense", module="mine"),
        "layer dense (MyDense): MyDense cannot be declared",
    ),
    "masks": (
        "keras_lstm",
        lambda config: layer(config, "embedding")["config"].update(mask_zero=True),
        "mask_zero makes masks, which cannot be declared",
    ),
    "channels first": (
        "keras_sequential",
        lambda config: layer(config, "conv2d")["config"].update(data_format="channels_first"),
        "channels_first is not read",
    ),
    "backwards": (
        "keras_lstm",
        lambda config: layer(config, "lstm")["config"].update(go_backwards=True),
        "layer lstm (LSTM): go_backwards cannot be declared",
    ),
    "other gates": (
        "keras_gru",
        lambda config: layer(config, "gru")["config"].update(recurrent_activation="relu"),
        "recurrent_activation relu cannot be declared, only sigmoid",
    ),
    "missing variable": (
        "keras_sequential",
        lambda config: layer(config, "conv2d_1")["config"].update(use_bias=True),
        "layer conv2d_1 (Conv2D): the weights have 1 of its variables, and it has 2",
    ),
    "a layer used twice": (
        "keras_functional",
        lambda config: layer(config, "deep")["inbound_nodes"].append({}),
        "layer deep is used 2 times, and may be used once",
    ),
    "several outputs": (
        "keras_functional",
        lambda config: config["config"].update(output_layers=[["answer", 0, 0], ["add", 0, 0]]),
        "the model has several outputs",
    ),
    "open size": (
        "keras_sequential",
        lambda config: config["config"]["layers"][0]["config"].update(
            batch_shape=[None, None, None, 3]
        ),
        "the input leaves rows, columns or features open",
    ),
    "large input": (
        "keras_sequential",
        lambda config: config["config"]["layers"][0]["config"].update(
            batch_shape=[None, 100_000, 100_000, 3]
        ),
        "a layer has 30,000,000,000 values; at most 2,000,000 are allowed",
    ),
    "many layers": (
        "keras_sequential",
        lambda config: config["config"].update(layers=[{"class_name": "Dropout"}] * 5000),
        "the file has 5000 layers; at most 4096 are allowed",
    ),
    "no configuration": (
        "keras_functional",
        lambda config: config["config"].update(layers=[{"class_name": "Dense"}]),
        "is not one of Keras 3",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_configurations_that_cannot_be_declared_get_a_sentence(tmp_path: Path, name: str) -> None:
    """Every kind of configuration that no declaration says is refused with its reason."""
    archive, change, reason = CHANGES[name]

    with pytest.raises(ConversionError, match=re.escape(reason)):
        import_keras(changed(tmp_path, archive, change), "mine")


def archived(tmp_path: Path, fill: Callable[[Any], None]) -> Path:
    """Write a Keras archive whose weights a function fills."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    path = tmp_path / "made.keras"
    with zipfile.ZipFile(GOLDEN / "keras_simple.keras") as archive:
        config = archive.read("config.json")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", buffer.getvalue())
    return path


HOSTILE: dict[str, tuple[Callable[[Any], None], str]] = {
    "link to another file": (
        lambda file: file.__setitem__("layers", h5py.ExternalLink("/etc/passwd", "/")),
        "layers is a link, which is not followed",
    ),
    "values in another file": (
        lambda file: file.create_dataset("kernel", (4,), "f4", external=[("/etc/passwd", 0, 16)]),
        "kernel is in another file, which is not read",
    ),
    "bomb": (
        lambda file: file.create_dataset(
            "kernel", (100_000, 100_000), "f4", chunks=(100, 100), compression="gzip"
        ),
        "tensor kernel has 10,000,000,000 values; at most 20,000,000 are allowed",
    ),
    "bomb of one chunk": (
        lambda file: file.create_dataset(
            "kernel", (4,), "f4", chunks=(1_000_000_000,), maxshape=(None,), compression="gzip"
        ),
        "tensor kernel has 1,000,000,000 values; at most 20,000,000 are allowed",
    ),
    "many names of one data set": (
        lambda file: _linked(file, file.create_dataset("kernel", (2_000_000,), "f4"), 40),
        "tensors of the file have more than 256 MiB, the limit",
    ),
    "many paths to one group": (
        lambda file: _branched(file, 11, 3),
        "the file has 4097 or more groups and data sets; at most 4096 are allowed",
    ),
    "many names of one long text": (
        lambda file: _linked(file, _named(file.create_group("layer"), 10 * 2**20), 40),
        "tensors of the file have more than 256 MiB, the limit",
    ),
}


def _linked(file: Any, item: Any, count: int) -> None:
    """Give a group or a data set further names."""
    for number in range(count):
        file[f"link{number}"] = item


def _branched(group: Any, depth: int, count: int) -> None:
    """Give a group one in it under several names, which has the same, down to a depth."""
    if depth:
        inner = group.create_group("inner")
        _branched(inner, depth - 1, count)
        _linked(group, inner, count - 1)


def _named(group: Any, length: int) -> Any:
    """Give a group the name of a layer."""
    group.attrs["name"] = "a" * length
    return group


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_weights_are_refused(tmp_path: Path, name: str) -> None:
    """Links, values of other files and promises of too many values are not followed."""
    fill, reason = HOSTILE[name]

    with pytest.raises(ConversionError, match=re.escape(reason)):
        import_keras(archived(tmp_path, fill), "mine")


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    """A configuration that unpacks to more than its limit is read no further."""
    path = tmp_path / "bomb.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (5 * 2**20))

    with pytest.raises(ConversionError, match=r"config\.json in the archive has more than 4 MiB"):
        import_keras(path, "mine")
