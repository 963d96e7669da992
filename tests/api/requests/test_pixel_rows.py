"""Rows of pixels: floats, shapes with axes of length 1, and masks of 0 and 1."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from api.requests.pixel_rows import MASK, parse_pixels
from tests.api.bodies import DIGIT, image_of, json_body, problem_of

ROWS = DIGIT.tolist()
BINARY = (DIGIT > 0).astype(int)


@pytest.mark.parametrize(
    "pixels",
    [
        DIGIT[:, :, None].tolist(),
        DIGIT[None].tolist(),
        DIGIT[None, :, :, None].tolist(),
        DIGIT[None, None].tolist(),
        DIGIT.astype(float).tolist(),
        DIGIT[None, :, :, None].astype(float).tolist(),
        (DIGIT / 255).tolist(),
        (DIGIT[:, :, None] / 255).tolist(),
        orjson.loads(orjson.dumps((DIGIT / 255).tolist()).replace(b".0", b"")),
        [[*row[:1], *map(float, row[1:])] for row in ROWS],
    ],
    ids=range(10),
)
@pytest.mark.parametrize("preprocess", ["mnist", "none"])
def test_pixels_of_one_meaning_are_the_same_image(pixels: Any, preprocess: Any) -> None:
    """Axes of length 1, whole floats, and floats from 0 to 1, also as JavaScript writes them."""
    result = image_of(json_body({"pixels": pixels}), preprocess)

    np.testing.assert_array_equal(result.row["image"], DIGIT)


@pytest.mark.parametrize("pixels", [BINARY.astype(float), BINARY[None].astype(float)])
def test_the_floats_0_and_1_are_black_and_white(pixels: np.ndarray) -> None:
    """0.0 and 1.0 alone are scaled as other floats are."""
    np.testing.assert_array_equal(parse_pixels(pixels.tolist()), 255 * BINARY)


@pytest.mark.parametrize("pixels", [[[0.0]], [[0, 0.0]], [[-0.0, 0.0]], [[0]]])
def test_zeros_are_black_in_any_type(pixels: object) -> None:
    """All 0 has one meaning: a blank image."""
    assert not parse_pixels(pixels).any()


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_levels_survive_division_by_255(levels: np.ndarray) -> None:
    """Every level from 0 to 255, written as a float from 0 to 1, is itself again."""
    np.testing.assert_array_equal(parse_pixels((levels / 255).tolist()), levels)


@given(arrays.arrays(np.uint8, st.tuples(st.integers(2, 9), st.integers(2, 9))))
def test_types_and_single_axes_change_nothing(levels: np.ndarray) -> None:
    """Integers and whole floats above 1 are levels, with axes of length 1 or without."""
    levels[0, 0] = 200
    for shown in (levels, levels.astype(float), levels[None], levels[..., None]):
        np.testing.assert_array_equal(parse_pixels(shown.tolist()), levels)


@pytest.mark.parametrize(
    "pixels",
    [BINARY.tolist(), [[1]], [[0, 1]], BINARY[None].tolist(), [[0, 1.0]], [[0.0, 0], [1, 0]]],
    ids=range(6),
)
@pytest.mark.parametrize(
    "nest", [lambda one: one, lambda one: {"inputs": [one]}], ids=["one", "several"]
)
def test_masks_of_integers_are_refused(pixels: object, nest: Any) -> None:
    """Integers 0 and 1 alone would be two levels of black; the sentence has the way out."""
    text = (
        "'pixels' has the integers 0 and 1 only, which are two levels of black: multiply them by "
        "255, or write them as floats, 0.0 and 1.0."
    )

    kind, detail, _ = problem_of(json_body(nest({"pixels": pixels})))
    assert text == MASK
    assert (kind, detail.removeprefix("inputs[0]: ")) == ("invalid-image", text)


@pytest.mark.parametrize(
    ("shape", "size", "way_out"),
    [
        ((28, 28, 3), "28 x 28 x 3", "make the colours grey, or send them as a PNG in 'image'"),
        ((28, 28, 4), "28 x 28 x 4", "make the colours grey, or send them as a PNG in 'image'"),
        ((3, 28, 28), "3 x 28 x 28", "make the colours grey, or send them as a PNG in 'image'"),
        (
            (1, 28, 28, 3),
            "1 x 28 x 28 x 3",
            "make the colours grey, or send them as a PNG in 'image'",
        ),
        ((5, 28, 28), "5 x 28 x 28", "send several images as 'inputs'"),
        ((5, 28, 28, 1), "5 x 28 x 28 x 1", "send several images as 'inputs'"),
        ((500, 5, 5, 1), "500 x 5 x 5 x 1", "send several images as 'inputs'"),
    ],
)
def test_other_shapes_are_named(shape: tuple[int, ...], size: str, way_out: str) -> None:
    """The problem has the shape that came, the shapes that are read, and the way out."""
    text = f"'pixels' has the shape {size}; it must be H x W, H x W x 1 or 1 x H x W: {way_out}."

    problem = problem_of(json_body({"pixels": np.zeros(shape, int).tolist()}))
    assert problem == ("invalid-image", text, ("body", "pixels"))


@pytest.mark.parametrize("numbers", [[0] * 784, [0.5] * 784])
def test_a_flat_list_is_refused(numbers: list[float]) -> None:
    """One list of 784 numbers, as CSV files have them, needs its rows."""
    text = (
        "'pixels' is one list of 784 numbers: write a list of rows, such as 28 lists of 28 numbers."
    )

    problem = problem_of(json_body({"pixels": numbers}))
    assert problem == ("invalid-image", text, ("body", "pixels"))


def test_deeply_nested_pixels_are_refused() -> None:
    """Lists in lists end in a sentence, however deep."""
    content = b'{"pixels": ' + b"[" * 900 + b"0" + b"]" * 900 + b"}"

    assert image_of(json_body(content)).echo is not None
    assert problem_of(json_body(content.replace(b"0]", b"]")))[0] == "invalid-image"
