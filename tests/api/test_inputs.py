"""Every form of an image and of a sequence, through one decoder, and every way to be refused."""

import asyncio
import base64
from collections.abc import Iterable
from io import BytesIO
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.requests import ClientDisconnect, Request

from api.errors import Problem
from api.inputs import (
    IMAGE_BODIES,
    MAX_IMAGE,
    MAX_IMAGE_JSON,
    MAX_SEQUENCE_JSON,
    SEQUENCE_BODIES,
    Body,
    image_from,
    parse_sequence,
    read_body,
    sequence_from,
)
from api.json_bodies import MAX_VALUES

DIGIT = np.zeros((28, 28), np.uint8)
DIGIT[5:24, 12:17] = 255
DIGIT[12:17, 10:19] = 200


def encoded(grey: np.ndarray, image_format: str = "PNG") -> bytes:
    """Write a picture."""
    buffer = BytesIO()
    Image.fromarray(grey).save(buffer, image_format, quality=100)
    return buffer.getvalue()


PICTURE = encoded(DIGIT)


def json_body(value: object) -> Body:
    """Make a body of a JSON value, or of bytes that should be one."""
    content = value if isinstance(value, bytes) else orjson.dumps(value)
    return Body(content, "application/json", {})


def form_body(data: bytes) -> Body:
    """Make a form with one file."""
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="d"\r\n\r\n'
    return Body(head + data + b"\r\n--x--\r\n", "multipart/form-data", {"boundary": "x"})


def base64_of(data: bytes) -> str:
    """Write base64 as browsers do."""
    return base64.b64encode(data).decode()


def refusal(body: Body) -> tuple[str, str, tuple[str | int, ...]]:
    """Return the kind, text and place with which an image body is refused."""
    with pytest.raises(Problem) as caught:
        image_from(body, "mnist")
    return told(caught.value)


def told(problem: Problem) -> tuple[str, str, tuple[str | int, ...]]:
    """Return a problem's kind, text and place, which say the same."""
    [reason] = problem.reasons
    assert reason.reason == problem.detail
    assert problem.detail.endswith((".", "base64,"))
    return problem.kind, problem.detail, reason.location


@pytest.mark.parametrize("preprocess", ["mnist", "none"])
@pytest.mark.parametrize(
    "body",
    [
        Body(PICTURE, "image/png", {}),
        Body(PICTURE, "image/jpeg", {}),
        form_body(PICTURE),
        json_body({"image": base64_of(PICTURE)}),
        json_body({"image": "data:image/png;base64," + base64_of(PICTURE)}),
        json_body({"image": "data:image/jpeg;base64," + base64_of(PICTURE)}),
        json_body({"pixels": DIGIT.tolist()}),
        json_body({"pixels": DIGIT.tolist(), "image": None}),
        json_body(b'{"pixels": 1, "pixels": %s}' % orjson.dumps(DIGIT.tolist())),
    ],
    ids=["png", "misnamed", "form", "base64", "data", "misnamed data", "pixels", "null", "doubled"],
)
def test_every_form_gives_the_same_pixels(body: Body, preprocess: Any) -> None:
    """However an image comes, the network sees the same."""
    result = image_from(body, preprocess)

    np.testing.assert_array_equal(result.pixels, DIGIT)
    assert result.preparation["preprocess"] == preprocess
    assert result.preparation["source_size"] == [28, 28]
    assert orjson.loads(orjson.dumps(result.preparation)) == result.preparation


@pytest.mark.parametrize("preprocess", ["mnist", "none"])
def test_jpegs_come_through(preprocess: Any) -> None:
    """A JPEG gives nearly the same, raw and in base64."""
    photo = encoded(DIGIT, "JPEG")
    for body in (Body(photo, "image/jpeg", {}), json_body({"image": base64_of(photo)})):
        result = image_from(body, preprocess)
        assert np.abs(result.pixels.astype(int) - DIGIT).mean() < 2


def test_larger_pixels_are_prepared_as_a_picture_is() -> None:
    """JSON pixels of any size go the way of every picture."""
    large = np.kron(255 - DIGIT, np.ones((5, 7), np.uint8))

    np.testing.assert_array_equal(
        image_from(json_body({"pixels": large.tolist()}), "mnist").pixels,
        image_from(Body(encoded(large), "image/png", {}), "mnist").pixels,
    )


@pytest.mark.parametrize("shape", [(1, 1), (27, 28), (28, 29), (100, 50)])
def test_none_takes_28_by_28_only(shape: tuple[int, int]) -> None:
    """Without preparation a picture must have the network's size; both sizes are named."""
    with pytest.raises(Problem) as caught:
        image_from(json_body({"pixels": np.zeros(shape, int).tolist()}), "none")

    text = f"The image is {shape[1]} x {shape[0]} pixels; preprocess=none takes 28 x 28."
    assert told(caught.value) == ("invalid-image", text, ("body",))


def test_an_encoded_image_may_have_4_mib() -> None:
    """The limit is the same in every form, and counts the image, not what wraps it."""
    text = "The image is larger than 4194304 bytes."
    for size, expected in ((MAX_IMAGE, "invalid-image"), (MAX_IMAGE + 1, "body-too-large")):
        image = PICTURE[:8] + bytes(size - 8)
        bodies = form_body(image), json_body({"image": base64_of(image)})
        for body in bodies:
            assert len(body.content) <= IMAGE_BODIES[body.media_type]
            kind, detail, _ = refusal(body)
            assert kind == expected
            assert (detail == text) == (kind == "body-too-large")


NOT_JSON = (
    "The body is not JSON: it must be UTF-8 text without NaN, Infinity or lone surrogates, its "
    "numbers within a double's range, nested at most 1024 deep."
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"{",
        b"{} {}",
        b"{'image': 1}",
        b'{"pixels": [[NaN]]}',
        b'{"pixels": [[Infinity]]}',
        b'{"pixels": [[1e999]]}',
        b'{"pixels": [[-1e999]]}',
        b'{"pixels": [[' + b"9" * 5000 + b"]]}",
        b'{"image": "\\ud800"}',
        b'{"image": "\\udc00\\ud800"}',
        b'{"image": "\xff"}',
        b'{"image": "\xed\xa0\x80"}',
        b'\xef\xbb\xbf{"image": ""}',
        '{"image": ""}'.encode("utf-16"),
        b'{"image": "\n"}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"pixels":' * 100_000,
        b"[" * 1025 + b"]" * 1025,
        PICTURE,
    ],
)
def test_what_is_no_json_is_refused(content: bytes) -> None:
    """Text that standard JSON or a double cannot hold ends in one fixed text, for any route."""
    assert refusal(json_body(content)) == ("invalid-json", NOT_JSON, ("body",))
    with pytest.raises(Problem) as caught:
        sequence_from(json_body(content), 4)
    assert told(caught.value) == ("invalid-json", NOT_JSON, ("body",))


@pytest.mark.parametrize("value", [1, "a", [], [1], None, True, 1.5])
def test_a_body_must_be_an_object(value: object) -> None:
    """Any other JSON value is refused."""
    text = "The body must be an object of image, pixels."

    assert refusal(json_body(value)) == ("invalid-body", text, ("body",))


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("img", "key 'img', which"),
        ("a.b,c-d_1", "key 'a.b,c-d_1', which"),
        ("x" * 32, f"key '{'x' * 32}', which"),
        ("x" * 33, "a key that"),
        ("<script>", "a key that"),
        ("", "a key that"),
        ("é", "a key that"),
        ("a\n", "a key that"),
    ],
)
def test_unknown_keys_are_refused(key: str, shown: str) -> None:
    """A key is repeated only where it is a harmless word."""
    text = f"The body has {shown} is not one of image, pixels."

    assert refusal(json_body({"pixels": [[1]], key: 1})) == ("invalid-body", text, ("body",))


@pytest.mark.parametrize(
    "value", [{}, {"image": None}, {"image": base64_of(PICTURE), "pixels": [[1]]}]
)
def test_one_image_is_needed(value: object) -> None:
    """Neither form or both is refused."""
    text = "The body needs exactly one of 'image' and 'pixels'."

    assert refusal(json_body(value)) == ("invalid-body", text, ("body",))


@pytest.mark.parametrize("image", [1, True, [], {}, ["a"], 1.5])
def test_image_must_be_a_text(image: object) -> None:
    """Lists of images and other values are refused."""
    text = "'image' must be a text: base64 or a data URL."

    assert refusal(json_body({"image": image})) == ("invalid-body", text, ("body", "image"))


@pytest.mark.parametrize(
    "image",
    [
        "!",
        "a",
        "abc",
        "abcd=",
        "ab==cd",
        "abc=\n",
        " YWJj",
        "YW Jj",
        "YW\nJj",
        "YW-_",
        "YWJj,YWJj",
        "é",
        "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
        "data:image/gif;base64,YWJj",
        "data:image/png,YWJj",
        "data:image/png;charset=utf-8;base64,YWJj",
        "DATA:image/png;base64,YWJj",
        "data:image/png;base64,data:image/png;base64,YWJj",
        "====",
        "YWJj====",
    ],
)
def test_base64_is_strict(image: str) -> None:
    """White space, other alphabets, wrong padding and other prefixes are refused."""
    text = (
        "'image' must be base64 (A-Z, a-z, 0-9, + and /, padded with =, no white space), alone "
        "or after data:image/png;base64, or data:image/jpeg;base64,"
    )

    assert refusal(json_body({"image": image})) == ("invalid-body", text, ("body", "image"))


def test_an_empty_text_is_an_empty_image() -> None:
    """Base64 of nothing is nothing."""
    for image in ("", "data:image/png;base64,"):
        assert refusal(json_body({"image": image}))[1] == "The image is empty: 0 bytes."


@pytest.mark.parametrize("pixels", [1, "a", True, {}, []])
def test_pixels_must_be_rows(pixels: object) -> None:
    """A picture has at least a row."""
    text = "'pixels' must be a list of rows, at least 1."

    assert refusal(json_body({"pixels": pixels})) == ("invalid-image", text, ("body", "pixels"))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (0, "must be a list of at least 1 integer."),
        ([], "must be a list of at least 1 integer."),
        ("ab", "must be a list of at least 1 integer."),
        (None, "must be a list of at least 1 integer."),
        ([1], "has 1 values, row 0 has 2."),
        ([1, 2, 3], "has 3 values, row 0 has 2."),
        ([1, 256], "must hold integers from 0 to 255 only."),
        ([-1, 1], "must hold integers from 0 to 255 only."),
        ([1, 2.0], "must hold integers from 0 to 255 only."),
        ([1, True], "must hold integers from 0 to 255 only."),
        ([1, "2"], "must hold integers from 0 to 255 only."),
        ([1, None], "must hold integers from 0 to 255 only."),
        ([1, [2]], "must hold integers from 0 to 255 only."),
        ([1, 2**64 - 1], "must hold integers from 0 to 255 only."),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_wrong_rows_are_named(row: object, text: str, number: int) -> None:
    """A wrong row is named by its number, with what is expected of it."""
    rows: list[object] = [[0, 255], [0, 255], [0, 255]]
    rows[number] = row
    expected = f"Row {number} of 'pixels' {text}"

    place = ("body", "pixels", number)
    assert refusal(json_body({"pixels": rows})) == ("invalid-image", expected, place)


@pytest.mark.parametrize("first", [[], 0, "ab", None, [1.5], [True], [300]])
def test_a_wrong_first_row_is_named(first: object) -> None:
    """Row 0 sets the width, and must be right itself."""
    assert refusal(json_body({"pixels": [first, [0]]}))[2] == ("body", "pixels", 0)


@pytest.mark.parametrize("digits", [20, 300])
def test_long_integers_are_refused(digits: int) -> None:
    """An integer past 64 bits is out of range like any other."""
    kind, detail, _ = refusal(json_body(b'{"pixels": [[' + b"9" * digits + b"]]}"))

    assert (kind, detail) == (
        "invalid-image",
        "Row 0 of 'pixels' must hold integers from 0 to 255 only.",
    )


def test_pixels_have_the_limits_of_every_picture() -> None:
    """Side and ratio are bounded before a row is looked at."""
    long = [[0]] * 101

    text = "The image is 1 x 101 pixels; the longer side may be at most 100 times the shorter."
    assert refusal(json_body({"pixels": long}))[1] == text
    assert image_from(json_body({"pixels": long[:100]}), "mnist").preparation["box"] is None
    wide = json_body({"pixels": [[0] * 8193]})
    assert refusal(wide)[1] == "The image is 8193 x 1 pixels; a side may have at most 8192."


def test_values_are_counted_before_parsing() -> None:
    """A body of millions of tiny lists is refused before it costs a second."""
    text = "The body holds more than 1048576 values."

    most = b"[" + b"0," * (MAX_VALUES - 1) + b"0]"
    assert refusal(json_body(most))[1] == "The body must be an object of image, pixels."
    for content in (b"[" + b"0," * MAX_VALUES + b"0]", b"[" * (MAX_VALUES + 1)):
        assert refusal(json_body(content)) == ("invalid-body", text, ("body",))


def sequence_refusal(value: object, hidden: int = 2) -> tuple[str, str, tuple[str | int, ...]]:
    """Return the kind, text and place with which a sequence body is refused."""
    with pytest.raises(Problem) as caught:
        sequence_from(json_body(value), hidden)
    return told(caught.value)


@pytest.mark.parametrize("sequence", ["10110", [1, 0, 1, 1, 0]])
def test_both_forms_of_a_sequence_are_the_same(sequence: object) -> None:
    """A text and a list give the same bits, oldest first."""
    for value in ({"sequence": sequence}, {"sequence": sequence, "initial_state": None}):
        result = sequence_from(json_body(value), 64)
        assert result.bits.dtype == np.uint8
        assert result.bits.tolist() == [1, 0, 1, 1, 0]
        assert result.initial_state is None


@given(st.text("01", min_size=1, max_size=4096))
def test_texts_become_their_bits(text: str) -> None:
    """Every character is a step."""
    assert "".join(map(str, parse_sequence(text))) == text
    assert parse_sequence(text).dtype == np.uint8


def test_a_sequence_has_1_to_4096_steps() -> None:
    """Empty and 4,097 steps are refused in every form, 1 and 4,096 are not."""
    for steps in (1, 4096):
        assert len(parse_sequence("1" * steps)) == steps
        assert len(sequence_from(json_body({"sequence": [1] * steps}), 2).bits) == steps
    for steps in (0, 4097):
        text = f"The sequence has {steps} steps; it must have 1 to 4096."
        for sequence in ("1" * steps, [1] * steps):
            refused = sequence_refusal({"sequence": sequence})
            assert refused == ("invalid-sequence", text, ("body", "sequence"))


def test_a_shorter_limit_may_be_set() -> None:
    """A GET takes fewer steps than a POST."""
    assert len(parse_sequence("1" * 1024, 1024)) == 1024
    with pytest.raises(Problem, match="has 1025 steps; it must have 1 to 1024"):
        parse_sequence("1" * 1025, 1024)


@pytest.mark.parametrize("step", [2, -1, 1.0, 0.0, True, False, "1", None, [1], 1e300])
def test_steps_are_the_integers_0_and_1(step: object) -> None:
    """Anything else is refused by its place."""
    text = "Step 3 of the sequence, counted from 1, is not 0 or 1."

    refused = sequence_refusal({"sequence": [0, 1, step, step]})
    assert refused == ("invalid-sequence", text, ("body", "sequence", 2))


@pytest.mark.parametrize(
    "character", ["2", " ", "\n", "a", "\uff11", "\u0661", "\0", ",", "\ud800"]
)
def test_characters_are_0_and_1(character: str) -> None:
    """So is any other character, digits of other scripts too."""
    with pytest.raises(Problem) as caught:
        parse_sequence("01" + character + character)

    text = "Step 3 of the sequence, counted from 1, is not 0 or 1."
    assert told(caught.value) == ("invalid-sequence", text, ("body", "sequence", 2))


@pytest.mark.parametrize("value", [{}, {"sequence": None}, {"sequence": 10110}, {"sequence": {}}])
def test_a_sequence_is_a_text_or_a_list(value: object) -> None:
    """A missing sequence and other values are refused."""
    text = "'sequence' must be a text or a list of 0 and 1."

    assert sequence_refusal(value) == ("invalid-sequence", text, ("body", "sequence"))


def test_unknown_keys_beside_a_sequence_are_refused() -> None:
    """A body has no other keys, nor has the state."""
    text = "The body has key 'image', which is not one of sequence, initial_state."
    assert sequence_refusal({"sequence": "1", "image": 1}) == ("invalid-body", text, ("body",))
    text = "'initial_state' has key 'c', which is not one of cell, hidden."
    refused = sequence_refusal({"sequence": "1", "initial_state": {"c": [0, 0]}})
    assert refused == ("invalid-body", text, ("body", "initial_state"))


def test_an_initial_state_is_read() -> None:
    """Cell and hidden state come in this order, up to their bounds."""
    state = {"hidden": [-1, 1.0], "cell": [-1e6, 1000000]}
    cell, hidden = sequence_from(
        json_body({"sequence": "1", "initial_state": state}), 2
    ).initial_state or (None, None)

    assert cell is not None
    assert hidden is not None
    assert cell.dtype == hidden.dtype == np.float32
    assert (cell.tolist(), hidden.tolist()) == ([-1e6, 1e6], [-1, 1])


@pytest.mark.parametrize("name", ["cell", "hidden"])
@pytest.mark.parametrize(
    "numbers",
    [None, 0, "ab", [], [0], [0, 0, 0], [0, True], [0, "0"], [0, None], [0, 1e7], [2e6, 0]],
)
def test_wrong_states_are_refused(name: str, numbers: object) -> None:
    """A state has one bounded number for each unit."""
    bound = {"cell": "1e+06", "hidden": "1"}[name]
    state = {"cell": [0, 0], "hidden": [0, 0]} | {name: numbers}
    text = f"'{name}' must be a list of 2 numbers from -{bound} to {bound}."

    refused = sequence_refusal({"sequence": "1", "initial_state": state})
    assert refused == ("invalid-sequence", text, ("body", "initial_state", name))


def test_a_hidden_state_just_past_its_bound_is_refused() -> None:
    """|h| = |o tanh(c)| cannot be more than 1."""
    state = {"cell": [0.0], "hidden": [np.nextafter(1, 2).item()]}

    assert "from -1 to 1" in sequence_refusal({"sequence": "1", "initial_state": state}, 1)[1]


@pytest.mark.parametrize("state", [1, "a", [], True])
def test_a_state_is_an_object(state: object) -> None:
    """Other values are refused."""
    text = "'initial_state' must be an object of cell, hidden."

    refused = sequence_refusal({"sequence": "1", "initial_state": state})
    assert refused == ("invalid-body", text, ("body", "initial_state"))


class Wire:
    """A connection that delivers chunks, and counts how many were asked for."""

    def __init__(self, chunks: Iterable[bytes | None], **headers: str | list[str]) -> None:
        self.chunks = iter(chunks)
        self.taken = 0
        self.headers = [
            (name.replace("_", "-").encode(), value.encode("latin-1"))
            for name, values in headers.items()
            for value in ([values] if isinstance(values, str) else values)
        ]

    async def receive(self) -> dict[str, Any]:
        """Return the next chunk, the end, or that the client is gone."""
        chunk = next(self.chunks, b"")
        self.taken += 1
        if chunk is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    def read(self, limits: Any = IMAGE_BODIES) -> Body:
        """Read this connection's request."""
        request = Request({"type": "http", "headers": self.headers}, self.receive)
        return asyncio.run(read_body(request, limits))

    def refusal(self, limits: Any = IMAGE_BODIES) -> Problem:
        """Return the problem that reading ends with."""
        with pytest.raises(Problem) as caught:
            self.read(limits)
        return caught.value


def test_a_body_is_read_whole() -> None:
    """Chunks are joined; the media type is told from its parameters."""
    wire = Wire([b"ab", b"c"], content_type='Multipart/Form-Data; Boundary="x;y"; charset=utf-8')

    body = wire.read()
    assert body.content == b"abc"
    assert body.media_type == "multipart/form-data"
    assert body.parameters == {"boundary": "x;y", "charset": "utf-8"}


@pytest.mark.parametrize(
    ("media_type", "limits", "limit"),
    [
        ("image/png", IMAGE_BODIES, 4_194_304),
        ("image/jpeg", IMAGE_BODIES, 4_194_304),
        ("multipart/form-data", IMAGE_BODIES, 4_210_688),
        ("application/json", IMAGE_BODIES, MAX_IMAGE_JSON),
        ("application/json", SEQUENCE_BODIES, MAX_SEQUENCE_JSON),
    ],
)
def test_bodies_are_bounded_by_their_type(media_type: str, limits: Any, limit: int) -> None:
    """A byte past the limit is a 413 that ends the connection, declared or not."""
    for size in (limit - 1, limit):
        chunks = [bytes(100_000)] * (size // 100_000) + [bytes(size % 100_000)]
        assert len(Wire(chunks, content_type=media_type).read(limits).content) == size
    declared = Wire([b"x"], content_type=media_type, content_length=str(limit + 1))
    counted = Wire([bytes(limit), b"x", b"never read"], content_type=media_type)
    for wire, taken in ((declared, 0), (counted, 2)):
        problem = wire.refusal(limits)
        assert (problem.kind, problem.status) == ("body-too-large", 413)
        assert problem.headers == {"Connection": "close"}
        assert str(limit) in problem.detail
        assert wire.taken == taken


def test_a_body_that_declares_less_than_it_sends_is_counted() -> None:
    """What is declared is not believed, only what arrives."""
    wire = Wire([bytes(300_000)], content_type="application/json", content_length="5")

    assert wire.refusal(SEQUENCE_BODIES).status == 413


@pytest.mark.parametrize("length", ["9" * 5000, "0" * 5000 + "9" * 20])
def test_absurd_lengths_are_too_large(length: str) -> None:
    """A declared length of thousands of digits is a 413 too."""
    assert Wire([], content_type="image/png", content_length=length).refusal().status == 413


def test_leading_zeros_mean_nothing() -> None:
    """A small length stays small however it is written."""
    wire = Wire([b"12345"], content_type="image/png ; q=1", content_length="0" * 5000 + "5")

    assert wire.read().content == b"12345"


@pytest.mark.parametrize("length", ["-1", "1e3", "", "\xb2", "0x10", "+1"])
def test_a_length_is_a_number(length: str) -> None:
    """What is no number is refused before reading."""
    problem = Wire([], content_type="image/png", content_length=length).refusal()

    assert (problem.status, problem.detail) == (400, "Content-Length must be a number of bytes.")


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip", "deflate", ""])
def test_compressed_bodies_are_refused_unread(encoding: str) -> None:
    """Nothing is ever decompressed."""
    wire = Wire([b"x"], content_type="image/png", content_encoding=encoding)
    problem = wire.refusal()

    assert (problem.kind, problem.status) == ("unsupported-encoding", 415)
    assert problem.detail == "Bodies must come as they are, without a Content-Encoding."
    assert problem.headers == {"Accept-Encoding": "identity"}
    assert wire.taken == 0


def test_identity_is_no_encoding() -> None:
    """A client may say that it did nothing."""
    wire = Wire([b"x"], content_type="image/png", content_encoding="Identity")

    assert wire.read().content == b"x"


@pytest.mark.parametrize(
    "media_type",
    ["image/gif", "text/plain", "application/x-www-form-urlencoded", "", "image", "\xff", "*/*"],
)
def test_other_media_types_are_refused_unread(media_type: str) -> None:
    """A 415 names what is read here, for people and, in Accept, for programs."""
    wire = Wire([b"x"], content_type=media_type)
    problem = wire.refusal()

    names = "image/png, image/jpeg, multipart/form-data, application/json"
    assert problem.status == 415
    assert problem.detail == f"The Content-Type must be one of {names}."
    assert problem.headers == {"Accept": names}
    assert wire.taken == 0


@pytest.mark.parametrize("media_types", [[], ["image/png", "application/json"]])
def test_one_media_type_is_needed(media_types: list[str]) -> None:
    """None and two are refused."""
    problem = Wire([b"x"], content_type=media_types).refusal(SEQUENCE_BODIES)

    assert problem.status == 415
    assert problem.detail == "The request needs one Content-Type, of application/json."


def test_a_client_that_leaves_is_told_apart() -> None:
    """A body that never ends is nobody's error."""
    with pytest.raises(ClientDisconnect):
        Wire([b"x", None], content_type="image/png").read()


def status(body: Body) -> int:
    """Return the status that a body leads to; any other exception passes through."""
    try:
        image_from(body, "mnist")
        image_from(body, "none")
    except Problem as problem:
        return problem.status
    return 200


@settings(max_examples=100)
@given(st.sampled_from(["", "image/png;", "multipart/form-data;"]), st.binary(max_size=40))
def test_random_content_types_break_nothing(start: str, more: bytes) -> None:
    """Any Content-Type is read or refused."""
    wire = Wire([b"x"], content_type=start + more.decode("latin-1"))
    try:
        media_type = wire.read().media_type
    except Problem as problem:
        assert problem.status == 415  # noqa: PT017 - reading may also go well
    else:
        assert media_type in IMAGE_BODIES


CLIENT = {200, 400, 413, 415, 422}
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.just(255),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["cell", "hidden", "x"]), inner)
    ),
    max_leaves=20,
)


@settings(max_examples=100)
@given(st.sampled_from(sorted(IMAGE_BODIES)), st.binary(max_size=300))
def test_random_bodies_break_nothing(media_type: str, content: bytes) -> None:
    """Any bytes under any type are read or refused."""
    assert status(Body(content, media_type, {"boundary": "x"})) in CLIENT


@settings(max_examples=100)
@given(JSON)
def test_random_json_breaks_nothing(value: Any) -> None:
    """Any JSON value in any place is read or refused."""
    for key in ("image", "pixels"):
        assert status(json_body(orjson.dumps({key: value}))) in CLIENT
    for body in ({"sequence": value}, {"sequence": "1", "initial_state": value}):
        with_state = json_body(orjson.dumps(body))
        try:
            sequence_from(with_state, 2)
        except Problem as problem:
            caught = problem.status
        else:
            caught = 200
        assert caught in CLIENT


@settings(max_examples=100)
@given(st.data())
def test_mutated_json_breaks_nothing(data: st.DataObject) -> None:
    """Good bodies with bytes changed, cut out or put in are read or refused."""
    seeds = [{"pixels": [[0, 255], [1, 2]]}, {"image": base64_of(PICTURE)}]
    content = bytearray(orjson.dumps(data.draw(st.sampled_from(seeds))))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(start + 6, len(content))))
        content[start:end] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"[", b"1e9", b'"'])
        )
    assert status(json_body(bytes(content))) in CLIENT
