"""Declarations: each key's meaning and limits, and the sentence for each wrong value."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.declaration.declaration import (
    FILE,
    KEYS,
    MAX_BYTES,
    ImageSpec,
    SequenceSpec,
    parse_declaration,
    read_declaration,
    without_reference,
)
from models.declaration.toml_file import DeclarationError
from models.derivation import derive
from models.network_name import is_network_name
from tests.oracles.declarations import draw, written

IMAGES: Mapping[str, Any] = {
    "format": 1,
    "classes": ["no", "yes"],
    "input": {"image": [8, 9, 3]},
    "layers": ["flatten", "dense 2"],
}
SEQUENCES: Mapping[str, Any] = {
    "format": 1,
    "classes": ["no", "yes"],
    "input": {"alphabet": "abc", "encoding": "one-hot"},
    "layers": ["lstm 4", "dense 2"],
}


def images(**keys: Any) -> str:
    """The text of a declaration of images with other keys."""
    return written(IMAGES | keys)


def sequences(**keys: Any) -> str:
    """The text of a declaration of sequences with other keys."""
    return written(SEQUENCES | keys)


def test_keys_of_a_declaration_of_images() -> None:
    """Every key is read; mean and std may be one number for all channels."""
    spec = {"image": [8, 9, 3], "mean": [0.1, 0.2, 0.3], "std": 0.25, "prepare": "none"}
    found = parse_declaration(
        images(title="Pictures", task="Which?", input=spec, reference="some.safetensors")
    )

    assert found.input == ImageSpec(8, 9, 3, (0.1, 0.2, 0.3), (0.25, 0.25, 0.25), "none")
    assert (found.title, found.task, found.classes) == ("Pictures", "Which?", ("no", "yes"))
    assert (found.answer, found.reference, found.counts_bits) == ("last", "some.safetensors", False)
    assert [line.text for line in found.layers] == ["flatten", "dense 2"]


def test_keys_that_may_be_left_out() -> None:
    """Title, task, preparation and the like have defaults."""
    found = parse_declaration(images())

    assert found.input == ImageSpec(8, 9, 3, (0.0,) * 3, (1.0,) * 3, "fit")
    assert (found.title, found.task, found.reference) == ("Network", "", None)


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        ({"alphabet": "01"}, SequenceSpec(("0", "1"), "number", 1)),
        (
            {"alphabet": ["go", "stop", "ü"], "encoding": "one-hot"},
            SequenceSpec(("go", "stop", "ü"), "one-hot", 3),
        ),
        ({"alphabet": "abc", "encoding": "embed"}, SequenceSpec(("a", "b", "c"), "embed", 1)),
        ({"features": 3}, SequenceSpec((), None, 3)),
    ],
)
def test_inputs_of_sequences(given: Mapping[str, Any], spec: SequenceSpec) -> None:
    """Sequences are symbols in one of three encodings, or rows of numbers."""
    assert parse_declaration(sequences(input=given, answer="every")).input == spec


def test_a_declaration_may_count_bits() -> None:
    """Sequences of 0 and 1 with two classes may be declared as counting."""
    given = {"alphabet": ["0", "1"]}

    assert parse_declaration(sequences(input=given, counts_bits=True)).counts_bits


def _image(**more: Any) -> str:
    return images(input={"image": [8, 9, 3], **more})


UNKNOWN = "\N{REPLACEMENT CHARACTER}"
IMAGE_SIZE = "input.image must be [rows, columns, channels] of at most 256 x 256 pixels and 1 or 3"
SYMBOLS = "input.alphabet must be 2 to 256 different symbols: a text of characters, or a list of"
NOT_A_FILE = "reference must be the name of a file in the folder of the declaration"
ONE_LINE = "must be a text of one line and at most 200 characters"
COUNTING = 'counts_bits needs the alphabet "01" and two classes, no and yes'

WRONG = {
    "not TOML": ("format = ", "lightwell.toml is not TOML: Invalid value (at"),
    "a number too long": ("format = " + "1" * 5000, "lightwell.toml is not TOML: Exceeds"),
    "dotted": (".".join("a" * 8000) + " = 1", "has more than 64 dots in line 1"),
    "dotted texts": ("x = 1\n" + ".".join(['"a b"'] * 99) + " = 1", "more than 64 dots in line 2"),
    "nested": ("a = " + "[" * 9000 + "]" * 9000, "has lists or tables that are nested too deeply"),
    "a control character": ('"a\\u0007" = 1', f"key 'a{UNKNOWN}' is not known"),
    "no key": ("", "format must be 1: write `format = 1`"),
    "format 2": (images(format=2), "format must be 1"),
    "format 1.0": (images(format=1.0), "format must be 1"),
    "format true": (images(format=True), "format must be 1"),
    "unknown key": (images(layer=[]), f"key 'layer' is not known; keys are {', '.join(KEYS)}"),
    "title of two lines": (images(title="a\nb"), f"title {ONE_LINE}"),
    "long title": (images(title="a" * 201), f"title {ONE_LINE}"),
    "task of a number": (images(task=1), f"task {ONE_LINE}"),
    "no classes": (images(classes=[]), "classes must be a list of 1 to 1000 texts in double"),
    "classes of numbers": (images(classes=[0, 1]), "classes must be a list of 1 to 1000 texts"),
    "1,001 classes": (images(classes=[str(n) for n in range(1001)]), "classes must be a list of 1"),
    "one class": (images(classes=["a"]), "classes must be two or more: a single sigmoid unit has"),
    "class twice": (images(classes=["a", "a"]), "class 'a' must be of 1 to 64 characters, and"),
    "empty class": (images(classes=["a", ""]), "class '' must be of 1 to 64 characters"),
    "no layers": (images(layers=[]), "layers must be a list of 1 to 64 texts in double quotes"),
    "65 layers": (images(layers=["relu"] * 65), "layers must be a list of 1 to 64 texts"),
    "a wrong line": (images(layers=["flatten", "dens 2"]), "layers[1] 'dens 2': 'dens' is not a"),
    "a bell": (images(layers=["\u0007"]), f"layers[0] '{UNKNOWN}': '{UNKNOWN}' is not a layer"),
    "no input": (images(input={}), "input must be { image = [32, 32, 3] }, { alphabet = "),
    "input of a text": (images(input="image"), "input must be { image = [32, 32, 3] }"),
    "image of a number": (_image(image=8), IMAGE_SIZE),
    "image of two sides": (_image(image=[8, 9]), IMAGE_SIZE),
    "image of true": (_image(image=[8, True, 1]), IMAGE_SIZE),
    "image of fractions": (_image(image=[8.0, 9, 1]), IMAGE_SIZE),
    "large image": (_image(image=[257, 9, 1]), IMAGE_SIZE),
    "two channels": (_image(image=[8, 9, 2]), IMAGE_SIZE),
    "two means": (_image(mean=[0.5, 0.5]), "input.mean must be 3 numbers from -1e+06 to 1e+06"),
    "mean of a text": (_image(mean="0.5"), "input.mean must be 3 numbers"),
    "mean true": (_image(mean=True), "input.mean must be 3 numbers"),
    "std 0": (_image(std=0), "input.std must be 3 numbers from 1e-06 to 1e+06, one a channel"),
    "mnist of another size": (_image(prepare="mnist"), "input.prepare mnist is for images of"),
    "unknown preparation": (_image(prepare="crop"), "prepare must be one of fit, mnist, none, not"),
    "encoding of an image": (_image(encoding="embed"),
                             "input key 'encoding' is not known here; with image come mean, std"),
    "every of an image": (images(answer="every"), 'answer "every" is for sequences: an image has'),
    "one symbol": (sequences(input={"alphabet": "a"}), SYMBOLS),
    "a symbol twice": (sequences(input={"alphabet": "aa"}), SYMBOLS),
    "symbols of lists": (sequences(input={"alphabet": [["a"], ["b"]]}), SYMBOLS),
    "symbols of a number": (sequences(input={"alphabet": 12}), SYMBOLS),
    "257 symbols": (sequences(input={"alphabet": [str(n) for n in range(257)]}), SYMBOLS),
    "no features": (sequences(input={"features": 0}), "input.features must be a whole number from"),
    "half a feature": (sequences(input={"features": 1.5}), "input.features must be a whole number"),
    "features and more": (sequences(input={"features": 3, "mean": 0}),
                          "input key 'mean' is not known here; with features comes nothing"),
    "unknown answer": (sequences(answer="first"), "answer must be one of last, every, not 'first'"),
    "answer of a list": (sequences(answer=["last"]), "answer must be one of last, every, not"),
    "reference elsewhere": (images(reference="../a.safetensors"), NOT_A_FILE),
    "absolute reference": (images(reference="/etc/passwd"), NOT_A_FILE),
    "hidden reference": (images(reference=".a"), NOT_A_FILE),
    "reference of a number": (images(reference=1), NOT_A_FILE),
    "counts_bits of 1": (sequences(counts_bits=1), "counts_bits must be true or false, not '1'"),
    "counting letters": (sequences(counts_bits=True), COUNTING),
    "counting in images": (images(counts_bits=True), COUNTING),
}  # fmt: skip


@pytest.mark.parametrize(("text", "sentence"), WRONG.values(), ids=WRONG)
def test_each_wrong_value_has_its_sentence(text: str, sentence: str) -> None:
    """The key is named with its limit and what would do, in printable characters."""
    with pytest.raises(DeclarationError) as caught:
        parse_declaration(text)

    assert sentence in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f"mean = {value}\nimage = [4, 4, 1]", "input.mean must be 1 numbers from")
        for value in ("nan", "inf", "-inf", "1e400", "2020-01-01", "[[1]]", "9" * 400)
    ],
)
def test_no_number_is_taken_that_is_not_finite(text: str, sentence: str) -> None:
    """NaN, infinities and numbers beyond floats are refused."""
    whole = written({key: value for key, value in IMAGES.items() if key != "input"})
    with pytest.raises(DeclarationError) as caught:
        parse_declaration(f"{whole}[input]\n{text}")

    assert str(caught.value).startswith(sentence)


def test_a_file_is_read(tmp_path: Path) -> None:
    """The file has a fixed name, and may begin with a byte order mark."""
    (tmp_path / FILE).write_bytes(b"\xef\xbb\xbf" + images(title="Über").encode())

    assert read_declaration(tmp_path).title == "Über"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "lightwell.toml: No such file or directory"),
        (b"\xff\xfe", "lightwell.toml is not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), "lightwell.toml has 65,537 bytes; at most 65,536 are read"),
    ],
    ids=["missing", "bytes", "long"],
)
def test_an_unreadable_file_has_a_sentence(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    """A file that is missing, too long or no text is named."""
    if content is not None:
        (tmp_path / FILE).write_bytes(content)
    with pytest.raises(DeclarationError, match=re.escape(sentence)):
        read_declaration(tmp_path)


def test_a_folder_in_place_of_the_file_has_a_sentence(tmp_path: Path) -> None:
    """A folder of the file's name is no declaration."""
    (tmp_path / FILE).mkdir()
    with pytest.raises(DeclarationError, match=r"lightwell\.toml: Is a directory"):
        read_declaration(tmp_path)


def test_names_of_models() -> None:
    """A name is a lowercase letter, then lowercase letters, digits and hyphens."""
    names = ("a", "my-net-2", "A", "2a", "a_b", "", "a" * 33, "a\n", "docs")

    assert [name for name in names if is_network_name(name)] == ["a", "my-net-2"]


VALUES = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(),
        st.sampled_from([10**400, -1, 0, 1, 256, 2**63]),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(alphabet=st.characters(codec="utf-8"), max_size=20),
        st.sampled_from(["01", "fit", "embed", "every", "conv 8", "dense 2", "flatten", "lstm 4"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["image", "alphabet", "features", "mean", "x"]), inner),
    ),
    max_leaves=8,
)


def _is_refused_or_derived(text: str) -> None:
    """Derive a declaration; errors must be sentences."""
    try:
        derive(parse_declaration(text))
    except DeclarationError as error:
        sentence = str(error)
    else:
        return
    assert sentence.isprintable()
    assert " " in sentence


@given(
    st.sampled_from([IMAGES, SEQUENCES]),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5),
)
@settings(max_examples=200)
def test_values_of_every_type_have_a_sentence(
    whole: Mapping[str, Any], keys: dict[str, Any]
) -> None:
    """No value of any type under any key raises another error than that of a declaration."""
    _is_refused_or_derived(written(dict(whole) | keys))


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_has_a_sentence(text: str) -> None:
    """No text raises another error than that of a declaration."""
    _is_refused_or_derived(text)


@given(st.integers(0, 10**6), st.integers(0, 400), st.text(max_size=3))
@settings(max_examples=200)
def test_a_changed_declaration_has_a_sentence(seed: int, at: int, text: str) -> None:
    """A declaration with some characters inserted anywhere is valid or refused by a sentence."""
    whole = draw(seed).text
    at = min(at, len(whole))
    _is_refused_or_derived(whole[:at] + text + whole[at:])


REFERRED = """format = 1
{}classes = ["a", "b"]
input = {{ features = 1 }}
layers = ["rnn 3", "dense 2"]
{}"""
"""Text of a declaration with places for more lines."""


@pytest.mark.parametrize("line", ['reference = "a.npz"', "  'reference'='a.npz' # of PyTorch"])
def test_a_reference_is_taken_out_of_a_text(line: str) -> None:
    """All other lines stay as they are."""
    bare = REFERRED.format("# reference = none\n", "")

    for text in (REFERRED.format(f"# reference = none\n{line}\n", ""), f"{bare}{line}", bare):
        assert without_reference(text) == bare


def test_a_reference_that_is_not_in_a_line_of_its_own_stays() -> None:
    """A text of several lines is not shortened."""
    task = 'task = """a \\\nreference = none \\\nb"""\n'
    text = REFERRED.format('reference = "a.npz"\n', task)

    with pytest.raises(DeclarationError, match="reference must be in a line of its own"):
        without_reference(text)
