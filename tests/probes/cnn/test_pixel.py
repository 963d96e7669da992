"""The arithmetic of one value adds up, and it is the map's."""

import math
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from models.data.samples import Samples
from models.registry import ResidentModel
from tests.networks import SIMPLE_CNN
from tests.oracles.numpy64 import cnn_trace
from tests.probes.cnn.declared import Network

LAYERS = SIMPLE_CNN.layers
MAPS = SIMPLE_CNN.maps
READS = {"conv1": "image", "conv2": "pool1", "conv3": "pool2"}


def ask(client: TestClient, digits: Samples, probe: str, **query: Any) -> dict[str, Any]:
    """Ask about the first sample; tensors come as float64 arrays by name, measures by name."""
    body = {"pixels": digits.images[0].tolist()}
    answer = client.post(f"/cnn/{probe}", params={"preprocess": "none", **query}, json=body)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    return {one["name"]: np.array(one["data"]) for one in given["tensors"]} | {
        one["name"]: one["value"] for one in given["measures"]
    }


def places(layer: str) -> list[tuple[int, int]]:
    """Return two corners, an edge and the middle of a layer's maps."""
    last = LAYERS[layer].shape[0] - 1
    return [(0, 0), (last, last), (0, last // 2), (last // 2, last // 2 - 1)]


@pytest.mark.parametrize("layer", MAPS)
def test_it_adds_up_to_the_map(layer: str, client: TestClient, digits: Samples) -> None:
    """Products, bias and rounding are the value, to the bit; the asked value is the map's own."""
    maps = ask(client, digits, "activations", layers="all")
    number = layer[-1]
    for y, x in places(layer):
        for channel in (0, 5):
            told = ask(client, digits, "pixel", layer=layer, channel=channel, y=y, x=x)

            exact = math.fsum([*told["products"].ravel(), told["bias"]])
            assert exact == told["sum"]
            assert told["sum"] + told["rounding"] == told["value"]
            assert abs(told["rounding"]) < 1e-5 * (1 + np.abs(told["products"]).sum())
            assert math.isclose(told["contributions"].sum() + told["bias"], exact, abs_tol=1e-12)
            assert np.float32(told["output"]) == np.float32(maps[layer][channel, y, x])
            assert told["relu"] == max(told["value"], 0)
            row, column = told.get("winner_y", y), told.get("winner_x", x)
            before = maps[f"conv{number}"][channel, row, column]
            assert np.float32(told["value"]) == np.float32(before)


@pytest.mark.parametrize("layer", ["conv1", "conv2", "conv3"])
def test_patch_and_kernel_are_what_the_convolution_reads(
    layer: str, client: TestClient, digits: Samples, cnn: ResidentModel
) -> None:
    """In float64 from the definition: the patch, its border of zeros, the kernel, the sum."""
    trace = cnn_trace(digits.images[0], cnn.weights)
    trace["image"] = digits.images[0][..., None] / 255.0
    framed = np.pad(trace[READS[layer]], ((1, 1), (1, 1), (0, 0)))
    for y, x in places(layer):
        told = ask(client, digits, "pixel", layer=layer, channel=3, y=y, x=x)

        patch = np.moveaxis(framed[y : y + 3, x : x + 3], -1, 0)
        kernel = np.moveaxis(cnn.weights[f"{layer}.kernel"][..., 3], -1, 0)
        np.testing.assert_allclose(told["patch"], patch, atol=1e-4)
        np.testing.assert_array_equal(told["kernel"].astype(np.float32), kernel)
        assert (told["patch_top"], told["patch_left"]) == (y - 1, x - 1)
        side = LAYERS[layer].shape[0]
        rows, columns = np.arange(y - 1, y + 2), np.arange(x - 1, x + 2)
        inside = [[0 <= row < side and 0 <= column < side for column in columns] for row in rows]
        np.testing.assert_array_equal(told["inside"], inside)
        assert math.isclose(told["sum"], trace[layer][y, x, 3], abs_tol=1e-4)


@pytest.mark.parametrize("layer", ["pool1", "pool2"])
def test_the_winner_is_the_largest_of_its_window(
    layer: str, client: TestClient, digits: Samples
) -> None:
    """A pool's value is that of the first place of its window that has the largest value."""
    side = LAYERS[layer].shape[0]
    for y, x in np.ndindex(side, side):
        if (y + x) % 5:
            continue
        told = ask(client, digits, "pixel", layer=layer, channel=7, y=y, x=x)

        assert told["window"].shape == (2, 2)
        assert np.float32(told["output"]) == np.float32(told["window"].max())
        assert told["output"] == told["relu"]
        assert (told["winner_y"] // 2, told["winner_x"] // 2) == (y, x)
        at = 2 * (told["winner_y"] % 2) + told["winner_x"] % 2
        assert at == told["window"].argmax()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (
            {"layer": "pool1", "channel": 32, "y": 0, "x": 0},
            "channel 32 of pool1 is not one of its 32",
        ),
        (
            {"layer": "relu1", "channel": 0, "y": 28, "x": 0},
            "y 28 of relu1 is not one of its 28 rows",
        ),
        (
            {"layer": "relu3", "channel": 0, "y": 0, "x": 7},
            "x 7 of relu3 is not one of its 7 columns",
        ),
        ({"layer": "dense1", "channel": 0, "y": 0, "x": 0}, "layer 'dense1' is not one of conv1"),
        ({"layer": "conv1", "channel": 0, "y": -1, "x": 0}, "must be at least 0"),
    ],
)
def test_a_value_that_is_not_there_is_refused(
    query: dict[str, Any], reason: str, client: TestClient, digits: Samples
) -> None:
    """The answer names the thing and the limit."""
    body = {"pixels": digits.images[0].tolist()}
    answer = client.post("/cnn/pixel", params=query, json=body)

    assert answer.status_code == 422
    assert reason in answer.json()["detail"]


@pytest.mark.parametrize("pool", ["", "countpad", "ceil", "ceil countpad", "ceil pad 1 countpad"])
def test_a_mean_divides_by_what_the_network_counts(pool: str) -> None:
    """In every window of a map with odd sides, of which the last may be partly outside."""
    net = Network(f"""
classes = ["a", "b"]
input = {{ image = [5, 7, 1], prepare = "none" }}
layers = ["pool avg 2x2 {pool}", "flatten", "dense 2"]
""")
    rows, columns, _ = net.architecture.layers["pool1"].shape
    for y, x in np.ndindex(rows, columns):
        told = net.shown("pixel", layer="pool1", channel=0, y=y, x=x)

        assert told["sum"] == pytest.approx(told["output"], rel=1e-6)
