"""Quantised tensors: bytes that are the colours of the picture, and values within half a level."""

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load
from starlette.testclient import TestClient

from probes.figures import colours
from probes.figures.colormaps import lookup_table
from probes.figures.figures import Tensor
from probes.output.drawing.shading import shade
from probes.output.quantisation import quantise

RANDOM = np.random.default_rng(3)
VALUES = RANDOM.normal(size=(4, 5, 6)).astype(np.float32)


def tensor(values: np.ndarray, colour: Any) -> Tensor:
    """Tensor of maps by channel."""
    return Tensor(
        "maps", "post_activation", ("channel", "y", "x")[: values.ndim], values, {}, colour
    )


def dequantised(found: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Values by the documented formula."""
    axes = (-1,) + (1,) * (len(shape) - 1)
    scale, offset = (
        np.reshape(one, axes) if isinstance(one, list) else one
        for one in (found.scale, found.offset)
    )
    return np.asarray(offset + scale * found.values.astype(np.float64))


@pytest.mark.parametrize("scope", ["layer", "channel"])
@pytest.mark.parametrize("is_signed", [True, False])
def test_values_are_within_half_a_level(scope: Any, is_signed: bool) -> None:
    """A range for the layer or each channel, symmetric or from zero."""
    values = VALUES if is_signed else np.maximum(VALUES, 0)
    rule = (
        colours.signed(values, scope)
        if is_signed
        else colours.non_negative(values, "viridis", scope)
    )
    shown = tensor(values, rule)
    found = quantise(shown)

    assert found.values.dtype == np.uint8
    levels = np.reshape(found.scale, (-1, 1, 1))
    assert (abs(dequantised(found, values.shape) - values) <= levels / 2 * (1 + 1e-9)).all()


@pytest.mark.parametrize(
    "rule",
    [
        colours.signed(VALUES),
        colours.signed(VALUES, "channel"),
        colours.signed(VALUES, "fixed", 1.0),
        None,
    ],
)
def test_a_byte_is_the_index_of_its_colour(rule: Any) -> None:
    """Of values beyond the range too, which have the nearer end."""
    shown = tensor(VALUES, rule)

    table = lookup_table(shade(shown).colour.map)
    assert np.array_equal(table[quantise(shown).values], shade(shown).pixels)


def test_values_without_a_place_in_the_range() -> None:
    """NaN is the byte 0, infinity an end; a range of one value is that value."""
    values = np.array([np.nan, np.inf, -np.inf, 1], np.float32)
    found = quantise(tensor(values, colours.unit_interval("viridis")))
    flat = quantise(Tensor("one", "count", ("at",), np.full(3, 7.0)))

    assert found.values.tolist() == [0, 255, 0, 255]
    assert dequantised(flat, (3,)).tolist() == [7.0, 7.0, 7.0]


def test_pixels_stay_as_they_are() -> None:
    """Bytes of the whole range are exact."""
    pixels = RANDOM.integers(0, 256, (28, 28)).astype(np.uint8)
    found = quantise(Tensor("image", "input", ("y", "x"), pixels, {}, colours.intensities()))

    assert found.values is pixels
    assert (found.scale, found.offset) == (1.0, 0.0)


@pytest.mark.parametrize("form", ["json", "npz", "safetensors"])
@pytest.mark.parametrize("several", [False, True])
def test_every_format_has_quantised_values(
    form: str, several: bool, client: TestClient, digit_png: bytes
) -> None:
    """With scale and offset in its entry, and values near those of the exact answer."""
    image = {"image": base64.b64encode(digit_png).decode()}
    body = {"inputs": [image, {"pixels": np.eye(28).tolist()}]} if several else image
    path = f"/cnn/activations?layers=conv1,relu2&range=channel&format={form}"
    exact = client.post(path.replace(form, "safetensors"), json=body).content
    content = client.post(f"{path}&encoding=uint8", json=body).content

    if form == "json":
        document, arrays = json.loads(content), {}
    elif form == "npz":
        npz = np.load(io.BytesIO(content))
        document, arrays = json.loads(str(npz["metadata"])), dict(npz)
    else:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        document, arrays = json.loads(header["__metadata__"]["lightwell"]), load(content)
    answers = document["answers"] if several else [document]
    for number, answer in enumerate(answers):
        for entry in answer["tensors"]:
            name = f"answers.{number}.{entry['name']}" if several else entry["name"]
            if form == "json":
                arrays[name] = np.frombuffer(base64.b64decode(entry["data"]), np.uint8)
            assert (entry["dtype"], entry["encoding"]) == ("uint8", "uint8")
            found = arrays[name].reshape(entry["shape"])
            assert found.dtype == np.uint8
            axes = (-1,) + (1,) * (found.ndim - 1)
            scale, offset = (np.reshape(entry[key], axes) for key in ("scale", "offset"))
            near = offset + scale * found.astype(float)
            assert (abs(near - load(exact)[name]) <= scale / 2 + 1e-6).all()


def test_a_quantised_answer_is_a_quarter_of_the_exact_one(
    client: TestClient, digit_png: bytes
) -> None:
    """A view of the page's layers costs at most 16 kB with gzip."""
    path = "/cnn/activations?layers=relu1,pool1,relu2,pool2,relu3,relu4&format=safetensors"
    headers = {"Content-Type": "image/png", "Accept-Encoding": "gzip"}
    lean = "&encoding=uint8&include=prediction,input,tensors,warnings"

    answer = client.post(path + lean, content=digit_png, headers=headers)

    assert int(answer.headers["content-length"]) <= 16_000


def test_a_picture_is_as_without_quantisation(client: TestClient, digit_png: bytes) -> None:
    """`encoding` says nothing about PNG."""
    headers = {"Content-Type": "image/png"}
    plain, other = (
        client.post(f"/cnn/activations?format=png{more}", content=digit_png, headers=headers)
        for more in ("", "&encoding=uint8")
    )

    assert plain.content == other.content
    assert Image.open(io.BytesIO(plain.content)).format == "PNG"
