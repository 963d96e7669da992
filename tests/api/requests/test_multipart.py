"""Multipart forms with files, valid and invalid."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.errors.problem import Problem
from api.requests.multipart import MAX_HEADERS, MAX_PARTS, MAX_TEXT, files_in

BOUNDARY = {"boundary": "cut-here"}


def part(data: bytes, name: str = "file", filename: str | None = "d.png", more: str = "") -> bytes:
    """Write one part as curl does."""
    file_name = "" if filename is None else f'; filename="{filename}"'
    head = f'Content-Disposition: form-data; name="{name}"{file_name}\r\n{more}\r\n'
    return b"--cut-here\r\n" + head.encode("latin-1") + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Write a whole form."""
    return b"".join(parts) + b"--cut-here--\r\n"


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


def test_more_behind_the_closing_boundary_is_rejected() -> None:
    """Content behind the closing boundary makes a form invalid."""
    assert problem_of(form(part(b"data")) + b"more") == (400, CUT_SHORT)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (form(part(b"data")).replace(b"cut-here\r", b"cut-here \r", 1), "a broken boundary."),
        (form(part(b"a\r\n--cut-here-and-more\r\nb")), "a broken boundary."),
    ],
    ids=["padding", "in a file"],
)
def test_boundaries_are_exact(content: bytes, text: str) -> None:
    """Padding behind a boundary, and lines of a file that begin with it, make a form invalid."""
    status, detail = problem_of(content)

    assert status == 400
    assert detail.endswith(text)


@pytest.mark.parametrize("boundary", [{}, {"boundary": ""}, {"boundary": "x" * 71}])
def test_a_boundary_is_needed(boundary: dict[str, str]) -> None:
    """The Content-Type must name a boundary of a legal length."""
    text = "The Content-Type must name a boundary of 1 to 70 characters."

    assert problem_of(form(part(b"")), boundary) == (400, text)


@pytest.mark.parametrize("content", [b"", b"x", b"preamble\r\n" + form(part(b"")), b"\x89PNG"])
def test_a_form_begins_with_its_boundary(content: bytes) -> None:
    """A body that is not such a form is rejected."""
    text = "The form does not begin with the boundary that its Content-Type names."

    assert problem_of(content) == (400, text)


def test_an_empty_form_is_rejected() -> None:
    """A form without parts has no image."""
    text = "The form has no parts; it needs a file in the field 'file'."

    assert problem_of(form()) == (400, text)


def test_several_files_come_out_in_order() -> None:
    """Every field `file` is a file, in the order of the form."""
    assert files_in(form(part(b"2"), part(b"1"), part(b"")), BOUNDARY) == [b"2", b"1", b""]


def test_files_among_texts_are_rejected() -> None:
    """One field that is no file is one too many."""
    text = "The field 'file' must be a file: it has no file name."

    assert problem_of(form(part(b"1"), part(b"2", filename=None))) == (422, text)


@pytest.mark.parametrize("name", ["image", "FILE", "", "file "])
def test_another_field_is_rejected(name: str) -> None:
    """A wrong name is answered with the right one, and is not repeated."""
    text = "The form has a field other than 'file', the only one that is read."

    assert problem_of(form(part(b"data", name=name))) == (422, text)
    assert problem_of(form(part(b"data"), part(b"data", name=name))) == (422, text)


def test_a_text_field_is_no_file() -> None:
    """The field must be sent as a file."""
    text = "The field 'file' must be a file: it has no file name."

    assert problem_of(form(part(b"x" * MAX_TEXT, filename=None))) == (422, text)


def test_long_text_is_rejected() -> None:
    """A text field over its limit is named as such."""
    text = "A text field of the form holds more than 4096 bytes."

    assert problem_of(form(part(b"x" * (MAX_TEXT + 1), filename=None))) == (400, text)


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
            b"--cut-here\r\nContent-Disposition: form-data; filename=d\r\n\r\n\r\n",
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
        files_in(content, BOUNDARY)
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
