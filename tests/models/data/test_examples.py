"""Examples that train a network: every source, and the sentence for each fault."""

import errno
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from PIL import Image

from api.requests.image_decoding import decode
from models.architecture import Architecture
from models.data.arrays import sequence_inputs
from models.data.datasets import DatasetError, read_pictures
from models.data.examples import read_examples
from models.declaration.declaration import parse_declaration
from models.derivation import derive


def declared(given: str, layers: str) -> Architecture:
    """Derive a network of three classes."""
    text = f'format = 1\nclasses = ["a", "b", "c"]\ninput = {{ {given} }}\nlayers = [{layers}]\n'
    return derive(parse_declaration(text))


COLOUR = declared("image = [4, 6, 3], mean = [0.5, 0.25, 0.0]", '"flatten", "dense 3"')
LETTERS = declared('alphabet = "xyz", encoding = "one-hot"', '"gru 4", "dense 3"')
NUMBERS = declared("features = 2", '"lstm 4", "dense 3"')


def test_a_folder_has_a_picture_of_each_class(tmp_path: Path) -> None:
    """Pictures are fitted to the network's size, put on white, and normalised."""
    for name, colour in (("a", (255, 0, 0, 255)), ("b", (0, 0, 255, 255)), ("c", (0, 0, 0, 0))):
        (tmp_path / name).mkdir()
        Image.new("RGBA", (60, 20), colour).save(tmp_path / name / "one.png")

    found = read_examples(str(tmp_path), COLOUR)

    assert found.inputs.shape == (3, 4, 6, 3)
    assert found.labels.tolist() == [0, 1, 2]
    first, second, third = found.inputs[:, 2, 3]
    assert first.tolist() == [0.5, -0.25, 0.0]
    assert second.tolist() == [-0.5, -0.25, 1.0]
    assert third.tolist() == [0.5, 0.75, 1.0]


@pytest.mark.parametrize("transparent", [None, 0])
def test_grey_of_16_bits_is_trained_as_it_is_served(
    transparent: int | None, tmp_path: Path
) -> None:
    """Levels of 16 bits become those of 8 by the server's rule; one level may be transparent."""
    levels = (np.arange(24, dtype=np.uint16) * 2_849).reshape(4, 6)
    chosen = {} if transparent is None else {"transparency": transparent}
    for name in "abc":
        (tmp_path / name).mkdir()
        Image.fromarray(levels).save(tmp_path / name / "one.png", **chosen)

    (found, *_), served = (
        read_pictures(tmp_path / "a", COLOUR.image),
        decode((tmp_path / "a" / "one.png").read_bytes(), exact=True),
    )

    expected = (levels.astype(int) + 128) // 257
    assert served.grey.tolist() == expected.tolist()
    assert (served.alpha is None) == (transparent is None)
    if transparent is not None:
        expected[levels == transparent] = 255
    assert found.tolist() == np.repeat(expected[..., None], 3, axis=2).tolist()
    assert found.max() == 255
    assert len(np.unique(found)) > 20


def test_an_archive_of_integers_equals_one_of_values(tmp_path: Path) -> None:
    """Integers are normalised, floats are taken as they are."""
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), np.uint8)
    labels = np.array([0, 1, 2, 0, 1])
    np.savez(tmp_path / "pixels.npz", inputs=pixels, labels=labels)
    np.savez(tmp_path / "values.npz", inputs=COLOUR.image.normalised(pixels), labels=labels)

    one, other = (read_examples(str(tmp_path / f"{n}.npz"), COLOUR) for n in ("pixels", "values"))

    assert np.array_equal(one.inputs, other.inputs)
    assert one.labels.tolist() == labels.tolist()


def test_a_text_has_a_sequence_in_each_line(tmp_path: Path) -> None:
    """Shorter sequences are padded; comments and empty lines are skipped."""
    (tmp_path / "lines.txt").write_text("# comment\nxyz a\n\nzz\tb\n")

    found = read_examples(str(tmp_path / "lines.txt"), LETTERS)

    assert found.inputs.tolist() == [[0, 1, 2], [2, 2, 0]]
    assert found.lengths.tolist() == [3, 2]
    assert found.labels.tolist() == [0, 1]


def test_a_byte_order_mark_is_no_symbol(tmp_path: Path) -> None:
    """A text of an editor on Windows equals one without a mark; a first comment is one."""
    for text in ("xyz a\r\n", "# comment\r\nxyz a\r\n"):
        (tmp_path / "lines.txt").write_text(text, encoding="utf-8-sig", newline="")

        found = read_examples(str(tmp_path / "lines.txt"), LETTERS)

        assert (found.inputs.tolist(), found.labels.tolist()) == ([[0, 1, 2]], [0])


def test_an_archive_of_rows_of_numbers(tmp_path: Path) -> None:
    """Sequences of feature vectors have the length that the archive states."""
    values = np.ones((3, 7, 2))
    np.savez(tmp_path / "s.npz", inputs=values, labels=np.array([2, 1, 0]), lengths=[7, 1, 3])

    found = read_examples(str(tmp_path / "s.npz"), NUMBERS)

    assert found.inputs.dtype == np.float32
    assert found.lengths.tolist() == [7, 1, 3]


FAULTS = {
    "xyw a\n": "line 1: the sequence must be",
    "xy d\n": "line 1: the class after the sequence must be one of a, b, c",
    "xy\n": "line 1: the class after",
    "# nothing\n": "no examples",
}


@pytest.mark.parametrize("text", FAULTS)
def test_a_wrong_line_is_named(tmp_path: Path, text: str) -> None:
    """The sentence names the line and the limit."""
    (tmp_path / "lines.txt").write_text(text)

    with pytest.raises(DatasetError, match=FAULTS[text]):
        read_examples(str(tmp_path / "lines.txt"), LETTERS)


ARCHIVES = {
    "no labels": ({"inputs": np.zeros((1, 4, 6, 3), np.uint8)}, "has no labels"),
    "size": ({"inputs": np.zeros((1, 5, 6, 3), np.uint8), "labels": [0]}, "the images are 5 x 6"),
    "label": ({"inputs": np.zeros((1, 4, 6, 3), np.uint8), "labels": [3]}, "from 0 to 2"),
    "count": ({"inputs": np.zeros((1, 4, 6, 3), np.uint8), "labels": [0, 1]}, "a vector of 1"),
    "objects": ({"inputs": np.array([None]), "labels": [0]}, "cannot be read"),
    "texts": ({"inputs": np.full((1, 4, 6, 3), "a"), "labels": [0]}, "or floats of shape"),
}


@pytest.mark.parametrize("fault", ARCHIVES)
def test_a_wrong_archive_is_refused(tmp_path: Path, fault: str) -> None:
    """Objects would be unpickled, which runs code."""
    arrays, message = ARCHIVES[fault]
    np.savez(tmp_path / "some.npz", **arrays)

    with pytest.raises(DatasetError, match=message):
        read_examples(str(tmp_path / "some.npz"), COLOUR)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY"])
def test_a_damaged_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file that is no whole archive is named."""
    (tmp_path / "some.npz").write_bytes(content)

    with pytest.raises(DatasetError, match=r"some\.npz cannot be read as arrays of numbers: \S"):
        read_examples(str(tmp_path / "some.npz"), COLOUR)


LENGTHS = {"text": ["a"], "fraction": [1.5], "zero": [0], "too long": [8]}


@pytest.mark.parametrize("name", LENGTHS)
def test_wrong_lengths_are_refused(tmp_path: Path, name: str) -> None:
    """Lengths are whole numbers within the array."""
    arrays = {"inputs": np.ones((1, 7, 2)), "labels": np.array([0])}
    np.savez(tmp_path / "s.npz", **arrays, lengths=np.array(LENGTHS[name]))

    with pytest.raises(DatasetError, match="lengths must be whole numbers from 1 to 7"):
        read_examples(str(tmp_path / "s.npz"), NUMBERS)


def test_numbers_of_other_types(tmp_path: Path) -> None:
    """Features in bfloat16 and lengths that are whole floats are numbers, too."""
    values = np.full((2, 7, 2), 1.5, ml_dtypes.bfloat16)
    found, lengths = sequence_inputs(values, np.array([3.0, 7.0]), NUMBERS.sequence)

    assert (found.dtype, lengths.tolist()) == (np.float32, [3, 7])
    assert (found == 1.5).all()


def test_a_source_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Sequences cannot be read from pictures, nor pictures from text."""
    (tmp_path / "a").mkdir()
    (tmp_path / "lines.txt").write_text("xy a\n")

    with pytest.raises(DatasetError, match="the network reads sequences"):
        read_examples(str(tmp_path), LETTERS)
    with pytest.raises(DatasetError, match="which the network does not read"):
        read_examples(str(tmp_path / "lines.txt"), COLOUR)
    (tmp_path / ".thumbnails").mkdir()
    with pytest.raises(DatasetError, match=r"has no sub-folder 'b' .*; it has a, lines\.txt$"):
        read_examples(str(tmp_path), COLOUR)


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the system is one of the data set, with the folder that has it."""
    for name in COLOUR.classes:
        (tmp_path / name).mkdir()
    listed = Path.iterdir

    def denied(path: Path) -> Iterator[Path]:
        if path.name == "b":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", denied)

    with pytest.raises(DatasetError, match=rf"cannot be read: {tmp_path / 'b'}: Permission denied"):
        read_examples(str(tmp_path), COLOUR)
