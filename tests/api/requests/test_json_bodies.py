"""JSON texts that are read although they are unusual, and sentences about those that are not."""

import pytest

from api.requests.json_parsing import BYTE_ORDER_MARK
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
