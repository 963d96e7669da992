"""Images for networks of other sizes and colours: pictures, pixels and values."""

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from api.errors.problem import Problem
from api.requests.body import Body
from api.requests.image_body import ImageBody
from api.requests.inputs import parse_images
from api.requests.model_input import ModelInput, Preprocess
from models.architecture import Architecture
from tests.api.bodies import base64_of, encoded, form_body, json_body, problem_of, told
from tests.networks import COLOURS, GREY, network

RANDOM = np.random.default_rng(0)
PHOTO = RANDOM.integers(0, 256, (40, 90, 3), np.uint8)
SMALL = RANDOM.integers(0, 256, (4, 6, 3), np.uint8)
ONE_ROW = network(
    'classes = ["a", "b"]\ninput = { image = [1, 5, 3] }\nlayers = ["globalpool", "dense 2"]'
)


def read(body: Body, asked: Architecture = COLOURS, preprocess: Preprocess = "fit") -> ModelInput:
    """Return the model input of a body of one image."""
    found = parse_images(body, ImageBody, asked, preprocess)
    assert isinstance(found, ModelInput)
    return found


def echoed(found: ModelInput) -> Any:
    """Return the part of an answer that describes its input, as a client reads it."""
    return orjson.loads(orjson.dumps(found.echo, option=orjson.OPT_SERIALIZE_NUMPY))


def row_of(pixels: np.ndarray, asked: Architecture) -> np.ndarray:
    """Return (x / 255 - mean) / std of pixels in float64."""
    spec = asked.image
    shaped = pixels.reshape(spec.height, spec.width, spec.channels).astype(float)
    return (shaped / 255 - np.array(spec.mean)) / np.array(spec.std)


def refused(value: object, asked: Architecture = COLOURS) -> tuple[str, str, Any]:
    """Return type, text and location of the problem of a JSON body."""
    with pytest.raises(Problem) as caught:
        read(json_body(value), asked)
    return told(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        Body(encoded(PHOTO), "image/png", {}),
        form_body(encoded(PHOTO)),
        json_body({"image": base64_of(encoded(PHOTO))}),
        json_body({"pixels": PHOTO.tolist()}),
        json_body({"pixels": (PHOTO / 255).tolist()}),
    ],
    ids=["png", "form", "base64", "pixels", "floats"],
)
def test_every_form_of_a_picture_is_fitted_alike(body: Body) -> None:
    """The centre of a wide picture is scaled to the network's size, as Pillow scales it."""
    found = read(body)

    expected = Image.fromarray(PHOTO).resize((6, 4), Image.Resampling.BICUBIC, (15, 0, 75, 40))
    np.testing.assert_array_equal(echoed(found)["pixels"], np.asarray(expected))
    np.testing.assert_allclose(
        found.row["image"], row_of(np.asarray(expected), COLOURS), rtol=1e-6, atol=1e-6
    )
    assert found.row["image"].dtype == np.float32
    record = echoed(found)["preparation"]
    assert (record["preprocess"], record["source_size"]) == ("fit", [90, 40])
    assert record["box"] == [15, 0, 75, 40]
    assert record["affine"] == [10, 0, 15, 0, 10, 0]


@given(arrays.arrays(np.uint8, (4, 6, 3)))
def test_the_pixels_of_an_answer_can_be_posted_again(pixels: np.ndarray) -> None:
    """Any pixels of the network's size reach it unchanged, 0 and 1 too, and again from the echo."""
    first = read(json_body({"pixels": pixels.tolist()}))
    again = read(json_body({"pixels": echoed(first)["pixels"]}), preprocess="none")

    assert echoed(first)["pixels"] == pixels.tolist()
    assert first.row["image"].tobytes() == again.row["image"].tobytes()


def test_a_network_of_grey_reads_the_luma_of_colours() -> None:
    """A coloured picture becomes grey by the weights of ITU-R 601, from a file and from pixels."""
    grey = np.asarray(Image.fromarray(SMALL).convert("L"))

    for body in (
        Body(encoded(SMALL), "image/png", {}),
        json_body({"pixels": SMALL.tolist()}),
        json_body({"pixels": grey.tolist()}),
        json_body({"pixels": grey[..., None].tolist()}),
    ):
        found = read(body, GREY, "none")
        assert echoed(found)["pixels"] == grey.tolist()
        assert found.row["image"].shape == (4, 6, 1)


def test_a_network_of_colours_reads_grey_in_each_channel() -> None:
    """A grey picture, also one whose colours hardly differ, keeps its levels in every channel."""
    grey = SMALL[..., 0]
    nearly = np.stack([grey, grey ^ 1, grey], -1)

    assert (
        echoed(read(json_body({"pixels": grey.tolist()})))["pixels"]
        == np.stack([grey] * 3, -1).tolist()
    )
    assert echoed(read(Body(encoded(nearly), "image/png", {})))["pixels"] == nearly.tolist()


def test_transparency_is_composed_on_white() -> None:
    """A transparent pixel is white, a half transparent one half of it."""
    alpha = np.full((4, 6), 255, np.uint8)
    alpha[0, 0], alpha[0, 1] = 0, 128
    found = read(Body(encoded(np.dstack([SMALL, alpha])), "image/png", {}))

    seen = np.array(echoed(found)["pixels"])
    assert seen[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_allclose(seen[0, 1], SMALL[0, 1] * (128 / 255) + 127, atol=0.51)
    np.testing.assert_array_equal(seen[1:], SMALL[1:])


def test_without_preparation_only_the_size_of_the_network_is_taken() -> None:
    """With preprocess=none a picture of another size is refused with both sizes."""
    with pytest.raises(Problem) as caught:
        read(Body(encoded(PHOTO), "image/png", {}), GREY, "none")

    text = "The image is 90 x 40 pixels; preprocess=none takes 6 x 4."
    assert told(caught.value) == ("invalid-image", text, ("body",))


def test_values_are_read_as_they_are() -> None:
    """Floats of the network's shape are its row, and the echo gives the same bits again."""
    values = RANDOM.normal(size=(4, 6, 3))
    found = read(json_body({"values": values.tolist()}))
    again = read(json_body({"values": echoed(found)["values"]}))

    assert found.row["image"].tolist() == values.astype(np.float32).tolist()
    assert again.row["image"].tobytes() == found.row["image"].tobytes()
    grey = read(json_body({"values": values[..., 0].tolist()}), GREY)
    assert grey.row["image"].shape == (4, 6, 1)
    assert "pixels" not in echoed(grey)


@pytest.mark.parametrize(
    "values",
    [
        1,
        [],
        [[1]],
        [[0] * 6] * 4,
        [[["a"] * 3] * 6] * 4,
        [[[True] * 3] * 6] * 4,
        [[[1e7] * 3] * 6] * 4,
        [[[1] * 3] * 6] * 5,
        [[[1, 2]] * 6] * 4,
    ],
)
def test_other_values_are_refused(values: object) -> None:
    """Another shape, type or magnitude is refused with the shape and the bound."""
    text = (
        "'values' must be 4 x 6 x 3 numbers from -1,000,000 to 1,000,000 in nested lists: rows, "
        "columns, channels."
    )
    assert refused({"values": values}) == ("invalid-image", text, ("body", "values"))


def test_networks_of_mnist_read_no_values() -> None:
    """Their programs take integers, and the problem says so."""
    kind, text, place = problem_of(json_body({"values": [[0.5]]}))

    assert (kind, place) == ("invalid-body", ("body", "values"))
    assert "send 'pixels'" in text


@pytest.mark.parametrize(
    ("pixels", "text", "place"),
    [
        ([[[1, 2]]] * 2, "the shape 2 x 1 x 2; it must be H x W or H x W x 3", ()),
        ([[[1] * 32] * 32] * 3, "move the channels behind the columns", ()),
        ([[[1, 2, 3]], [[1, 2]]], "must have 3 numbers in every pixel", (1,)),
        ([[[1, 2, 3]], [[1, 2, 3]] * 2], "has 2 pixels, row 0 has 1", (1,)),
        ([[[1, 2, 256]]], "a value above 255", (0,)),
        ([[[1, 2, None]]], "null for a number", (0,)),
        ([[1, [2]]], "a list for a number", (0,)),
        ([], "a list of rows", ()),
        ([[]], "a list of at least 1 pixel", (0,)),
        ([[[0] * 3]] * 101, "at most 100 times", ()),
    ],
)
def test_other_pixels_are_refused(pixels: object, text: str, place: tuple[int, ...]) -> None:
    """The problem names the row and the form that is taken."""
    kind, detail, location = refused({"pixels": pixels})

    assert kind == "invalid-image"
    assert text in detail
    assert location == ("body", "pixels", *place)


def test_one_of_three_fields_is_needed() -> None:
    """None or two of them are refused."""
    text = "There must be exactly one of 'image', 'pixels' and 'values'."

    for value in ({}, {"pixels": [[0]], "values": [[0]]}):
        assert refused(value) == ("invalid-body", text, ("body",))


@given(st.integers(1, 9), st.integers(1, 9))
def test_lists_of_one_picture_are_dropped(height: int, width: int) -> None:
    """1 x H x W is H x W, while one row of colours, 1 x W x 3, is a row."""
    grey = np.arange(height * width, dtype=np.uint8).reshape(height, width) * 3
    one, other = (read(json_body({"pixels": value.tolist()})) for value in (grey, grey[None]))
    if width not in {1, 3}:
        np.testing.assert_array_equal(one.row["image"], other.row["image"])
    colours = SMALL[:1, :5]
    found = read(json_body({"pixels": colours.tolist()}), ONE_ROW)
    assert echoed(found)["pixels"] == colours.tolist()
