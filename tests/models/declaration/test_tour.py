"""Tours: what `tour.toml` may hold, the sentence about each fault, and the page's own names."""

import re
from pathlib import Path

import pytest

from models.architecture import Architecture
from models.declaration.declaration import parse_declaration, read_declaration
from models.declaration.page_state import (
    IMAGE_PARTS,
    IMAGE_STATE,
    NAMED_PARTS,
    SEQUENCE_PARTS,
    SEQUENCE_STATE,
)
from models.declaration.toml_file import DeclarationError
from models.declaration.tour import MAX_TOUR_BYTES, TOUR_FILE, parse_tour, read_tour
from models.derivation import derive
from models.model_files import SHIPPED, shipped_files, shipped_names
from models.runtime import checkpoints
from tests.servers import ROOT

WEIGHTS = "0123456789abcdef" * 4
STEP = 'outline = "answer"\ntext = "It answers."\nask = "Choose a 7."\ndone = { sample = 4 }'
EXPLORER = ROOT / "api" / "static" / "explorer"


@pytest.fixture(scope="module")
def digits() -> Architecture:
    """Architecture of the shipped network of images."""
    return derive(read_declaration(SHIPPED / "cnn"))


@pytest.fixture(scope="module")
def letters() -> Architecture:
    """Architecture of a stack that reads letters."""
    text = 'format = 1\nclasses = ["a", "b"]\nlayers = ["lstm 4", "gru 3", "dense 2"]\n'
    return derive(parse_declaration(f'{text}input = {{ alphabet = "abc" }}'))


def written(*steps: str, head: str = "format = 1") -> str:
    """Text of a tour with these steps."""
    return "\n".join((head, *(f"[[steps]]\n{step}" for step in steps)))


def test_a_step_has_state_part_sentence_and_action(digits: Architecture) -> None:
    """A step gives what the file has, with an empty state and change where it has none."""
    second = STEP.replace("done = { sample = 4 }", 'change = "channel"')
    tour = parse_tour(written(STEP, f"state = {{ channel = 3 }}\n{second}"), digits, WEIGHTS)

    first, last = tour.steps
    assert (first.state, first.done, first.change) == ({}, {"sample": 4}, "")
    assert (first.outline, first.text, first.ask) == ("answer", "It answers.", "Choose a 7.")
    assert (last.state, last.done, last.change) == ({"channel": 3}, {}, "channel")


@pytest.mark.parametrize(
    ("given", "instead", "sentence"),
    [
        ("format = 1", "", "format must be 1"),
        ("format = 1", "format = true", "format must be 1"),
        ("format = 1", "format = 1\ntitle = 'x'", "key 'title' is not known; keys are format"),
        ("format = 1", "format = 1\nweights = 'x'", "weights must be the digest"),
        ("format = 1", f"format = 1\nweights = '{'f' * 12}'", "is about other weights"),
        ("format = 1", "format = ", "is not TOML"),
        ("[[steps]]", "[steps]", "steps must be 1 to 40 tables"),
        ("[[steps]]", "[[stops]]", "key 'stops' is not known"),
        ('outline = "answer"', "", "step 1: outline 'None' is not one of samples, pad"),
        ('"answer"', '"cell"', "step 1: outline 'cell' is not one of"),
        ('"answer"', '"layer conv9"', "step 1: outline 'layer conv9' is not one of"),
        ('"answer"', '"answer relu1"', "step 1: outline 'answer' takes no name"),
        ('"answer"', "7", "step 1: outline '7' is not one of"),
        ("text =", "says =", "step 1: key 'says' is not known; keys are state, outline, text"),
        ('text = "It answers."', "", "step 1: text must be a text of one line"),
        ('"It answers."', '"It\\nanswers."', "step 1: text must be a text of one line"),
        ('"It answers."', f'"{"x" * 301}"', "step 1: text must be a text of one line and 1 to 300"),
        ('"Choose a 7."', '""', "step 1: ask must be a text"),
        ("done = { sample = 4 }", "", "step 1 needs either done, values"),
        ("sample = 4 }", 'sample = 4 }\nchange = "y"', "step 1 needs either done, values"),
        ("done = { sample = 4 }", 'change = "theme"', "step 1: change 'theme' is not one of"),
        ("sample = 4", "sample = 0", "step 1: done is reached before the action"),
        ("{ sample = 4 }", "4", "step 1: done must be a table of values"),
        ("sample = 4", "theme = 'dark'", "step 1: done: key 'theme' is not known"),
        ("sample = 4", "sample = '4'", "step 1: done: sample must be a whole number, not '4'"),
        ("sample = 4", "sample = true", "step 1: done: sample must be a whole number"),
        ("sample = 4", "sample = -2", "step 1: done: sample must be from -1 to 4,096"),
        ("sample = 4", "before = 1", "step 1: done: before must be true or false"),
        ("sample = 4", "edits = 4", "step 1: done: edits must be a text of one line"),
        ("sample = 4", "layer = 'conv9'", "step 1: done: layer 'conv9' is not one of conv1"),
        ("sample = 4", "layer = 'relu1', channel = 32", "channel 32 is not below 32"),
        ("sample = 4", "layer = 'pool1', y = 14", "y 14 is not below 14, which pool1 has"),
    ],
)
def test_each_fault_has_a_sentence(
    digits: Architecture, given: str, instead: str, sentence: str
) -> None:
    """The sentence names the file, the step by its number in the address, and the limit."""
    text = written(STEP).replace(given, instead, 1)
    with pytest.raises(DeclarationError, match=re.escape(sentence)) as found:
        parse_tour(text, digits, WEIGHTS)

    assert str(found.value).startswith(TOUR_FILE)
    assert "\n" not in str(found.value)


def test_a_step_must_be_a_table(digits: Architecture) -> None:
    """A list of other things is refused with its place."""
    with pytest.raises(DeclarationError, match="step 2 must be a table"):
        parse_tour(f"format = 1\nsteps = [{{ {STEP.replace(chr(10), ', ')} }}, 7]", digits, WEIGHTS)


def test_the_number_of_steps_is_bounded(digits: Architecture) -> None:
    """Forty steps are read, and one more is refused."""
    assert len(parse_tour(written(*[STEP] * 40), digits, WEIGHTS).steps) == 40
    with pytest.raises(DeclarationError, match="steps must be 1 to 40 tables"):
        parse_tour(written(*[STEP] * 41), digits, WEIGHTS)


def test_lanes_are_those_of_the_network(letters: Architecture) -> None:
    """Lanes of a stack have its names, and only a network that counts has a lane of the count."""
    step = 'outline = "lane lstm1.cell"\ntext = "x"\nask = "y"\ndone = { step = 3 }'

    assert parse_tour(written(step), letters, WEIGHTS).steps[0].outline == "lane lstm1.cell"
    for name in ("cell", "count", "logits", ""):
        with pytest.raises(DeclarationError, match="lane with probability, lstm1.input_gate"):
            parse_tour(written(step.replace("lstm1.cell", name)), letters, WEIGHTS)


def test_the_start_of_a_digest_names_the_weights(digits: Architecture) -> None:
    """A tour may name its weights by the first digits that the page shows."""
    assert parse_tour(written(STEP, head='format = 1\nweights = "01234567"'), digits, WEIGHTS)


def test_files_are_read_within_limits(digits: Architecture, tmp_path: Path) -> None:
    """No file is no tour; a large one, one that is no text and a lost link are refused."""
    assert read_tour(tmp_path, digits, WEIGHTS) is None
    path = tmp_path / TOUR_FILE
    path.write_text(f"{written(STEP)}\n#{'x' * MAX_TOUR_BYTES}")
    with pytest.raises(DeclarationError, match="at most 65,536 are read"):
        read_tour(tmp_path, digits, WEIGHTS)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(DeclarationError, match="tour.toml is not UTF-8 text"):
        read_tour(tmp_path, digits, WEIGHTS)
    path.unlink()
    path.symlink_to(tmp_path / "lost")
    with pytest.raises(DeclarationError, match="tour.toml: No such file"):
        read_tour(tmp_path, digits, WEIGHTS)


@pytest.mark.parametrize("name", shipped_names())
def test_shipped_tours_are_about_the_shipped_weights(name: str) -> None:
    """Each shipped network has a tour of some ten steps, which names its weights."""
    digest = checkpoints.load(shipped_files(name).weights).digest
    tour = read_tour(SHIPPED / name, derive(read_declaration(SHIPPED / name)), digest)

    assert tour is not None
    assert 9 <= len(tour.steps) <= 12
    assert f'weights = "{digest[:8]}' in (SHIPPED / name / TOUR_FILE).read_text(encoding="utf-8")


def test_states_are_those_of_the_page() -> None:
    """Every value that a tour may set is one of the page's, with the same default."""
    source = (EXPLORER / "state.js").read_text(encoding="utf-8")
    found = dict(re.findall(r"^  (\w+): (.*?),(?: //.*)?$", source, re.MULTILINE))
    for key, default in {**IMAGE_STATE, **SEQUENCE_STATE}.items():
        written = str(default).lower() if not isinstance(default, str) else f'"{default}"'
        assert found[key] == written, key


def test_parts_are_those_of_the_page() -> None:
    """Every part that a tour may outline is one that the page finds, and the other way round."""
    source = (EXPLORER / "tour" / "tour-parts.js").read_text(encoding="utf-8")
    for view, parts in (("digits", IMAGE_PARTS), ("sequences", SEQUENCE_PARTS)):
        block = re.search(rf"^  {view}: {{\n(.*?)^  }}", source, re.MULTILINE | re.DOTALL)
        assert block
        names = re.findall(r'^    "?([\w-]+)"?: "', block[1], re.MULTILINE)
        assert sorted(names) == sorted(one for one in parts if one not in NAMED_PARTS)
