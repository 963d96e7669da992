"""Words of an alphabet for the probe `dynamics`: texts, and the symbols that they have."""

from itertools import product

import pytest

from probes.rnn.dynamics_inputs import MAX_WORD, WordChoice, word_of
from tests.networks import network

ALPHABETS = [
    ("0", "1"),
    ("a", "ab", "b"),
    ("<img src=x>", "a", "b c"),
    ("a b", "a", "b"),
    ("]", "^", "\\"),
]


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_every_word_has_its_symbols(alphabet: tuple[str, ...]) -> None:
    """All words of one to three symbols are read, where no other word has the same text."""
    separator = "" if all(len(one) == 1 for one in alphabet) else " "
    words = [word for length in (1, 2, 3) for word in product(alphabet, repeat=length)]
    texts = [separator.join(word) for word in words]
    for word, text in zip(words, texts, strict=True):
        found = word_of(alphabet, text)
        assert found is not None
        assert separator.join(alphabet[index] for index in found) == text
        if texts.count(text) == 1:
            assert found == [alphabet.index(one) for one in word]


@pytest.mark.parametrize("text", ["", "a", " 1", "10 ", "1 0", "1" * (MAX_WORD + 1)])
def test_other_texts_are_no_words(text: str) -> None:
    """Symbols of others, spaces and too many symbols are refused."""
    assert word_of(("0", "1"), text) is None


def test_the_default_word_is_one() -> None:
    """Of any alphabet, the default can be read."""
    for alphabet in ALPHABETS:
        listed = ", ".join(f'"""{one}"""' if "\\" not in one else f"'{one}'" for one in alphabet)
        of_alphabet = network(
            f'input = {{ alphabet = [{listed}], encoding = "one-hot" }}\n'
            'classes = ["x", "y"]\nlayers = ["gru 3", "dense 2"]\n'
        )
        default = WordChoice().default(of_alphabet)
        assert default is not None
        assert word_of(alphabet, default) == [1, 0]
