"""Image bodies in every form, valid and invalid."""

from typing import Any

import numpy as np
import orjson
import pytest

from api.errors.problem import Problem
from api.requests.body import IMAGE_BODIES, Body
from api.requests.image_limits import MAX_ENCODED_BYTES
from api.requests.json_parsing import MAX_VALUES
from api.requests.pixel_rows import TAKEN
from tests.api.bodies import (
    DIGIT,
    PICTURE,
    base64_of,
    encoded,
    form_body,
    image_of,
    json_body,
    problem_of,
    sequence_of,
    told,
)


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
    ],
    ids=["png", "misnamed", "form", "base64", "data", "misnamed data", "pixels", "null"],
)
def test_every_form_gives_the_same_pixels(body: Body, preprocess: Any) -> None:
    """However an image comes, the network sees the same."""
    result = image_of(body, preprocess)

    np.testing.assert_array_equal(result.row["image"], DIGIT)
    assert (result.echo or {})["preparation"]["preprocess"] == preprocess
    assert (result.echo or {})["preparation"]["source_size"] == [28, 28]
    assert (
        orjson.loads(orjson.dumps((result.echo or {})["preparation"]))
        == (result.echo or {})["preparation"]
    )


@pytest.mark.parametrize("preprocess", ["mnist", "none"])
def test_jpegs_come_through(preprocess: Any) -> None:
    """A JPEG gives nearly the same, raw and in base64."""
    photo = encoded(DIGIT, "JPEG")
    for body in (Body(photo, "image/jpeg", {}), json_body({"image": base64_of(photo)})):
        result = image_of(body, preprocess)
        assert np.abs(result.row["image"].astype(int) - DIGIT).mean() < 2


def test_larger_pixels_are_prepared_as_a_picture_is() -> None:
    """JSON pixels of any size are preprocessed as an encoded image is."""
    large = np.kron(255 - DIGIT, np.ones((5, 7), np.uint8))

    np.testing.assert_array_equal(
        image_of(json_body({"pixels": large.tolist()}), "mnist").row["image"],
        image_of(Body(encoded(large), "image/png", {}), "mnist").row["image"],
    )


@pytest.mark.parametrize("shape", [(1, 1), (27, 28), (28, 29), (100, 50)])
def test_none_takes_28_by_28_only(shape: tuple[int, int]) -> None:
    """With preprocess=none an image must be 28x28; the problem has both sizes."""
    with pytest.raises(Problem) as caught:
        image_of(json_body({"pixels": np.zeros(shape, int).tolist()}), "none")

    text = f"The image is {shape[1]} x {shape[0]} pixels; preprocess=none takes 28 x 28."
    assert told(caught.value) == ("invalid-image", text, ("body",))


def test_an_encoded_image_may_have_24_mib() -> None:
    """The limit of the encoded image is the same in forms and in base64."""
    text = "The image is larger than 25165824 bytes"
    for size, expected in (
        (MAX_ENCODED_BYTES, "invalid-image"),
        (MAX_ENCODED_BYTES + 1, "body-too-large"),
    ):
        image = PICTURE[:8] + bytes(size - 8)
        bodies = form_body(image), json_body({"image": base64_of(image)})
        for body in bodies:
            assert len(body.content) <= IMAGE_BODIES[body.media_type]
            kind, detail, _ = problem_of(body)
            assert kind == expected
            assert detail.startswith(text) == (kind == "body-too-large")


NOT_JSON = (
    "The body is not JSON: it must be UTF-8 text without NaN, Infinity or lone surrogates, its "
    "numbers within a double's range, nested at most 1024 deep."
)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"{} {}",
        b'{"pixels": [[1e999]]}',
        b'{"pixels": [[-1e999]]}',
        b'{"pixels": [[' + b"9" * 5000 + b"]]}",
        b'{"image": "\\ud800"}',
        b'{"image": "\\udc00\\ud800"}',
        b'{"image": "\xff"}',
        b'{"image": "\xed\xa0\x80"}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"pixels":' * 100_000,
        b"[" * 1025 + b"]" * 1025,
    ],
)
def test_what_is_no_json_is_rejected(content: bytes) -> None:
    """Text that standard JSON or a double cannot hold ends in one fixed text, for any route."""
    assert problem_of(json_body(content)) == ("invalid-json", NOT_JSON, ("body",))
    with pytest.raises(Problem) as caught:
        sequence_of(json_body(content), 4)
    assert told(caught.value) == ("invalid-json", NOT_JSON, ("body",))


@pytest.mark.parametrize("value", [1, "a", [], [1], None, True, 1.5])
def test_a_body_must_be_an_object(value: object) -> None:
    """Any other JSON value is rejected."""
    text = "The body must be an object of image, pixels, inputs."

    assert problem_of(json_body(value)) == ("invalid-body", text, ("body",))


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
def test_unknown_keys_are_rejected(key: str, shown: str) -> None:
    """A key is repeated only where it is a harmless word."""
    text = f"The body has {shown} is not one of image, pixels, inputs."

    assert problem_of(json_body({"pixels": [[255]], key: 1})) == ("invalid-body", text, ("body",))


@pytest.mark.parametrize(
    "value", [{}, {"image": None}, {"image": base64_of(PICTURE), "pixels": [[1]]}]
)
def test_one_image_is_needed(value: object) -> None:
    """Neither form or both is rejected."""
    text = "There must be exactly one of 'image' and 'pixels'."

    assert problem_of(json_body(value)) == ("invalid-body", text, ("body",))


@pytest.mark.parametrize("image", [1, True, [], {}, ["a", "b"], [1], 1.5])
def test_image_must_be_a_text(image: object) -> None:
    """Lists of images and other values are rejected."""
    text = "'image' must be a text: base64 or a data URL."

    assert problem_of(json_body({"image": image})) == ("invalid-body", text, ("body", "image"))


def test_an_empty_text_is_an_empty_image() -> None:
    """The empty string is base64 of an empty image."""
    for image in ("", "data:image/png;base64,"):
        assert problem_of(json_body({"image": image}))[1] == "The image is empty: 0 bytes."


@pytest.mark.parametrize("pixels", [1, "a", True, {}, []])
def test_pixels_must_be_rows(pixels: object) -> None:
    """A picture has at least a row."""
    text = "'pixels' must be a list of rows, at least 1."

    assert problem_of(json_body({"pixels": pixels})) == ("invalid-image", text, ("body", "pixels"))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (0, "must be a list of at least 1 number."),
        ([], "must be a list of at least 1 number."),
        ("ab", "must be a list of at least 1 number."),
        (None, "must be a list of at least 1 number."),
        ([1], "has 1 values, row 0 has 2."),
        ([1, 2, 3], "has 3 values, row 0 has 2."),
        ([1, 256], f"has a value above 255; {TAKEN}."),
        ([-1, 1], f"has a value below 0; {TAKEN}."),
        ([0.5, -0.5], f"has a value below 0; {TAKEN}."),
        ([1, True], f"has true or false: write 255 and 0; {TAKEN}."),
        ([1, "2"], f"has a text for a number: write it without quotes; {TAKEN}."),
        ([1, None], f"has null for a number, which is how some programs write NaN; {TAKEN}."),
        ([1, [2]], f"has a list for a number; {TAKEN}."),
        ([1, {}], f"has an object for a number; {TAKEN}."),
        ([1, 2**64 - 1], f"has a value above 255; {TAKEN}."),
        (
            [1, 2.5],
            "has a fraction, and 'pixels' has values above 1: divide all by 255, or round them.",
        ),
    ],
)
@pytest.mark.parametrize("number", [1, 2])
def test_wrong_rows_are_named(row: object, text: str, number: int) -> None:
    """The problem of an invalid row has its number and the valid form."""
    rows: list[object] = [[0, 255], [0, 255], [0, 255]]
    rows[number] = row
    expected = f"Row {number} of 'pixels' {text}"

    place = ("body", "pixels", number)
    assert problem_of(json_body({"pixels": rows})) == ("invalid-image", expected, place)


@pytest.mark.parametrize("first", [[], "ab", None, [1.5], [True], [300]])
def test_a_wrong_first_row_is_named(first: object) -> None:
    """Row 0 sets the width, and must be right itself."""
    assert problem_of(json_body({"pixels": [first, [0]]}))[2] == ("body", "pixels", 0)


@pytest.mark.parametrize("digits", [20, 300])
def test_long_integers_are_rejected(digits: int) -> None:
    """An integer past 64 bits is out of range like any other."""
    kind, detail, _ = problem_of(json_body(b'{"pixels": [[' + b"9" * digits + b"]]}"))

    assert (kind, detail) == (
        "invalid-image",
        f"Row 0 of 'pixels' has a value above 255; {TAKEN}.",
    )


def test_pixels_have_the_limits_of_every_picture() -> None:
    """Side and ratio are bounded before a row is looked at."""
    long = [[0]] * 101

    text = "The image is 1 x 101 pixels; the longer side may be at most 100 times the shorter"
    assert problem_of(json_body({"pixels": long}))[1].startswith(text)
    assert image_of(json_body({"pixels": long[:100]}), "mnist").echo["preparation"]["box"] is None
    wide = json_body({"pixels": [[0] * 20_001]})
    assert problem_of(wide)[1].endswith("a side may have at most 20000: send it smaller.")


def test_values_are_counted_before_parsing() -> None:
    """A body of millions of tiny lists is rejected before it is parsed."""
    text = "The body holds more than 1048576 values."

    most = b"[" + b"0," * (MAX_VALUES - 1) + b"0]"
    assert problem_of(json_body(most))[1] == "The body must be an object of image, pixels, inputs."
    for content in (b"[" + b"0," * MAX_VALUES + b"0]", b"[" * (MAX_VALUES + 1)):
        assert problem_of(json_body(content)) == ("invalid-body", text, ("body",))
