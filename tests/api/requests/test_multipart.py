"""Multipart forms with files, valid and invalid."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors.problem import Problem
from api.requests.multipart import MAX_HEADERS, MAX_PARTS, MAX_TEXT, NO_FILE, parse_form

BOUNDARY = {"boundary": "cut-here"}


def part(data: bytes, name: str = "file", filename: str | None = "d.png", more: str = "") -> bytes:
    """Write one part as curl does."""
    file_name = "" if filename is None else f'; filename="{filename}"'
    head = f'Content-Disposition: form-data; name="{name}"{file_name}\r\n{more}\r\n'
    return b"--cut-here\r\n" + head.encode("latin-1") + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Write a whole form."""
    return b"".join(parts) + b"--cut-here--\r\n"


def files_in(content: bytes, parameters: dict[str, str]) -> list[bytes | str]:
    """Return the images of a form."""
    return parse_form(content, parameters).images


def problem_of(content: bytes, parameters: dict[str, str] | None = None) -> tuple[int, str]:
    """Return status and text of the problem of a form."""
    with pytest.raises(Problem) as caught:
        files_in(content, BOUNDARY if parameters is None else parameters)
    assert caught.value.reasons[0].reason == caught.value.detail
    return caught.value.status, caught.value.detail


@pytest.mark.parametrize("data", [b"", b"x", b"\r\n", b"\r\n--cut-her", bytes(range(256)) * 300])
def test_a_file_comes_out_as_it_went_in(data: bytes) -> None:
    """The bytes of the field `file` are returned unchanged, boundaries' prefixes included."""
    assert files_in(form(part(data)), BOUNDARY) == [data]


@pytest.mark.parametrize(
    "filename", ["", "../../x", "a\x00b", "x" * 1000, 'say \\"hi\\".png', "d;e"]
)
def test_file_names_are_ignored(filename: str) -> None:
    """File names of any kind have no effect."""
    assert files_in(form(part(b"data", filename=filename)), BOUNDARY) == [b"data"]


def test_headers_that_do_not_matter_are_ignored() -> None:
    """A part's own media type is not looked at, and a plain transfer encoding is fine."""
    more = "Content-Type: text/plain\r\ncontent-transfer-encoding: Binary\r\n"

    assert files_in(form(part(b"data", more=more)), BOUNDARY) == [b"data"]


def test_utf_8_may_be_said() -> None:
    """The charset utf-8 is accepted."""
    assert files_in(form(part(b"data")), BOUNDARY | {"charset": "UTF-8"}) == [b"data"]


def test_another_charset_is_rejected() -> None:
    """Any other charset is a 415."""
    status = 415, "The form's charset must be utf-8."

    assert problem_of(form(part(b"")), BOUNDARY | {"charset": "utf-16"}) == status


CUT_SHORT = "The form is cut short: it does not end with its closing boundary."


@pytest.mark.parametrize("missing", [3, 4, 5, 10, 15, 20])
def test_a_form_cut_short_is_rejected(missing: int) -> None:
    """Without its closing boundary a form is not whole."""
    assert problem_of(form(part(b"data"))[:-missing]) == (400, CUT_SHORT)


@pytest.mark.parametrize(
    "behind", [b"", b"\r\n", b" \t\r\n", b"\r\nepilogue\r\n--cut-here\r\n", b"\n"]
)
@pytest.mark.parametrize("before", [b"", b"\r\n", b"preamble\r\n", b"two\r\n\r\nlines\r\n"])
def test_preamble_and_epilogue_are_ignored(before: bytes, behind: bytes) -> None:
    """Text in front of the first boundary and behind the closing one is no part (RFC 2046)."""
    content = before + form(part(b"data")).removesuffix(b"\r\n") + behind

    assert files_in(content, BOUNDARY) == [b"data"]


def test_a_closing_boundary_ends_its_line() -> None:
    """More on the line of the closing boundary is no epilogue."""
    assert problem_of(form(part(b"data")).removesuffix(b"\r\n") + b"more") == (400, CUT_SHORT)


def test_boundaries_may_be_padded() -> None:
    """Blanks behind a boundary are transport padding (RFC 2046)."""
    content = form(part(b"1"), part(b"2")).replace(b"cut-here\r", b"cut-here \t\r")

    assert files_in(content, BOUNDARY) == [b"1", b"2"]


def test_a_line_that_begins_with_the_boundary_is_refused() -> None:
    """A file may not have it, for it would end there."""
    text = "A part of the form has no headers, or a broken boundary."

    assert problem_of(form(part(b"a\r\n--cut-here-and-more\r\nb"))) == (400, text)


def test_lines_that_end_in_lf_are_named() -> None:
    """Forms that a script writes by hand often lack the CR."""
    text = "The form's lines end in LF; they must end in CR LF."

    assert problem_of(form(part(b"data")).replace(b"\r\n", b"\n")) == (400, text)


@pytest.mark.parametrize("boundary", [{}, {"boundary": ""}, {"boundary": "x" * 71}])
def test_a_boundary_is_needed(boundary: dict[str, str]) -> None:
    """A client that sets the Content-Type by hand leaves out the boundary."""
    text = (
        "The Content-Type names no boundary of 1 to 70 characters: let the client set the "
        "Content-Type itself."
    )

    assert problem_of(form(part(b"")), boundary) == (400, text)


@pytest.mark.parametrize("content", [b"x", b"preamble\r\n", b"\x89PNG", b"--other\r\n"])
def test_a_form_has_its_boundary(content: bytes) -> None:
    """A body that is not such a form is rejected."""
    text = "The form has no line with the boundary that its Content-Type names."

    assert problem_of(content) == (400, text)


def test_an_empty_body_is_named() -> None:
    """A form of 0 bytes has no boundary either."""
    assert problem_of(b"") == (400, "The form is empty: 0 bytes.")


@pytest.mark.parametrize(
    "parts",
    [[], [part(b"", filename="")], [part(b"x", filename=None)], [part(b"x", "image", None)] * 2],
    ids=["empty", "none chosen", "text", "two texts"],
)
def test_a_form_without_a_file_is_rejected(parts: list[bytes]) -> None:
    """The sentence says how a file is sent, by curl and in a page."""
    text = (
        "The form has no file: send the image as one, as curl -F file=@digit.png does, in a page "
        'with <input type="file">.'
    )

    assert text == NO_FILE
    assert problem_of(form(*parts)) == (422, text)


def test_a_file_input_without_a_file_is_left_out() -> None:
    """Browsers send one that was left empty as a file without name and bytes."""
    unchosen = part(b"", filename="", more="Content-Type: application/octet-stream\r\n")

    assert files_in(form(part(b"data"), unchosen), BOUNDARY) == [b"data"]


def test_several_files_come_out_in_order() -> None:
    """Every field `file` is a file, in the order of the form."""
    assert files_in(form(part(b"2"), part(b"1"), part(b"")), BOUNDARY) == [b"2", b"1", b""]


@pytest.mark.parametrize("name", ["image", "FILE", "", "file ", "digit[]", "é"])
def test_any_field_may_have_the_files(name: str) -> None:
    """The name of a file's field has no meaning; files are in the order of the form."""
    found = parse_form(form(part(b"1", name=name), part(b"2", name="other")), BOUNDARY)

    assert found.images == [b"1", b"2"]
    assert found.field == (name if name in {"image", "FILE"} else "file")


@pytest.mark.parametrize(
    "head",
    [
        "Content-Disposition: form-data; name=file; filename=d.png",
        'CONTENT-DISPOSITION:Form-Data; Name="file"; FileName="d.png"',
        "Content-Disposition: form-data; name=\"file\"; filename*=utf-8''%e2%82%ac.png",
        'Content-Disposition: form-data; name="file"; FILENAME*0="di"; filename*1="git"',
        'Content-Disposition: form-data;\r\n name="file";\r\n\tfilename="d.png"',
        'Content-Disposition: form-data; name="file"\r\nContent-Type: image/png',
        'Content-Disposition: form-data; name="file"\r\ncontent-type: Application/Octet-Stream',
        'Content-Disposition: form-data; filename="d.png"',
        'Content-Disposition: attachment; filename="d.png"',
        "Content-Type: image/jpeg",
    ],
)
def test_headers_of_a_file_in_every_spelling(head: str) -> None:
    """Unquoted, folded, of RFC 5987 or 2231, of any case, or with the media type of an image."""
    content = b"--cut-here\r\n" + head.encode() + b"\r\n\r\ndata\r\n--cut-here--"

    assert files_in(content, BOUNDARY) == [b"data"]


@pytest.mark.parametrize("start", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_an_image_without_a_file_name_is_a_file(start: bytes) -> None:
    """`requests.post(files={"file": (None, data)})` sends no file name."""
    assert files_in(form(part(start, filename=None)), BOUNDARY) == [start]


def test_an_image_as_text_is_read_where_there_is_no_file() -> None:
    """The field `image` has the base64 or data URL that it has in JSON, of any length."""
    text = "YWJj" * MAX_TEXT
    content = form(part(b"7", "label", None), part(text.encode(), "image", None))

    assert files_in(content, BOUNDARY) == [text]
    assert parse_form(content, BOUNDARY).texts == [("label", "7")]


@pytest.mark.parametrize("text", ["none", "\ufeffnone", " none\r\n"])
def test_texts_are_the_other_fields(text: str) -> None:
    """A text field is UTF-8, without its byte order mark and white space around it."""
    content = form(
        part(b"1"), b"".join((part(b"", "preprocess", None)[:-2], text.encode(), b"\r\n"))
    )

    assert parse_form(content, BOUNDARY).texts == [("preprocess", "none")]


def test_a_text_that_is_not_utf_8_is_rejected() -> None:
    """A text field of another encoding is a 400."""
    content = form(part(b"1"), part(b"\xff", "preprocess", None))

    assert problem_of(content) == (400, "A text field of the form is not UTF-8.")


def test_long_text_is_rejected() -> None:
    """A text field over its limit is named as such."""
    text = "A text field of the form holds more than 4096 bytes."

    assert problem_of(form(part(b""), part(b"x" * (MAX_TEXT + 1), "x", None))) == (400, text)


def test_too_many_parts_are_rejected() -> None:
    """64 files are taken, and one more is over the limit."""
    one = part(b"")

    assert len(files_in(form(*[one] * MAX_PARTS), BOUNDARY)) == MAX_PARTS
    assert problem_of(form(*[one] * (MAX_PARTS + 1))) == (400, "The form has more than 64 parts.")
    assert problem_of(form(*[one] * 1200)) == (400, "The form has more than 64 parts.")


def test_long_headers_are_rejected() -> None:
    """A part's headers have a limit of their own."""
    text = "A part of the form has more than 4096 bytes of headers."

    assert problem_of(form(part(b"", filename="x" * MAX_HEADERS))) == (400, text)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (b"--cut-here\r\nno blank line\r\n", "has no headers, or a broken boundary."),
        (b"--cut-here and more\r\n\r\n\r\n", "has no headers, or a broken boundary."),
        (b"--cut-here\r\nX: y\r\n\r\n\r\n", "has no 'Content-Disposition: form-data' with a name."),
        (
            b"--cut-here\r\nContent-Disposition: attachment; name=file\r\n\r\n\r\n",
            "has no 'Content-Disposition: form-data' with a name.",
        ),
        (
            b"--cut-here\r\nContent-Disposition: form-data; x=d\r\n\r\n\r\n",
            "has no 'Content-Disposition: form-data' with a name.",
        ),
    ],
)
def test_a_part_without_its_headers_is_rejected(broken: bytes, text: str) -> None:
    """A part must say which field it is."""
    assert problem_of(form(broken)) == (400, f"A part of the form {text}")


def test_base64_parts_are_rejected() -> None:
    """A transfer encoding that changes the bytes is not undone."""
    text = "A part of the form has a Content-Transfer-Encoding; it must be sent unchanged."

    assert problem_of(form(part(b"", more="Content-Transfer-Encoding: base64\r\n"))) == (415, text)


def status(content: bytes) -> int:
    """Return the status that a form leads to; any other exception passes through."""
    try:
        parse_form(content, BOUNDARY)
    except Problem as problem:
        return problem.status
    return 200


@settings(max_examples=150)
@given(st.data())
def test_no_form_breaks_the_reader(data: st.DataObject) -> None:
    """A form with bytes changed, cut out or put in is parsed or rejected, and nothing else."""
    content = bytearray(form(part(b"some data"), part(b"more", "text", None)))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(start + 8, len(content))))
        content[start:end] = data.draw(st.binary(max_size=6) | st.sampled_from([b"\r\n", b"--"]))
    assert status(bytes(content)) in {200, 400, 415, 422}


def test_headers_are_parsed_in_time_that_is_linear() -> None:
    """Quotes that are not closed are passed once: 64 parts take milliseconds, not 8 s."""
    head = 'Content-Disposition: form-data; name=x; y="' + '\\"' * 2000 + "\r\n\r\n"
    parts = [b"--cut-here\r\n" + head.encode() + b"a text\r\n"] * (MAX_PARTS - 1)

    began = time.thread_time()
    assert files_in(form(*parts, part(b"data")), BOUNDARY) == [b"data"]
    assert time.thread_time() - began < 1


def test_padding_of_a_boundary_is_bounded() -> None:
    """A few blanks behind a boundary are passed; more than a part's headers may have are not."""
    for blanks in (b"", b" ", b"\t" * 100):
        padded = part(b"data").replace(b"--cut-here", b"--cut-here" + blanks)
        assert files_in(form(padded), BOUNDARY) == [b"data"]
    padded = part(b"data").replace(b"--cut-here", b"--cut-here" + b" " * (MAX_HEADERS + 1))
    assert "broken boundary" in problem_of(form(padded))[1]
