"""TOML files of a network: dots of keys are counted, those of texts and comments are not."""

import time
import tomllib

import pytest

from models.declaration.toml_file import DeclarationError, parse_toml

DOTS = "." * 99
KEY = ".".join("a" * 99) + " = 1"

TEXTS = {
    "basic": f'a = "{DOTS}"',
    "literal": f"a = '{DOTS}'",
    "basic of lines": f'a = """\n{DOTS}\n{DOTS}"""',
    "literal of lines": f"a = '''\n{DOTS}\n{DOTS}'''",
    "basic with quotes": f'a = """"{DOTS}\n""{DOTS}\\"""{DOTS}"""""',
    "literal with quotes": f"a = ''''{DOTS}\n''{DOTS}'''''",
    "an escaped backslash": f'a = """{DOTS}\\\\"""\nb = 1',
    "the other quotes": f"a = '''{DOTS}\"\"\"\n{DOTS}'''\nb = \"\"\"'''{DOTS}\"\"\"",
    "a list": f'a = ["""{DOTS}""", \'\'\'{DOTS}\'\'\', ""]\nb = ""',
    "a comment": f"# \"\"\" {DOTS}\na = 1 # ''' {DOTS}",
}


@pytest.mark.parametrize("name", TEXTS)
def test_dots_of_texts_are_not_counted(name: str) -> None:
    """Texts of one line and of several, and comments, may have any number of dots."""
    assert parse_toml(TEXTS[name], "some.toml") == tomllib.loads(TEXTS[name])


KEYS = {
    "behind a text": (f'a = """\n\n.\n"""\n{KEY}', 5),
    "behind a literal": (f"a = '''\n\n'''\n{KEY}", 4),
    "behind quotes": (f'a = """b"""""\n{KEY}', 2),
    "behind an escaped backslash": (f'a = """b\\\\"""\n{KEY}', 2),
    "behind empty texts": (f'a = """"""\nb = ""\nc = \'\'\'\'\'\'\n{KEY}', 4),
    "behind three quotes in a text": (f"a = \"'''\"\nb = '\"\"\"'\n{KEY}", 3),
    "behind three quotes in a comment": (f'# """\n{KEY}', 2),
    "of texts": (".".join(['""', "''"] * 50) + " = 1", 1),
}


@pytest.mark.parametrize("name", KEYS)
def test_dots_of_keys_are_counted(name: str) -> None:
    """A key of many parts is refused with the number of its line, wherever texts end before it."""
    text, line = KEYS[name]

    with pytest.raises(DeclarationError, match=f"^some.toml has more than 64 dots in line {line}$"):
        parse_toml(text, "some.toml")


@pytest.mark.parametrize("text", ['a = """', "a = '''b''", 'a = """b\\', 'a = "b', "a = 'b"])
def test_texts_that_are_not_closed_are_no_toml(text: str) -> None:
    """The end of the file, or of the line, in a text is a sentence."""
    with pytest.raises(DeclarationError, match=r"^some\.toml is not TOML: "):
        parse_toml(f"{text}{DOTS}", "some.toml")


@pytest.mark.parametrize("part", ['"""\\', "'''\"", '"\\"', "\"'"])
def test_quotes_take_linear_time(part: str) -> None:
    """Quotes of 64 kB that open and escape each other are searched once."""
    text = part * (65_536 // len(part)) + "\\"
    began = time.thread_time()

    with pytest.raises(DeclarationError):
        parse_toml(text, "some.toml")

    assert time.thread_time() - began < 1
