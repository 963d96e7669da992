"""lightwell_client inputs: images and sequences in every accepted type."""

import io
import json
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image

from lightwell_client import Lightwell, LightwellError, Sample
from lightwell_client.inputs import (
    ExtraFields,
    array_png,
    is_sequence,
    list_body,
    single_body,
)
from tests.clients.scripted import scripted

BITS = "1011010010"


def test_types_of_images(lightwell: Lightwell, digit: Sample, tmp_path: Path) -> None:
    """Path, bytes, array, Pillow image and sample give the same pixels."""
    path = tmp_path / "digit.png"
    picture = Image.fromarray(digit.pixels)
    picture.save(path)

    forms = [
        str(path),
        path,
        path.read_bytes(),
        digit.pixels,
        digit.pixels.astype(np.int64),
        picture,
        digit,
    ]

    for form in forms:
        seen = lightwell.predict(form).input
        assert seen is not None
        np.testing.assert_array_equal(seen["pixels"], digit.pixels)


def test_jpeg_is_sent_unchanged(lightwell: Lightwell, digit: Sample) -> None:
    """The bytes of a JPEG are sent as they are."""
    file = io.BytesIO()
    Image.fromarray(digit.pixels).resize((112, 112)).save(file, "JPEG", quality=95)

    seen = lightwell.predict(file.getvalue()).prediction

    assert seen is not None
    assert seen.name == "7"


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (3, 7)])
def test_array_png_is_read_by_pillow(shape: tuple[int, int]) -> None:
    """A grey PNG holds each value of the array in its place."""
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(array_png(pixels)))), pixels)


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (np.array([["0"]]), TypeError, "numbers"),
        (np.array([[0.5, np.nan]]), ValueError, "nan"),
        (np.array([[0.5, 2]]), ValueError, "divide them by 255, or round them"),
        (np.eye(28, dtype=int), ValueError, "multiply them by 255, or make them floats"),
        (np.eye(28, dtype=bool), ValueError, "multiply them by 255, or make them floats"),
        (np.full((28, 28), 256), ValueError, "256"),
        (np.full((28, 28), -1), ValueError, "-1"),
        (np.zeros((28, 28, 4), np.uint8), ValueError, r"\(28, 28, 4\)"),
        (np.zeros((0, 28), np.uint8), ValueError, r"\(0, 28\)"),
        (np.full((2, 28, 28), 300.0), ValueError, r"300.*\(2, 28, 28\)"),
        (np.zeros((2, 3, 28, 28)), ValueError, r"\(2, 3, 28, 28\)"),
        (np.zeros(784), ValueError, r"\(784,\) .* reshape it to \(28, 28\)"),
        (np.zeros((5, 784)), ValueError, r"\(5, 784\) .* reshape it to \(5, 28, 28\)"),
        (7, TypeError, "int"),
    ],
)
def test_invalid_images_are_not_sent(image: object, error: type[Exception], words: str) -> None:
    """An array of the wrong type, range or shape is an error before a request is sent."""

    def never(request: httpx2.Request) -> httpx2.Response:
        raise AssertionError(request)

    with pytest.raises(error, match=words):
        scripted(never).activations(image)  # type: ignore[call-overload]


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32, float])
def test_types_of_pixels(kind: type) -> None:
    """Levels of any type, floats from 0 to 1, and axes of length 1 are the same image."""
    levels = np.random.default_rng(0).integers(0, 256, (5, 4)).astype(np.uint8)
    expected = array_png(levels)

    assert array_png(levels.astype(kind)) == expected
    assert array_png(levels.astype(kind)[None, :, :, None]) == expected
    assert array_png(levels.astype(np.float32) / np.float32(255)) == expected
    assert array_png(np.eye(3)) == array_png(255 * np.eye(3, dtype=int))


def test_types_of_sequences(lightwell: Lightwell, http: httpx2.Client) -> None:
    """Text, list, tuple and array give the same bits."""
    gate = http.post("/lstm/gates", json={"sequence": BITS}).json()["tensors"][1]
    bits = [int(bit) for bit in BITS]

    kinds = (np.array(bits, kind) for kind in (int, bool, float, np.float32))
    for form in (BITS, ", ".join(BITS), bits, tuple(bits), [float(bit) for bit in bits], *kinds):
        answer = lightwell.gates(form)
        assert answer.input is not None
        assert answer.input["sequence"] == BITS
        np.testing.assert_allclose(answer[gate["name"]], gate["data"], rtol=1e-6)
        assert lightwell.predict(form).model == "lstm"


def test_pixels_in_one_line_are_no_sequence() -> None:
    """784 numbers are a row of a table of images, unless all of them are bits."""
    assert not is_sequence(np.full(784, 0.5))
    assert is_sequence(np.zeros(784))
    assert is_sequence(np.full(783, 0.5))


def test_numbers_of_numpy_are_posted_as_json() -> None:
    """Those in edits, alone and in arrays, and arrays in the lists of an input."""
    edit = {"layer": "relu2", "operation": "set", "amount": np.float32(0.5), "on": np.bool_(True)}
    edits = [{**edit, "channels": [np.int64(3)], "rows": np.arange(2)}]

    one = single_body({"sequence": [np.ones(2), [np.int8(2)]]}, "sequence", ExtraFields())
    several = list_body(["10"], "sequence", ExtraFields(edits=edits))

    assert json.loads(one.content) == {"sequence": [[1.0, 1.0], [2]]}
    assert json.loads(several.content)["inputs"][0]["edits"] == [
        {
            "layer": "relu2",
            "operation": "set",
            "amount": 0.5,
            "on": True,
            "channels": [3],
            "rows": [0, 1],
        }
    ]


def test_values_that_json_has_not_are_refused() -> None:
    """The error names their type."""
    with pytest.raises(TypeError, match="no values of the type set"):
        single_body({"sequence": {1}}, "sequence", ExtraFields())


@pytest.mark.parametrize("wrong", [[["1"]], 5])
def test_invalid_sequences_are_not_sent(lightwell: Lightwell, wrong: object) -> None:
    """Values that are no numbers are an error before a request is sent."""
    with pytest.raises(TypeError, match="0 and 1"):
        lightwell.gates(wrong)  # type: ignore[call-overload]


def test_other_numbers_are_refused(lightwell: Lightwell) -> None:
    """The server names the step that is no bit."""
    with pytest.raises(LightwellError, match="Step 2 of the sequence"):
        lightwell.gates([1.0, 0.5])
