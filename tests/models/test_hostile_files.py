"""Files of strangers: bombs, FIFOs, folders, links and sparse files in place of a network's files.

Each is one sentence, in bounded memory and time.
"""

import lzma
import os
import re
import resource
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from models import registry
from models.declaration.declaration import FILE
from models.model_files import SHIPPED
from models.printable import printable
from models.runtime import checkpoints
from models.runtime.checkpoints import MAX_DEPTH, MAX_HEADER, CheckpointError
from models.whole_files import WholeFileError, read_whole
from tests.networks import COLOURS_TOML, LETTERS_TOML, write_network

MIB = 2**20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder of a small network."""
    return write_network(tmp_path / "letters", LETTERS_TOML)


def refusal(folder: Path) -> str:
    """Return the sentence with which a network is refused."""
    with pytest.raises(CheckpointError) as caught:
        registry.load_folder(folder)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    return str(caught.value)


def _fifo(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


def _loop(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to(path.name)


def _sparse(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**42)


def _device(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


IN_PLACE: dict[str, tuple[Callable[[Path], None], str]] = {
    "fifo": (_fifo, "is not a file"),
    "folder": (_folder, "Is a directory"),
    "link to itself": (_loop, "Too many levels of symbolic links"),
    "4 TiB without content": (_sparse, r"has 4,398,046,511,104 bytes; at most [\d,]+ are read"),
    "device": (_device, "is not a file"),
}


NAMES = ("weights.safetensors", "milestones.safetensors", "units.safetensors", "report.json", FILE)


@pytest.mark.parametrize("kind", IN_PLACE)
@pytest.mark.parametrize("name", NAMES)
def test_anything_but_a_file_is_refused(kind: str, name: str, folder: Path) -> None:
    """The server neither waits for a writer of a FIFO nor reads without end."""
    change, reason = IN_PLACE[kind]
    change(folder / name)

    assert re.fullmatch(f"letters: {name}:? {reason}", refusal(folder))


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is the system's, and the name is printable."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(WholeFileError, match="^a�\\[31mb: Permission denied$"):
        read_whole(tmp_path / "a\x1b[31mb", 10)


def test_a_file_that_is_written_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a part of the old content nor of the new one is used."""
    (tmp_path / "file").write_bytes(b"old")
    real, states = os.fstat, []

    def write_between(descriptor: int) -> os.stat_result:
        states.append(descriptor)
        if len(states) == 2:
            (tmp_path / "file").write_bytes(b"new and longer")
        return real(descriptor)

    monkeypatch.setattr(os, "fstat", write_between)

    with pytest.raises(WholeFileError, match="file was written while it was read: try again"):
        read_whole(tmp_path / "file", 100)


def test_a_file_that_is_replaced_is_read_whole(tmp_path: Path) -> None:
    """Of two files that replace each other by a rename, one is read, and no part of each."""
    path, ended = tmp_path / "file", threading.Event()
    path.write_bytes(b"a" * MIB)

    def replace() -> None:
        for number in range(200):
            (tmp_path / "next").write_bytes((b"b" if number % 2 else b"a") * MIB)
            (tmp_path / "next").replace(path)
        ended.set()

    writer = threading.Thread(target=replace)
    writer.start()
    while not ended.is_set():
        content = read_whole(path, MIB)
        assert len(content) == MIB
        assert len(set(content)) == 1
    writer.join()


METADATA = {
    "no JSON": ("{", "has metadata of Lightwell that is not a JSON object"),
    "no object": ("[1]", "has metadata of Lightwell that is not a JSON object"),
    "5,000 deep": (
        "[" * 5_000 + "]" * 5_000,
        "has metadata of Lightwell that is not a JSON object",
    ),
    "deep": (f'{{"a": {"[" * MAX_DEPTH}{"]" * MAX_DEPTH}}}', "has more than 32 lists or objects"),
    "large": (f'{{"a": "{"x" * 2**20}"}}', "has metadata of 1,048,585 bytes; at most 1,048,576"),
    "not finite": ('{"seed": NaN}', "has the value nan, which JSON has not"),
    "overflow": ('{"seed": 1e999}', "has the value inf, which JSON has not"),
    "long number": (f'{{"seed": {"9" * 400}}}', "has the value 9+…, which JSON has not"),
    "no Unicode": ('{"data": "\\ud800"}', r"has the value '\\ud800', which JSON has not"),
    "no Unicode in a key": ('{"\\ud800": 1}', r"has the value '\\ud800', which JSON has not"),
    "metrics": ('{"metrics": [1]}', "metrics must be an object, and test_accuracy in it a number"),
    "accuracy": ('{"metrics": {"test_accuracy": "99 %"}}', "a number from 0 to 1"),
    "high accuracy": ('{"metrics": {"test_accuracy": 99}}', "a number from 0 to 1"),
}


@pytest.mark.parametrize("case", METADATA)
def test_metadata_of_another_kind_is_refused(case: str, folder: Path) -> None:
    """Nothing is served that a response cannot have."""
    text, reason = METADATA[case]
    tensors = checkpoints.load(folder / "weights.safetensors").tensors
    save_file(tensors, folder / "weights.safetensors", {"lightwell": text})

    assert re.search(f"^letters: weights.safetensors:? .*{reason}", refusal(folder))


def test_a_large_header_is_refused_before_it_is_parsed(folder: Path) -> None:
    """Names of millions of tensors would take hundreds of MiB."""
    tensors = {f"{number:0>1000}": np.zeros(1, np.uint8) for number in range(MAX_HEADER // 1000)}
    save_file(tensors, folder / "weights.safetensors")

    assert "weights.safetensors has a header of" in refusal(folder)


def test_names_of_tensors_are_printable(folder: Path) -> None:
    """Control sequences do not reach the terminal that shows the error."""
    tensors = checkpoints.load(folder / "weights.safetensors").tensors
    checkpoints.save(folder / "weights.safetensors", {**tensors, "\x1b[2J": np.zeros(1)}, {})

    assert refusal(folder) == "letters: tensor �[2J is not expected"


def test_a_record_that_inflates_is_refused(tmp_path: Path) -> None:
    """Of 87 kB that inflate to 571 MB, no more is decompressed than its labels say."""
    shutil.copytree(SHIPPED / "cnn", tmp_path / "digits")
    path = tmp_path / "digits" / "units.safetensors"
    record = checkpoints.load(path)
    bomb = lzma.compress(bytes(571_000_000), lzma.FORMAT_XZ, preset=0)
    assert len(bomb) < 100_000
    tensors = {**record.tensors, "images": np.frombuffer(bomb, np.uint8)}
    checkpoints.save(path, tensors, {"weights": record.metadata["weights"]})

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(tmp_path / "digits") == (
        "digits: units.safetensors: tensor images must have 1,586,032 bytes of images, 784 for "
        "each label; python -m scripts.artifacts makes it again"
    )
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024


RECORDS: dict[str, tuple[str, str, object, str]] = {
    "index of another image": (
        *("units", "conv1.strongest", lambda value: np.full_like(value, 1)),
        "tensor conv1.strongest has indices that images.index has not",
    ),
    "place outside": (
        *("units", "conv2.strongest.place", lambda value: np.full_like(value, 200)),
        "tensor conv2.strongest.place must have values from 0 to 13",
    ),
    "fewer channels": (
        *("units", "relu1.mean", lambda value: value[..., :-1]),
        r"tensor relu1.mean must be floats \(28, 28, 32\), not float16 \(28, 28, 31\)",
    ),
    "no floats": (
        *("layers", "cka", lambda value: value.astype(np.int8)),
        r"tensor cka must be floats \(12, 12\), not int8 \(12, 12\)",
    ),
    "not finite": (
        *("layers", "embedding.mean", lambda value: value * np.float32(np.nan)),
        "tensor embedding.mean holds values that are not finite",
    ),
    "labels": (
        *("layers", "images.label", lambda value: value + np.uint8(10)),
        "tensor images.label must have labels below 10",
    ),
    "indices": (
        *("layers", "images.index", lambda value: value[::-1].copy()),
        "tensor images.index must be ascending",
    ),
    "no LZMA": (
        *("layers", "images", lambda value: value[1:].copy()),
        "tensor images is not compressed by LZMA",
    ),
    "missing": (*("layers", "fitted", None), "tensor fitted is missing"),
}


@pytest.mark.parametrize("case", RECORDS)
def test_a_record_that_does_not_fit_is_refused(case: str, tmp_path: Path) -> None:
    """Probes read records by index, so that they are checked when they are loaded."""
    kind, name, change, reason = RECORDS[case]
    shutil.copytree(SHIPPED / "cnn", tmp_path / "digits")
    path = tmp_path / "digits" / f"{kind}.safetensors"
    record = checkpoints.load(path)
    tensors = dict(record.tensors)
    value = tensors.pop(name)
    if callable(change):
        tensors[name] = change(value)
    metadata = {key: one for key, one in record.metadata.items() if key != "digest"}
    checkpoints.save(path, tensors, metadata)

    assert re.search(f"digits: {kind}.safetensors: {reason}", refusal(tmp_path / "digits"))


def test_a_record_of_other_pictures_is_refused(tmp_path: Path) -> None:
    """Records are of 28 x 28 pixels in grey, and of no other network."""
    folder = write_network(tmp_path / "colours", COLOURS_TOML)
    weights = checkpoints.load(folder / "weights.safetensors").digest
    checkpoints.save(folder / "units.safetensors", {"a": np.zeros(1)}, {"weights": weights})

    assert "a record of units is for networks of 28 x 28 pixels in grey" in refusal(folder)


REPORTS = {
    "no JSON": (b"{", "report.json is not JSON"),
    "deep": (b"[" * 100_000, "report.json is not JSON"),
    "no text": (b"\xff\xfe\x00", "report.json is not JSON"),
    "no object": (b"[1]", r"report.json was made for other weights \(None\)"),
    "others": (b'{"weights": "\\u001b[2J"}', r"report.json was made for other weights \(�\[2J\)"),
}


@pytest.mark.parametrize("case", REPORTS)
def test_a_report_of_another_kind_is_refused(case: str, folder: Path) -> None:
    """A report is a JSON object with the digest of the weights."""
    content, reason = REPORTS[case]
    (folder / "report.json").write_bytes(content)

    assert re.search(f"letters: {reason}", refusal(folder))


def test_training_checkpoints_are_floats(folder: Path) -> None:
    """Whole numbers of one byte would take four times the memory of their file."""
    weights = checkpoints.load(folder / "weights.safetensors")
    tensors = {f"round-1/{name}": value.astype(np.uint8) for name, value in weights.tensors.items()}
    checkpoints.save(folder / "milestones.safetensors", tensors, {"weights": weights.digest})

    assert re.search("tensor round-1/.* must be float16 or float32, not uint8", refusal(folder))


def test_long_names_are_shortened() -> None:
    """Of a name of millions of characters, the first are shown."""
    assert printable("a" * 10**7) == "a" * 59 + "…"
    assert printable("a\nb\ud800") == "a�b�"
