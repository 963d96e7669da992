"""Bytes of a request: no less than the answer that it holds."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from api.responses.request_bytes import ANSWER_BYTES, Shown, encoded_bytes, request_bytes, traced_of
from probes import PROBES
from probes.figures.colours import signed
from probes.figures.figures import Tensor, Tiles
from probes.output.drawing.tiles import is_table
from probes.output.render import PictureFormat, render
from probes.output.style import Style
from tests.networks import COUNTING_LSTM, SIMPLE_CNN

NOISE = np.random.default_rng(0)
SHAPES = [(32, 32, 1, 1), (32, 32, 3, 3), (16, 16, 7, 7), (600, 3, 3), (256, 14, 14), (16, 28, 28)]


def maps(shape: tuple[int, ...]) -> Tiles:
    """Return maps, or a table of kernels, of values that no compression makes smaller."""
    axes = ("output_channel", "input_channel", "y", "x")[-len(shape) :]
    values = NOISE.normal(size=shape).astype(np.float32)
    return Tiles("f", Tensor("k", "filter", axes, values, colour=signed(values)))


@pytest.mark.parametrize(
    ("picture_format", "style"),
    [
        *(("png", style) for style in (Style(), Style(4), Style(width=3000))),
        *((each, Style()) for each in ("svg", "pdf")),  # whose size does not depend on the scale
    ],
)
@pytest.mark.parametrize("shape", SHAPES)
def test_no_picture_is_larger_than_counted(
    shape: tuple[int, ...], picture_format: PictureFormat, style: Style
) -> None:
    """Each map of an SVG is an image of its own, with some 300 bytes however small it is."""
    figure = maps(shape)
    assert is_table(figure.tensor) == (len(shape) == 4)
    shown = Shown(figure.tensor.values.nbytes, int(np.prod(shape[:-2])))
    counted = ANSWER_BYTES[picture_format] + encoded_bytes(shown, style, picture_format)

    assert len(render(figure, style, picture_format)) <= counted


def test_channels_of_traced_maps_are_tiles() -> None:
    """A vector of a dense layer, or of a step, is no map."""
    outputs = frozenset(("relu1", "relu3", "dense1", "logits"))
    channels = sum(SIMPLE_CNN.layers[name].shape[-1] for name in ("relu1", "relu3"))

    assert traced_of(SIMPLE_CNN, outputs).tiles == channels > 0
    assert traced_of(COUNTING_LSTM, frozenset(("hidden", "logits"))).tiles == 0


def test_kernels_of_the_weights_are_tiles() -> None:
    """An SVG of many small kernels counts with each of them."""
    probe = next(one for one in PROBES if one.name == "filters")
    call: Any = SimpleNamespace(input=SimpleNamespace(row={}), parameters=Style())
    sizes = []
    for channels in (16, 32):
        kernel = np.zeros((3, 3, channels, channels), np.float32)
        model: Any = SimpleNamespace(weights={"conv.kernel": kernel, "conv.bias": kernel[0, 0, 0]})
        sizes.append(request_bytes(model, probe, [call], Shown(0), "svg"))
    kernels = render(maps((32, 32, 3, 3)), Style(), "svg")
    fewer = render(maps((16, 16, 3, 3)), Style(), "svg")

    assert sizes[1] - sizes[0] >= len(kernels) - len(fewer)
