"""JSON texts that are read although they are unusual, and sentences about those that are not."""

from contextlib import suppress

import pytest

from api.errors.problem import Problem
from api.requests.json_parsing import BYTE_ORDER_MARK, parse_json
from tests.api.bodies import PICTURE, base64_of, image_of, json_body, problem_of, sequence_of


def test_a_byte_order_mark_is_ignored() -> None:
    """Editors and PowerShell write one before UTF-8 text; for images and sequences alike."""
    content = BYTE_ORDER_MARK + b'{"sequence": "101"}'

    assert sequence_of(json_body(content), 2).sequence.tolist() == [1, 0, 1]
    text = f'{{"image": "{base64_of(PICTURE)}"}}'.encode()
    assert image_of(json_body(BYTE_ORDER_MARK + text)).echo is not None


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "The body is empty, and its Content-Type is that of JSON: send an object."),
        (b" \r\n", "The body is empty, and its Content-Type is that of JSON: send an object."),
        ('{"image": ""}'.encode("utf-16"), "The body is UTF-16 or UTF-32; JSON must be UTF-8."),
        ('{"image": ""}'.encode("utf-16-le"), "The body is UTF-16 or UTF-32; JSON must be UTF-8."),
        ('{"image": ""}'.encode("utf-32-be"), "The body is UTF-16 or UTF-32; JSON must be UTF-8."),
        (
            b'{"image": "YWJj\nYWJj"}',
            (
                "The body is not JSON: a string has a line break or another control character; "
                "write \\n, or base64 without line breaks (base64 -w0)."
            ),
        ),
        (
            b'{"pixels": [[0.5, NaN]]}',
            "The body is not JSON: it has NaN or Infinity, and JSON has numbers only.",
        ),
        (
            b'{"pixels": [[-Infinity]]}',
            "The body is not JSON: it has NaN or Infinity, and JSON has numbers only.",
        ),
        (
            PICTURE,
            "The body is not JSON but an image: send it with Content-Type: image/png.",
        ),
        (
            b"\xff\xd8\xff\xe0",
            "The body is not JSON but an image: send it with Content-Type: image/jpeg.",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n--x--',
            (
                "The body is not JSON but a form: its Content-Type must be multipart/form-data "
                "with its boundary."
            ),
        ),
        (
            b"sequence=10110",
            "The body is not JSON but a text of names and values: write an object.",
        ),
        (
            b"{'sequence': '10110'}",
            "The body is not JSON but a Python literal: texts have double quotes in JSON.",
        ),
    ],
    ids=range(13),
)
def test_the_cause_is_named(content: bytes, text: str) -> None:
    """A body that is no JSON is refused by a sentence with its format or fault."""
    assert problem_of(json_body(content)) == ("invalid-json", text, ("body",))


def test_an_object_that_was_encoded_twice_is_named() -> None:
    """`requests.post(…, json=json.dumps(value))` sends a text of JSON."""
    text = (
        "The body must be an object of image, pixels, inputs: it is a text of JSON, encoded twice; "
        "send the object itself."
    )

    problem = problem_of(json_body('{"pixels": [[255]]}'))
    assert problem == ("invalid-body", text, ("body",))


@pytest.mark.parametrize(
    "content",
    [
        b'{"sequence": "101", "sequence": "1"}',
        b'{"inputs": [{"sequence": "1"}, {"sequence": "1", "sequence": "0"}]}',
        b'{"sequence": "1", "\\u0073equence": "0"}',
    ],
)
def test_a_key_that_is_there_twice_is_refused(content: bytes) -> None:
    """Parsers read the first or the last of two equal keys, so neither is read; at any depth."""
    with pytest.raises(Problem, match="The body has the key 'sequence' twice in one object") as got:
        sequence_of(json_body(content), 2)
    assert got.value.kind == "invalid-body"


def test_colons_in_texts_are_no_keys() -> None:
    """A data URL is read, and colons anywhere else in a text are no repeated key."""
    url = f'{{"image": "data:image/png;base64,{base64_of(PICTURE)}"}}'.encode()
    assert image_of(json_body(url)).echo is not None
    assert parse_json(b'{"a": ":::", "b": [{"a": 1}, {"a": ":"}]}') == {
        "a": ":::",
        "b": [{"a": 1}, {"a": ":"}],
    }


def test_any_depth_that_is_parsed_is_searched_for_keys() -> None:
    """Nesting at the limit of the parser breaks no second parse."""
    deep = b'{"a":":","b":' + b"[" * 1000 + b"]" * 1000 + b"}"

    with suppress(Problem):
        assert "a" in parse_json(deep)
