"""MNIST through TensorFlow Datasets, without TensorFlow and without a network."""

import gzip
import hashlib
import json
import sys
import threading
from pathlib import Path
from urllib.error import HTTPError, URLError

import numpy as np
import pytest
import tensorflow_datasets as tfds

from models.data import datasets, png, samples
from models.data.datasets import DatasetError, mnist
from models.data.mnist_builder import PlainMNIST, read_idx
from scripts.samples import choose

TEST_COPY = Path(__file__).parents[2] / "tensorflow_datasets"
IMAGES_SHA256 = "a85d8dffc6063fb89dcbc2122651701e7bbc18837f940fc9d76df48c224558ca"
LABELS_SHA256 = "927a9033bdc84a359f1400c691c7eaa8ab1838a0d81e3cc55ed2b4a1dfe95e69"


def idx(values: np.ndarray) -> bytes:
    """Write values as the files of MNIST are written."""
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return gzip.compress(header + values.tobytes())


def pairs(images, labels) -> list[tuple[bytes, int]]:
    """List images with their labels in a canonical order."""
    return sorted(
        (image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)
    )


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """Put small files of random images where the download manager would put MNIST's."""
    random = np.random.default_rng(0)
    digits, paths = {}, {}
    for stem, number in (("train", 7), ("t10k", 3)):
        images = random.integers(0, 256, (number, 28, 28), np.uint8)
        labels = random.integers(0, 10, number, np.uint8)
        digits[stem] = (images, labels)
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            path = tmp_path / f"{stem}-{kind}-ubyte.gz"
            path.write_bytes(idx(values))
            paths[PlainMNIST.URL + path.name] = path

    def download(_manager, addresses):
        return {
            split: {kind: paths[address] for kind, address in kinds.items()}
            for split, kinds in addresses.items()
        }

    monkeypatch.setattr(tfds.download.DownloadManager, "download", download)
    monkeypatch.setattr(datasets, "_check_reachable", lambda _address: None)
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "prepared"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return digits


def test_mnist_is_prepared_without_tensorflow(downloads):
    """Where MNIST is missing it is prepared from the original files."""
    for split, stem in (("train", "train"), ("test", "t10k")):
        read = mnist(split)
        assert pairs(read.images, read.labels) == pairs(*downloads[stem])
    assert "tensorflow" not in sys.modules


def test_a_prepared_copy_is_one_of_tensorflow_datasets(downloads, tmp_path):
    """TensorFlow Datasets reads a prepared copy by the name of its own builder."""
    datasets.prepare(tmp_path / "prepared")
    source = tfds.data_source("mnist", split="train", data_dir=tmp_path / "prepared")
    images = [example["image"][..., 0] for example in source]
    labels = [example["label"] for example in source]
    assert pairs(images, labels) == pairs(*downloads["train"])


def test_mnist_is_not_prepared_twice(downloads, monkeypatch):
    """Once prepared, MNIST is read where it is."""
    mnist("test")
    monkeypatch.setattr(datasets, "prepare", lambda _folder: pytest.fail("prepared again"))
    assert len(mnist("test").labels) == 3


def test_the_downloads_have_checksums():
    """All four files are checked against the checksums that TensorFlow Datasets has for them."""
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for name in names:
        assert len(PlainMNIST.url_infos[f"{PlainMNIST.URL}{name}-ubyte.gz"].checksum) == 64


def test_an_unreachable_download_says_what_to_do(tmp_path, monkeypatch):
    """Without a network one sentence names the variable to set."""

    def refuse(*_args, **_options):
        raise URLError("no route to host")

    monkeypatch.setattr(datasets, "urlopen", refuse)
    with pytest.raises(DatasetError, match="cannot be reached: set TFDS_DATA_DIR to a directory"):
        datasets.prepare(tmp_path)


def test_a_download_that_never_answers_is_given_up(tmp_path, monkeypatch):
    """A server that says nothing, or a name that is never found, ends the wait."""
    never = threading.Event()
    monkeypatch.setattr(datasets, "TIMEOUT_S", 0.05)
    monkeypatch.setattr(datasets, "_answers", lambda _address: never.wait(30))
    with pytest.raises(DatasetError, match="cannot be reached"):
        datasets.prepare(tmp_path)
    never.set()


def test_the_timeout_of_a_download_is_under_fifteen_seconds():
    """An unreachable download is reported within 15 s."""
    assert datasets.TIMEOUT_S < 15


def test_a_server_that_refuses_the_address_is_reachable(monkeypatch):
    """Any response counts: the download itself reports errors."""

    def refuse(*_args, **_options):
        raise HTTPError(PlainMNIST.URL, 404, "not found", None, None)

    monkeypatch.setattr(datasets, "urlopen", refuse)
    datasets._check_reachable(PlainMNIST.URL)


def test_a_download_that_breaks_off_is_a_sentence(downloads, tmp_path, monkeypatch):
    """A failure while preparing names the directory and the reason."""

    def fail(*_args, **_options):
        raise OSError("connection reset")

    monkeypatch.setattr(PlainMNIST, "download_and_prepare", fail)
    with pytest.raises(DatasetError, match="could not be prepared in .*: connection reset"):
        datasets.prepare(tmp_path)


def test_a_damaged_idx_file_is_refused(tmp_path):
    """A file with fewer values than its header says is not read."""
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress(gzip.decompress(idx(np.arange(9, dtype=np.uint8)))[:-1]))
    with pytest.raises(ValueError, match="labels.gz has 8 values, its header says 9"):
        read_idx(path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    """Only IDX files of bytes are read."""
    path = tmp_path / "text.gz"
    path.write_bytes(gzip.compress(b"some words"))
    with pytest.raises(ValueError, match="text.gz is not an IDX file"):
        read_idx(path)


GREY = np.zeros((28, 28), np.uint8)
REFUSED = {
    "truncated": (png.encode(GREY)[:-20], "an image of MNIST is damaged: "),
    "altered": (png.encode(GREY).replace(b"IDAT", b"IDAX"), "an image of MNIST is damaged: "),
    "no PNG": (b"GIF89a", "an image of MNIST is damaged: cannot identify image file"),
    "coloured": (png.encode(np.zeros((28, 28, 3), np.uint8)), "must be 28x28 of mode L, not 28x28"),
    "another size": (png.encode(GREY[1:]), "must be 28x28 of mode L, not 28x27 of mode L"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_image_is_refused(case):
    """A data set with an image that is damaged, or none of MNIST's, is not read."""
    encoded, message = REFUSED[case]
    with pytest.raises(DatasetError, match=message):
        datasets.decode_png(encoded)


@pytest.fixture(scope="module")
def copy():
    return mnist("test", TEST_COPY)


def test_the_copy_is_whole(copy):
    """The repository's copy holds all 10,000 images and labels, unaltered and in order."""
    images = hashlib.sha256(copy.images.tobytes()).hexdigest()
    labels = hashlib.sha256(copy.labels.tobytes()).hexdigest()
    assert copy.images.shape == (10_000, 28, 28)
    assert images == IMAGES_SHA256
    assert labels == LABELS_SHA256


def test_the_copy_says_which_splits_it_has():
    """The copy's own description does not promise the training split."""
    described = json.loads((TEST_COPY / "mnist" / "3.0.1" / "dataset_info.json").read_text())
    assert [split["name"] for split in described["splits"]] == ["test"]


def test_images_are_read_as_tensorflow_datasets_reads_them(copy):
    """Pillow decodes images as TensorFlow Datasets does."""
    source = tfds.data_source("mnist", split="test", data_dir=TEST_COPY)
    for index in range(0, 10_000, 500):
        assert np.array_equal(source[index]["image"][..., 0], copy.images[index])
        assert source[index]["label"] == copy.labels[index]


def test_the_samples_are_of_the_test_split(copy):
    """The server's samples are the first 20 test images of each digit."""
    shipped = samples.load()
    expected = choose(copy, copy)
    assert np.bincount(shipped.labels).tolist() == [20] * 10
    assert np.array_equal(shipped.indices, expected["indices"])
    assert np.array_equal(shipped.labels, copy.labels[shipped.indices])
    assert np.array_equal(shipped.images, copy.images[shipped.indices])
    assert shipped.mean.mean() == pytest.approx(0.1307, abs=1e-4)  # as everybody measures it
