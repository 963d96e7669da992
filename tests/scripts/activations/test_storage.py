"""Storage formats of scripts.activations: safetensors, Parquet and Zarr hold equal values."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import zarr
from PIL import Image
from safetensors import safe_open

from models.data.samples import Samples
from tests.scripts.activations.runs import index_of, joined, refusal, run

INSTALLS = "pip install 'lightwell[activations]'"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, digits: Samples) -> tuple[object, ...]:
    """The command line of ten images in three shards, without its last arguments."""
    path = tmp_path_factory.mktemp("data") / "ten.npz"
    np.savez(path, inputs=digits.images[:10], labels=digits.labels[:10])
    layers = ("--bucket", 4, "--layers", "relu3,relu4")
    return ("cnn", "--data", path, *layers, "--out")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard has the rows of one batch."""
    monkeypatch.setattr("scripts.activations.__main__.MIB", 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, data: tuple[object, ...]) -> Path:
    """The results as safetensors."""
    folder = tmp_path_factory.mktemp("whole") / "out"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("scripts.activations.__main__.MIB", 1)
        assert run(*data, folder) == 0
    return folder


def test_safetensors_are_read_by_the_library(whole: Path) -> None:
    """Each file has tensors and metadata that the library reads; the index names its rows."""
    facts = index_of(whole)
    assert [(one["first_row"], one["rows"]) for one in facts["shards"]] == [(0, 4), (4, 4), (8, 2)]
    assert facts["shard_rows"] == 4
    for entry in facts["shards"]:
        path = whole / entry["file"]
        assert path.stat().st_size == entry["bytes"]
        with safe_open(path, "numpy") as file:
            said = json.loads(file.metadata()["lightwell"])
            assert said["first_row"] == entry["first_row"]
            assert said["weights"] == facts["weights"]
            for name, tensor in facts["tensors"].items():
                values = file.get_tensor(name)
                assert list(values.shape) == [entry["rows"], *tensor["shape"]]
                assert values.dtype == tensor["dtype"]


def test_parquet_has_equal_values(
    whole: Path, data: tuple[object, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns of tensors have the shapes and values of safetensors; a second run changes none."""
    assert run(*data, tmp_path / "out", "--parquet") == 0

    files = sorted((tmp_path / "out").glob("*.parquet"))
    tables = [pyarrow.parquet.read_table(one) for one in files]
    for name, values in joined(whole).items():
        columns = [table[name].combine_chunks() for table in tables]
        found = [one.to_numpy_ndarray() if values.ndim > 1 else one.to_numpy() for one in columns]
        np.testing.assert_array_equal(np.concatenate(found), values)
    rows = np.concatenate([table["row"].to_numpy() for table in tables])
    assert rows.tolist() == list(range(10))
    capsys.readouterr()
    assert run(*data, tmp_path / "out", "--parquet") == 0
    assert "3 of 3 shards are there" in capsys.readouterr().out


def test_zarr_has_equal_values_and_goes_on(
    whole: Path, data: tuple[object, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Arrays of the group have all rows; a chunk that is damaged or gone is computed again."""
    assert run(*data, tmp_path / "out", "--zarr") == 0

    group = zarr.open_group(str(tmp_path / "out" / "activations.zarr"), mode="r")
    expected = joined(whole)
    for name, values in expected.items():
        np.testing.assert_array_equal(np.asarray(group[name]), values)
    assert group["relu3"].metadata.dimension_names == ("image", "channel", "y", "x")
    chunk = tmp_path / "out" / "activations.zarr" / "relu3" / "c" / "1" / "0" / "0" / "0"
    for content in (b"damaged", None):
        chunk.unlink() if content is None else chunk.write_bytes(content)
        capsys.readouterr()
        assert run(*data, tmp_path / "out", "--zarr") == 0
        assert "computed again: shard 1" in capsys.readouterr().out
        np.testing.assert_array_equal(np.asarray(group["relu3"]), expected["relu3"])
    index = index_of(tmp_path / "out")
    del index["shards"][1]["crc32"]
    (tmp_path / "out" / "index.json").write_text(json.dumps(index))
    assert run(*data, tmp_path / "out", "--zarr") == 0
    assert "computed again: shard 1" in capsys.readouterr().out


def test_every_format_has_the_names_of_pictures(tmp_path: Path, digits: Samples) -> None:
    """Names of pictures and digests of the network are beside the values in each format."""
    pictures = tmp_path / "pictures"
    (pictures / "more").mkdir(parents=True)
    names = ["a.png", "b.png", "c.png", "d.png", "more/e.png", "more/f.png"]
    for name, image in zip(names, digits.images, strict=False):
        Image.fromarray(image).save(pictures / name)
    data = ("cnn", "--data", pictures, "--bucket", 4, "--layers", "relu4", "--out")
    for option in ("safetensors", "parquet", "zarr"):
        chosen = () if option == "safetensors" else (f"--{option}",)
        assert run(*data, tmp_path / option, *chosen) == 0

    files = sorted((tmp_path / "safetensors").glob("*.safetensors"))
    stated = []
    for path in files:
        with safe_open(path, "numpy") as file:
            stated.append(json.loads(file.metadata()["lightwell"]))
    tables = [
        pyarrow.parquet.read_table(one) for one in sorted((tmp_path / "parquet").glob("*.parquet"))
    ]
    columns = [name for table in tables for name in table["name"].to_pylist()]
    group = zarr.open_group(str(tmp_path / "zarr" / "activations.zarr"), mode="r")
    held = group.attrs["lightwell"]
    assert [name for one in stated for name in one["names"]] == columns == held["names"] == names
    facts = index_of(tmp_path / "zarr")
    for key in ("model", "weights", "declaration", "bucket"):
        assert held[key] == stated[0][key] == facts[key]
    assert group["relu4"].shape[0] == len(names)


@pytest.mark.parametrize(("option", "package"), [("--parquet", "pyarrow"), ("--zarr", "zarr")])
def test_missing_packages_are_a_sentence(
    option: str,
    package: str,
    data: tuple[object, ...],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a package is not installed, one line has the extra that installs it."""
    monkeypatch.setitem(sys.modules, package, None)

    line = refusal(capsys, *data, tmp_path / "out", option)

    assert f"{option} needs the package {package}, which is not installed: {INSTALLS}" in line


@pytest.mark.parametrize("split", ["test", "mnist:train", "other:test"])
def test_a_split_without_its_package_is_a_sentence(
    split: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Data sets of TensorFlow Datasets name the extra that they need, too."""
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)

    line = refusal(capsys, "cnn", "--data", split, "--out", tmp_path / "out")

    assert f"needs the package tensorflow_datasets, which is not installed: {INSTALLS}" in line


def test_another_format_is_refused(
    whole: Path, data: tuple[object, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of safetensors takes no Parquet."""
    line = refusal(capsys, *data, whole, "--parquet")

    assert "another format: safetensors, not parquet" in line
