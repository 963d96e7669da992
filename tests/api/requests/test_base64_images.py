"""Base64 of an image in every spelling that has one meaning, and sentences about the others."""

import base64
import textwrap
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.requests.base64_image import parse_base64
from api.requests.json_object import FieldError
from tests.api.bodies import DIGIT, PICTURE, base64_of, encoded, image_of, json_body, problem_of

TEXT = base64_of(PICTURE)
JPEG_TEXT = base64_of(encoded(DIGIT, "JPEG"))
WEBP = encoded(DIGIT, "WEBP")


@pytest.mark.parametrize(
    "image",
    [
        base64.encodebytes(PICTURE).decode(),
        "\r\n".join(textwrap.wrap(TEXT, 64)) + "\r\n",
        f"  {TEXT}\t",
        base64.urlsafe_b64encode(PICTURE).decode(),
        base64.urlsafe_b64encode(PICTURE).decode().rstrip("="),
        TEXT.rstrip("="),
        f"data:image/png;charset=utf-8;base64,{TEXT}",
        f"data:image/png;name=digit.png;base64,{TEXT}",
        f"data:image/jpg;base64,{TEXT}",
        f"data:image/pjpeg;base64,{TEXT}",
        f"data:image/x-png;base64,{TEXT}",
        f"DATA:Image/PNG;Base64,{TEXT}",
        f"data:;base64,{TEXT}",
        f"data:application/octet-stream;base64,{TEXT}",
        f"data:image/png; base64 ,{TEXT}",
        f"\n data:image/png;base64,\n{base64.encodebytes(PICTURE).decode()}",
        f"data:image/png;base64,{TEXT.replace('+', '%2B').replace('/', '%2F')}",
        "data:image/png," + "".join(f"%{byte:02x}" for byte in PICTURE),
        f"data:image/webp;base64,{TEXT}",
        [TEXT],
    ],
    ids=range(20),
)
def test_every_spelling_is_the_same_image(image: object) -> None:
    """Line breaks, the url-safe alphabet, no padding, and data URLs of any case and parameters."""
    result = image_of(json_body({"image": image}))

    np.testing.assert_array_equal(result.row["image"], DIGIT)
    several: Any = json_body({"inputs": [{"image": image}]})
    assert several.content


@given(st.binary(), st.booleans(), st.booleans(), st.lists(st.integers(0, 400), max_size=6))
def test_any_way_to_write_base64_gives_its_bytes(
    data: bytes, is_url_safe: bool, is_padded: bool, breaks: list[int]
) -> None:
    """Alphabet, padding and white space do not change the bytes."""
    text = (base64.urlsafe_b64encode if is_url_safe else base64.b64encode)(data).decode()
    text = text if is_padded else text.rstrip("=")
    for at in breaks:
        text = text[:at] + "\r\n"[at % 2 :] + " " + text[at:]

    assert parse_base64(text) == data


NOT_BASE64 = (
    "'image' must be base64: A-Z, a-z, 0-9, + and / (or - and _), white space, and = at its end; "
    "alone, or after data:image/png;base64, or data:image/jpeg;base64,"
)


@pytest.mark.parametrize(
    "image",
    [
        "!",
        "a",
        "abcde",
        "abcd=",
        "abc==",
        "ab===",
        "ab==cd",
        "YWJj,YWJj",
        "é",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "data:image/png;base64,data:image/png;base64,YWJj",
        "data:image/png;base64",
        "====",
        "YWJj====",
        "=",
    ],
)
def test_other_texts_are_refused(image: str) -> None:
    """Other characters, letters that are no whole bytes, and padding that is not needed."""
    assert problem_of(json_body({"image": image})) == (
        "invalid-body",
        NOT_BASE64,
        ("body", "image"),
    )


@pytest.mark.parametrize(
    "image",
    [
        "digit.png",
        "my digits/7.JPEG",
        "photo.webp",
        "/home/ada/digit.PNG",
        "~/digit.tiff",
        "../digit",
        "./7",
        "C:\\digits\\7.bmp",
        "http://localhost/digit",
        "https://example.org/digit.png?x=1",
        "file:///digit",
        "blob:http://localhost/0a1b",
        "s3://digits/7",
    ],
)
def test_names_and_addresses_are_refused(image: str) -> None:
    """The server opens no file and no address; the sentence says so."""
    text = (
        "'image' is a file name or an address, and the server opens neither: send the content of "
        "the file in base64, or as a form with curl -F file=@digit.png"
    )

    assert problem_of(json_body({"image": image})) == ("invalid-body", text, ("body", "image"))


@pytest.mark.parametrize("image", [str(base64.b64encode(PICTURE)), "b''", 'b"YWJj"'])
def test_the_text_of_python_bytes_is_refused(image: str) -> None:
    """`str(base64.b64encode(…))` keeps the `b` and the quotes."""
    text = (
        "'image' is the text that str() makes of Python bytes: write "
        "base64.b64encode(content).decode()"
    )

    assert problem_of(json_body({"image": image})) == ("invalid-body", text, ("body", "image"))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"data:image/webp;base64,{base64_of(WEBP)}", "image/webp"),
        ("data:image/avif;base64,AAAAIGZ0eXBhdmlm", "image/avif"),
        ("data:image/gif;base64,R0lGODlhAQABAAAAACw=", "image/gif"),
        ("data:image/svg+xml;charset=utf-8,%3Csvg%3E", "image/svg+xml"),
        ("data:text/plain,digit", "text/plain"),
        ("data:<script>/x,digit", "another type"),
    ],
)
def test_a_data_url_of_another_format_is_refused(url: str, shown: str) -> None:
    """The sentence names the format and how a page makes a PNG of it."""
    text = (
        f"'image' is a data URL of {shown}, and only PNG and JPEG are read: convert the image, in "
        "a page with canvas.toDataURL('image/png')."
    )

    expected = ("unsupported-media-type", text, ("body", "image"))
    assert problem_of(json_body({"image": url})) == expected


def test_the_fault_of_one_of_several_is_located() -> None:
    """Spellings are read, and faults named, in `inputs` and `source` alike."""
    with pytest.raises(FieldError):
        parse_base64("digit.png")
    value = {"inputs": [{"image": [TEXT]}, {"image": "digit.png"}]}

    _, text, location = problem_of(json_body(value))
    assert text.startswith("inputs[1]: 'image' is a file name")
    assert location == ("body", "inputs", 1, "image")
