"""Inputs of scripts.activations: slices, arrays, archives, pictures and texts, and their errors."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from models.architecture import Architecture
from models.data.datasets import DatasetError
from scripts.activations.inputs import InputOptions, Inputs, read_inputs
from scripts.activations.source import Source, parse_source
from tests.networks import COLOURS, COUNTING_LSTM, FEATURES, GREY, SIMPLE_CNN, WORDS

LEVELS = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)


def opened(path: Path, architecture: Architecture = SIMPLE_CNN, key: str | None = None) -> Inputs:
    """Return the inputs of a file or folder."""
    return read_inputs(InputOptions(str(path), key=key), architecture)


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("test", range(200)),
        ("test[:10]", range(10)),
        ("test[190:]", range(190, 200)),
        ("test[-5:]", range(195, 200)),
        ("test[10%:20%]", range(20, 40)),
        ("test[:500]", range(200)),
        ("test[:-190]", range(10)),
    ],
)
def test_slices(text: str, rows: range) -> None:
    """Bounds are numbers, negative ones from the end, and percents, as TFDS writes them."""
    assert parse_source(text).rows(200) == rows


@pytest.mark.parametrize("text", ["test[1]", "test[::2]", "test[a:b]", "test[]", "[1:2]"])
def test_what_is_no_slice_is_refused(text: str) -> None:
    """A part in brackets that is no slice is an error that shows one."""
    with pytest.raises(DatasetError, match=r"such as \[:1000\]"):
        parse_source(text)


def test_a_path_with_brackets_is_a_path(tmp_path: Path) -> None:
    """Brackets in the name of a file that exists are no slice; those after it are one."""
    path = tmp_path / "a[1:2]"
    path.touch()

    assert parse_source(str(path)) == Source(str(path))
    assert parse_source(f"{path}[3:4]") == Source(str(path), "3", "4")


@pytest.mark.parametrize("kind", ["npy", "npz", "safetensors"])
def test_archives_of_one_array_are_equal(kind: str, tmp_path: Path) -> None:
    """Of any format and name an archive with one array has it as its inputs."""
    path = tmp_path / f"images.{kind}"
    match kind:
        case "npy":
            np.save(path, LEVELS)
        case "npz":
            np.savez(path, pictures=LEVELS)
        case _:
            save_file({"pictures": LEVELS}, path)

    found = opened(path)

    np.testing.assert_array_equal(found.read(0, 5), LEVELS)
    assert found.digest == opened(path).digest
    assert found.labels is None


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.float64])
def test_images_of_other_types_are_the_levels(dtype: type, tmp_path: Path) -> None:
    """Integers of any type, and floats k / 255 with or without a channel axis, are equal rows."""
    scale = 255 if issubclass(dtype, np.floating) else 1
    np.save(tmp_path / "levels.npy", LEVELS)
    np.save(tmp_path / "images.npy", (LEVELS / scale).astype(dtype)[..., None])

    found = opened(tmp_path / "images.npy")

    np.testing.assert_array_equal(found.read(1, 3), LEVELS[1:3])
    assert found.digest == opened(tmp_path / "levels.npy").digest


def test_values_and_levels_of_a_declared_network(tmp_path: Path) -> None:
    """Levels are normalised as the network declares; floats are its values."""
    levels = np.random.default_rng(1).integers(0, 256, (2, 4, 6, 3), np.uint8)
    np.save(tmp_path / "levels.npy", levels)
    np.save(tmp_path / "values.npy", COLOURS.image.normalised(levels))

    found = opened(tmp_path / "levels.npy", COLOURS)

    np.testing.assert_array_equal(found.read(0, 2), COLOURS.image.normalised(levels))
    assert found.digest == opened(tmp_path / "values.npy", COLOURS).digest


@pytest.mark.parametrize(
    ("array", "architecture", "words"),
    [
        (np.zeros((5, 27, 28), np.uint8), SIMPLE_CNN, "5 x 27 x 28 of uint8; .* 28 x 28 x 1"),
        (np.zeros((28, 28), np.uint8), SIMPLE_CNN, "28 x 28 of uint8"),
        (np.full((2, 28, 28), 256), SIMPLE_CNN, "from 0 to 255; they go from 256 to 256"),
        (np.full((2, 28, 28), 0.3), SIMPLE_CNN, "float64 goes from 0.3 to 0.3"),
        (np.full((2, 28, 28), 2.0), SIMPLE_CNN, "float64 goes from 2 to 2"),
        (np.full((2, 28, 28), np.nan), SIMPLE_CNN, "finite floats"),
        (np.zeros((2, 28, 28), complex), SIMPLE_CNN, "type complex128"),
        (np.array(5), SIMPLE_CNN, "is a single number"),
        (np.full((2, 5), 2), COUNTING_LSTM, "indices of symbols, from 0 to 1"),
        (np.zeros((2, 5, 3)), FEATURES, "must have 2 finite numbers"),
        (np.zeros((2, 5)), FEATURES, "axes .examples, steps, features."),
        (np.full((2, 5, 2), "a"), FEATURES, "must have 2 finite numbers"),
    ],
)
def test_arrays_that_do_not_fit(
    array: np.ndarray, architecture: Architecture, words: str, tmp_path: Path
) -> None:
    """An array of another shape, type or range is refused before anything is computed."""
    np.save(tmp_path / "inputs.npy", array)

    with pytest.raises(DatasetError, match=words):
        opened(tmp_path / "inputs.npy", architecture)


def test_keys_labels_and_lengths(tmp_path: Path) -> None:
    """Labels and lengths are read by name; the inputs among several arrays by --key."""
    path = tmp_path / "many.npz"
    np.savez(path, a=LEVELS, b=LEVELS[::-1], labels=np.arange(5))

    with pytest.raises(DatasetError, match="no array 'inputs'; it has a, b, labels: name one with"):
        opened(path)
    found = opened(path, key="b")
    np.testing.assert_array_equal(found.read(0, 5), LEVELS[::-1])
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 2, 3, 4]

    np.savez(path, inputs=np.zeros((3, 6), int), lengths=np.array([6, 1, 3]))
    steps = opened(path, COUNTING_LSTM).lengths
    assert steps is not None
    assert steps.tolist() == [6, 1, 3]
    np.savez(path, inputs=np.zeros((3, 6), int), lengths=np.array([7, 1, 3]))
    with pytest.raises(DatasetError, match="lengths must be whole numbers from 1 to 6"):
        opened(path, COUNTING_LSTM)
    np.savez(path, inputs=LEVELS, labels=np.arange(4))
    with pytest.raises(DatasetError, match="labels of many.npz must be 5 whole numbers"):
        opened(path)


def test_words_are_separated_by_spaces(tmp_path: Path) -> None:
    """A network of words reads them from lines; the class is behind a tab."""
    path = tmp_path / "words.txt"
    path.write_text("the cat\tyes\n\n# a comment\ncat\tno\n")

    found = opened(path, WORDS)

    assert found.read(0, 2).tolist() == [[1, 2], [2, 0]]
    assert found.lengths is not None
    assert found.lengths.tolist() == [2, 1]
    assert found.labels is not None
    assert found.labels.tolist() == [1, 0]


def test_a_byte_order_mark_is_no_symbol(tmp_path: Path) -> None:
    """A text of an editor on Windows equals one without a mark; a first comment is one."""
    path = tmp_path / "words.txt"
    for text in ("the cat\tyes\n", "# a comment\nthe cat\tyes\n"):
        path.write_text(text.replace("\n", "\r\n"), encoding="utf-8-sig", newline="")

        found = opened(path, WORDS)

        assert found.read(0, 1).tolist() == [[1, 2]]
        assert found.labels is not None
        assert found.labels.tolist() == [1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("101\n102\n", "line 2: Step 3 of the sequence"),
        ("101\tmaybe\n", "line 1: the class after the tab must be one of no, yes"),
        ("101\tyes\n10\n", "1 of 2 sequences have a class"),
        ("# nothing\n", "has no sequences"),
        ("1" * 4097, "line 1: The sequence has 4097 steps"),
    ],
)
def test_texts_that_are_refused(content: str, words: str, tmp_path: Path) -> None:
    """A wrong line is named with its fault."""
    path = tmp_path / "bits.txt"
    path.write_text(content)

    with pytest.raises(DatasetError, match=words):
        opened(path, COUNTING_LSTM)


def test_files_of_the_wrong_kind(tmp_path: Path) -> None:
    """Files that are no arrays, pictures in another format, and empty folders are sentences."""
    (tmp_path / "a.npz").write_bytes(b"no archive")
    (tmp_path / "a.csv").write_text("1,2")
    (tmp_path / "a.txt").write_text("101")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.png").write_bytes(b"no picture")

    for name, architecture, words in (
        ("a.npz", SIMPLE_CNN, "a.npz cannot be read as arrays"),
        ("a.csv", SIMPLE_CNN, "a.csv is not a folder of pictures"),
        ("a.txt", SIMPLE_CNN, "which the network does not read"),
        ("empty", SIMPLE_CNN, "empty has no PNG or JPEG pictures"),
        ("empty", COUNTING_LSTM, "the network reads sequences"),
    ):
        with pytest.raises(DatasetError, match=words):
            opened(tmp_path / name, architecture)
    with pytest.raises(DatasetError, match=r"a\.png: "):
        opened(tmp_path / "broken").read(0, 1)


def test_hidden_pictures_are_no_rows(tmp_path: Path) -> None:
    """Pictures in hidden folders of editors and file managers are no rows; those of others are."""
    folder = tmp_path / ".hidden" / "pictures"
    names = ("a.png", "more/b.png", ".c.png", ".thumbnails/a.png", "more/.ipynb_checkpoints/b.png")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(LEVELS[0, :4, :6]).save(folder / name)

    found = opened(folder, GREY)

    assert (found.count, found.names) == (2, ("a.png", "more/b.png"))


def test_changed_pictures_have_another_digest(tmp_path: Path) -> None:
    """The digest is of names, contents and preparation of the pictures."""
    picture = Image.fromarray(LEVELS[0, :4, :6])
    picture.save(tmp_path / "a.png")
    first = opened(tmp_path, GREY).digest
    (tmp_path / "a.png").rename(tmp_path / "b.PNG")
    second = opened(tmp_path, GREY).digest
    Image.fromarray(LEVELS[1, :4, :6]).save(tmp_path / "b.PNG")

    assert len({first, second, opened(tmp_path, GREY).digest}) == 3
    with pytest.raises(DatasetError, match="--preprocess must be none"):
        read_inputs(InputOptions(str(tmp_path), "mnist"), GREY)
