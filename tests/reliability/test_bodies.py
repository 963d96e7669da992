"""Body and parsing: rows 17 to 29 of the threats, over the wire."""

import json

import pytest

from tests.api.bodies import PICTURE, base64_of
from tests.reliability.wire import (
    GATES,
    JSON,
    PNG,
    PREDICT,
    Headers,
    assert_refused,
    get,
    post,
)

FILE = b'Content-Disposition: form-data; name="file"; filename="%s"\r\nContent-Type: image/png'
TEXT = b'Content-Disposition: form-data; name="%s"'
MULTIPART = "multipart/form-data; boundary=x"
PICTURE_PART = (FILE % b"a.png", PICTURE)
END = b"--x--\r\n"


pytestmark = pytest.mark.usefixtures("others_are_served")


def form(
    *parts: tuple[bytes, bytes], end: bytes = END, media: str = MULTIPART
) -> tuple[Headers, bytes]:
    """Write a multipart form by hand."""
    body = b"".join(b"--x\r\n%s\r\n\r\n%s\r\n" % part for part in parts)
    return (("Content-Type", media),), body + end


def test_17_a_compressed_body_is_refused(url: str) -> None:
    """`Content-Encoding: gzip` is a 415 on routes of images and of sequences."""
    packed = (("Content-Encoding", "gzip"),)
    for target, headers in ((PREDICT, PNG), (GATES, JSON)):
        answer = post(url, target, (*headers, *packed), b"\x1f\x8b" + bytes(100))
        assert_refused(answer, (415,), "unsupported-encoding")


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"sequence":' + b"[" * 99_999 + b"]" * 99_999])
def test_18_deeply_nested_json_is_refused(body: bytes, url: str) -> None:
    """A hundred thousand lists in each other are a 400."""
    assert_refused(post(url, GATES, JSON, body), (400,), "invalid-json")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_19_numbers_that_are_not_finite_are_refused(number: str, url: str) -> None:
    """JSON has no such numbers, so they are a 400."""
    for target, key in ((GATES, "sequence"), (PREDICT, "pixels")):
        body = f'{{"{key}":[[{number}]]}}'.encode()
        assert_refused(post(url, target, JSON, body), (400,), "invalid-json")


@pytest.mark.parametrize("text", [b'"\\ud800"', b'"\xff"', b'"\xed\xa0\x80"'])
def test_20_broken_unicode_is_refused(text: bytes, url: str) -> None:
    """A lone surrogate and invalid UTF-8 are a 400; a byte order mark is read over."""
    assert_refused(post(url, GATES, JSON, b'{"sequence":%s}' % text), (400,), "invalid-json")
    assert post(url, GATES, JSON, b'\xef\xbb\xbf{"sequence":"101"}').status == 200


def test_20_duplicate_keys_are_refused(url: str) -> None:
    """Which of two equal keys counts would depend on the parser."""
    answer = post(url, GATES, JSON, b'{"sequence":"101","sequence":"1"}')

    assert_refused(answer, (422,), "invalid-body")


@pytest.mark.parametrize("digits", [400, 4_000, 5_000])
def test_21_long_integers_are_refused(digits: int, url: str) -> None:
    """Integers of hundreds of digits are a 400 or 422, in a body and in a query."""
    body = b'{"sequence":[%s]}' % (b"9" * digits)
    assert_refused(post(url, GATES, JSON, body), (400, 422))
    unit = get(url, f"/cnn/unit?layer=conv1&channel={'9' * min(digits, 3_900)}")
    assert_refused(unit, (422,))


def test_22_a_large_invalid_body_is_not_repeated(url: str) -> None:
    """A megabyte of wrong values has a problem of at most 4 KiB and 16 errors, without them."""
    body = json.dumps({"pixels": [["secret" * 10] * 140] * 140}).encode()
    assert len(body) > 2**20

    answer = post(url, PREDICT, JSON, body)

    assert_refused(answer, (422,))
    assert b"secret" not in answer.body


def test_23_a_truncated_form_is_refused(url: str) -> None:
    """A form without its last boundary is a 400."""
    assert_refused(post(url, PREDICT, *form(PICTURE_PART, end=b"")), (400,), "invalid-multipart")


def test_24_several_files_are_several_inputs(url: str) -> None:
    """Files of one name are read in their order, and none is lost."""
    answer = post(url, PREDICT, *form(PICTURE_PART, PICTURE_PART))

    assert len(json.loads(answer.body)["answers"]) == 2


def test_25_forms_have_limits(url: str) -> None:
    """64 files are answered; 65, 1,200 fields and a text of a mebibyte are a 400."""
    assert post(url, PREDICT, *form(*[PICTURE_PART] * 64)).status == 200
    fields = [(TEXT % b"f%d" % at, b"x") for at in range(1_200)]
    long = (TEXT % b"preprocess", b"x" * 2**20)
    for parts in ([PICTURE_PART] * 65, fields, [long, PICTURE_PART]):
        assert_refused(post(url, PREDICT, *form(*parts)), (400,), "invalid-multipart")


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "utf-7"])
def test_26_another_charset_is_refused(charset: str, url: str) -> None:
    """A form in another charset than UTF-8 is a 415."""
    sent = form(PICTURE_PART, media=f"{MULTIPART}; charset={charset}")
    assert_refused(post(url, PREDICT, *sent), (415,), "unsupported-media-type")


@pytest.mark.parametrize(
    "name", [b"../../etc/passwd", b"a\0b.png", b"a" * 1_000, b"\x1b[31m.png", b"a%0d%0ab"]
)
def test_27_file_names_are_ignored(name: bytes, url: str) -> None:
    """A file's name changes nothing, and is not in the answer."""
    answer = post(url, PREDICT, *form((FILE % name, PICTURE)))

    assert answer.status == 200
    assert answer.body == post(url, PREDICT, *form(PICTURE_PART)).body


def test_28_base64_has_one_meaning_or_is_refused(url: str) -> None:
    """Line breaks and data URLs mean the same picture; lists and other characters are a 422."""
    text = base64_of(PICTURE)
    lines = "\n".join(text[at : at + 60] for at in range(0, len(text), 60))
    meant = {
        post(url, PREDICT, JSON, json.dumps({"image": one}).encode()).body
        for one in (text, lines, f"data:image/png;base64,{text}")
    }
    assert len(meant) == 1
    for one in (f"{text},{text}", text[:-4] + "!!!!", text[: len(text) // 2]):
        answer = post(url, PREDICT, JSON, json.dumps({"image": one}).encode())
        assert_refused(answer, (422,))


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "text/html"])
def test_29_other_media_types_are_refused(media: str, url: str) -> None:
    """A body of another type, or of none, is a 415."""
    for headers in ((("Content-Type", media),), ()):
        assert_refused(post(url, PREDICT, headers, PICTURE), (415,), "unsupported-media-type")
