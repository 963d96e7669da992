"""Probes of networks of other shapes than SimpleCNN, against a float64 interpreter."""

import io
import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from PIL import Image

from models.architecture import INPUT
from models.declaration.operations import Conv, Pool
from models.runtime.cancellation import cancelled_by
from models.windows import windows
from probes.cnn.baselines import baseline
from probes.cnn.layer_values import read_value, signed_layers
from probes.cnn.pooling_ties import tied_pixels
from probes.cnn.receptive_field import read_pixels
from probes.declaration import ParameterError
from probes.output.render import render
from tests.networks import network
from tests.probes.cnn.declared import DECLARED, IMAGE_PROBES, Network, declared, smooth

STEP = 1e-6
RANDOM = np.random.default_rng(8)

every_network = pytest.mark.parametrize("name", DECLARED)


def first(values: np.ndarray) -> np.ndarray:
    """Return values channel first, as probes show them."""
    return np.moveaxis(values, -1, 0)


def places(net: Network, layer: str) -> list[tuple[int, int, int]]:
    """Return two corners and two drawn places of a layer's maps, with a channel each."""
    rows, columns, channels = net.architecture.layers[layer].shape
    drawn = [(int(RANDOM.integers(rows)), int(RANDOM.integers(columns))) for _ in range(2)]
    corners = [(0, 0), (rows - 1, columns - 1)]
    return [(int(RANDOM.integers(channels)), y, x) for y, x in (*corners, *drawn)]


@every_network
def test_activations_are_those_of_the_definition(name: str) -> None:
    """Every layer, channel first, and the picture that was sent."""
    net = declared(name)
    shown, expected = net.shown("activations", layers=["all"]), net.values()

    for layer in net.architecture.layers:
        np.testing.assert_allclose(shown[layer], first(expected[layer]), atol=1e-4)
    picture = shown["image"]
    assert picture.dtype == np.uint8
    pixels = net.pixels if net.pixels.shape[-1] > 1 else net.pixels[..., 0]
    np.testing.assert_array_equal(picture, first(pixels) if pixels.ndim > 2 else pixels)


@every_network
def test_signs_of_layers_are_those_of_their_values(name: str) -> None:
    """A layer that is drawn from zero on has no negative value."""
    net = declared(name)
    signed = signed_layers(net.architecture)

    for _ in range(4):
        for layer, values in net.values(RANDOM.normal(0, 2, net.image.shape)).items():
            assert layer in signed or values.min() >= 0


@every_network
def test_the_arithmetic_adds_up_to_the_value(name: str) -> None:
    """The sum is that of the terms, and the output the value in float64, in every map."""
    net = declared(name)
    expected = net.values()
    for layer in net.architecture.maps:
        for channel, y, x in places(net, layer):
            told = net.shown("pixel", layer=layer, channel=channel, y=y, x=x)

            assert told["output"] == pytest.approx(expected[layer][y, x, channel], abs=1e-4)
            if "sum" in told:
                assert told["sum"] + told["rounding"] == told["value"]
                assert abs(told["rounding"]) < 1e-4
            if "products" in told:
                exact = math.fsum([*told["products"].ravel(), told["bias"]])
                assert exact == told["sum"]
                assert told["products"].shape == told["kernel"].shape == told["patch"].shape
            if "terms" in told:
                assert math.fsum(told["terms"]) == pytest.approx(told["sum"], abs=1e-6)
            if "mean_window" in told:
                mean = told["mean_window"].sum(dtype=np.float64) / told["window_count"]
                assert mean == pytest.approx(told["sum"], abs=1e-6)
            if "window" in told:
                node = net.architecture.node(layer)
                is_pool = isinstance(node.operation, Pool)
                assert not is_pool or told["window"].max() == np.float32(told["output"])
            if "normalisation" in told:
                value, mean, variance, epsilon, scale, shift, made = told["normalisation"]
                again = (value - mean) / math.sqrt(variance + epsilon) * scale + shift
                assert again == pytest.approx(made, abs=1e-5)
            if "steps" in told:
                assert told["steps"][-1] == np.float32(told["output"])
                assert told["steps"][0] == np.float32(told["value"])


@every_network
def test_fields_are_the_pixels_whose_loss_a_value_notices(name: str) -> None:
    """A pixel that is not a number makes all values that read it, and no others, not a number."""
    net = smooth(name)
    reached: dict[str, list[np.ndarray]] = {layer: [] for layer in net.architecture.layers}
    rows, columns = net.image.shape[:2]
    with np.errstate(invalid="ignore"):
        for y, x in np.ndindex(rows, columns):
            image = net.image.astype(np.float64)
            image[y, x] = np.nan
            for layer, values in net.values(image).items():
                reached[layer].append(np.isnan(values).any(axis=-1))
    for layer, found in reached.items():
        shape = net.architecture.layers[layer].shape[:-1]
        masks = np.stack(found).reshape(rows, columns, *shape)
        for at in np.ndindex(*shape):
            mask = read_pixels(net.architecture, layer, *(at or (0, 0)))
            np.testing.assert_array_equal(mask, masks[(..., *at)], layer)
        told = net.shown("field", layer=layer)
        down, right = np.nonzero(told["mask"])
        assert (told["top"], told["bottom"]) == (down.min(), down.max())
        assert (told["left"], told["right"]) == (right.min(), right.max())


@every_network
def test_gradients_are_slopes_of_the_target(name: str) -> None:
    """Along a drawn direction; of colours the map is the sum over the channels."""
    net = declared(name)
    label = len(net.architecture.classes) - 1
    shown = net.ask("attribution", method="gradient", target=label, deletion=False).outputs
    by_channel = shown.get("by_channel", shown["map"][None])

    direction = RANDOM.normal(size=net.image.shape)
    ends = [
        net.values(net.image + sign * STEP * direction)["logits"][label] for sign in (1.0, -1.0)
    ]
    slope = (by_channel * first(direction)).sum()
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * STEP), abs=1e-3)
    np.testing.assert_allclose(by_channel.sum(axis=0), shown["map"], atol=1e-5)


@every_network
@pytest.mark.parametrize("chosen", ["black", "white", "mean", "blur"])
def test_integrated_gradients_are_complete(name: str, chosen: str) -> None:
    """The sum over pixels is the difference of the logits of picture and baseline, in float64."""
    net = declared(name)
    asked = {"target": 1, "nodes": 256, "baseline": chosen, "deletion": False}
    outputs = net.ask("attribution", **asked).outputs
    start = baseline(chosen, net.image, net.architecture)  # type: ignore[arg-type]

    ends = [net.values(image)["logits"][1] for image in (net.image, start)]
    assert outputs["f_input"] == pytest.approx(ends[0], abs=1e-4)
    assert outputs["f_baseline"] == pytest.approx(ends[1], abs=1e-4)
    assert outputs["map"].sum(dtype=np.float64) == pytest.approx(ends[0] - ends[1], abs=0.05)


@every_network
def test_baselines_are_values_of_the_network(name: str) -> None:
    """Black and white are 0 and 1 before mean and standard deviation; the mean is zero after."""
    net = declared(name)
    image = net.architecture.image
    for chosen, shade in (("black", 0), ("white", 255)):
        expected = image.normalised(np.full_like(net.pixels, shade))
        found = baseline(chosen, net.image, net.architecture)  # type: ignore[arg-type]
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not baseline("mean", net.image, net.architecture).any()
    even = image.normalised(np.zeros_like(net.pixels))
    np.testing.assert_allclose(baseline("blur", even, net.architecture), even, atol=1e-6)


@every_network
def test_occlusion_and_deletion_cover_all_channels(name: str) -> None:
    """One window over the whole picture loses all that the baseline loses; so do the curves.

    The target of one sigmoid unit is the difference of both logits, the first of which is 0.
    """
    net = declared(name)
    side = max(net.image.shape[:2])
    asked = {"method": "occlusion", "window": side, "stride": side, "target": 0}
    outputs = net.ask("attribution", **asked).outputs
    black = baseline("black", net.image, net.architecture)

    logits = [net.values(image)["logits"] for image in (net.image, black)]
    ends = [a - b if net.architecture.is_sigmoid else a for a, b, *_ in logits]
    np.testing.assert_allclose(outputs["map"], ends[0] - ends[1], atol=1e-4)
    for curve in (outputs["deletion"], outputs["deletion_random"]):
        assert [curve[0], curve[-1]] == pytest.approx(ends, abs=1e-4)


@every_network
def test_every_method_has_a_map_and_a_sanity_check(name: str) -> None:
    """Also class activation maps of the default layer, the last with maps, at their own size."""
    net = declared(name)
    cascade = net.architecture.kernels[::-1]
    for method in ("gradient_x_input", "smoothgrad", "grad_cam", "hirescam", "layer_cam"):
        asked = {"method": method, "samples": 2, "sanity": True, "deletion": False}
        shown = net.shown("attribution", **asked)
        last = net.architecture.layers[net.architecture.maps[-1]].shape[:2]
        is_cam = method.endswith("cam")
        assert shown["attribution"].shape == (last if is_cam else net.image.shape[:2])
        assert shown["sanity"].shape == (2, len(cascade))
        assert ("attribution.channels" in shown) == (net.image.shape[-1] > 1 and not is_cam)


def tied_by_definition(net: Network, image: np.ndarray) -> np.ndarray:
    """Pixels of tied windows, window by window and pair by pair."""
    architecture = net.architecture
    found = np.zeros(image.shape[:2], bool)
    for node in architecture.nodes:
        if isinstance(node.operation, Pool) and node.operation.kind == "max":
            read = read_value(architecture, node.inputs[0])
            for one, other in _pairs(net, node.operation, read):
                fields = [_field(net, read, image, at) for at in (one, other)]
                if np.array_equal(*(values for values, _ in fields)):
                    for _, mask in fields:
                        found |= mask
    return found


def _pairs(net: Network, operation: Pool, read: str) -> Iterator[tuple[tuple[int, ...], ...]]:
    height, width, _ = net.architecture.layers[read].shape
    axes = windows(operation, 0, height), windows(operation, 1, width)
    for down, right in np.ndindex(axes[0].count, axes[1].count):
        (top, bottom), (left, last) = axes[0].span(down), axes[1].span(right)
        cells = [(y, x) for y in range(top, bottom + 1) for x in range(left, last + 1)]
        yield from combinations(cells, 2)


def _field(
    net: Network, read: str, image: np.ndarray, at: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels in the field of one value, and where they are; none beyond the border."""
    fields = net.architecture.layers[read].receptive_field
    assert fields is not None
    starts = [field.jump * place - field.before for field, place in zip(fields, at, strict=True)]
    sizes = [field.size for field in fields]
    # Padded pixels are zeros: none of these networks pads maps before a max-pool.
    values = np.zeros((*sizes, image.shape[-1]), np.float32)
    mask = np.zeros(image.shape[:2], bool)
    for y, x in np.ndindex(*sizes):
        row, column = starts[0] + y, starts[1] + x
        if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
            values[y, x], mask[row, column] = image[row, column], True
    return values, mask


@pytest.mark.parametrize("name", ["branches", "plain"])
def test_tied_pixels_are_those_of_the_definition(name: str) -> None:
    """With an even ground, and with zeros as of the padding, of one picture and of a path."""
    net = declared(name)
    even = np.zeros_like(net.image)
    even[3:6, 2:5] = net.image[3:6, 2:5]
    for image in (even, even + np.float32(0.5), net.image):
        expected = tied_by_definition(net, image)
        np.testing.assert_array_equal(tied_pixels(net.architecture, [image]), expected)
    assert tied_pixels(net.architecture, [even]).any()
    assert not tied_pixels(net.architecture, [even, net.image]).any()
    assert INPUT not in net.architecture.layers


@every_network
def test_an_intervention_without_edits_is_the_baseline(name: str) -> None:
    """To the bit; one that sets a layer to its values of another picture recovers its answer."""
    net = declared(name)
    layers = list(net.architecture.layers)
    same = net.shown("intervene", layers=layers)
    for layer in layers[:-1]:
        np.testing.assert_array_equal(same[f"{layer}.baseline"], same[f"{layer}.edited"])
    # All of a later layer depends on this one alone.
    hidden = net.architecture.nodes[-1].inputs[0]
    patched = net.shown("intervene", {"edits": [{"layer": hidden, "operation": "patch"}]})
    expected = net.values(net.architecture.image.normalised(net.other))["logits"]
    np.testing.assert_allclose(patched["logits"][1], expected, atol=1e-4)


@every_network
def test_a_sweep_takes_away_one_channel_at_a_time(name: str) -> None:
    """Of the last hidden units the effect is the product of value and weight, in float64."""
    net = declared(name)
    hidden = net.architecture.nodes[-1].inputs[0]
    shown = net.shown("sweep", layer=hidden, target=1)
    kernel = net.weights[f"{net.architecture.nodes[-1].name}.kernel"].astype(np.float64)

    column = -1 if net.architecture.is_sigmoid else 1
    effect = net.values()[hidden] * kernel[:, column]
    np.testing.assert_allclose(shown["effect"], effect, atol=1e-4)
    default = net.ask("sweep").parameters.layer
    assert default == net.architecture.maps[-1]


@every_network
def test_maximisation_climbs_to_the_value_of_its_picture(name: str) -> None:
    """The value of the optimum is that of the picture in float64, above that of the start."""
    net = declared(name)
    mean, deviation = net.architecture.image.mean, net.architecture.image.std
    for layer in ("logits", net.architecture.maps[-1]):
        outputs = net.ask("unit", layer=layer, channel=1, steps=12, jitter=0).outputs
        found = outputs["pictures"].astype(np.float64)
        assert (outputs["values"] > outputs["course"][:, 0]).all()
        assert 0 <= found.min() < found.max() <= 1
        if layer == "logits":
            images = (found - np.array(mean)) / np.array(deviation)
            logits = [net.values(image)["logits"][1] for image in images]
            np.testing.assert_allclose(outputs["values"], logits, atol=1e-4)


@every_network
def test_filters_are_those_of_every_layer(name: str) -> None:
    """Convolutions by default; a dense layer after maps has rows and columns of these."""
    net = declared(name)
    kernels = net.architecture.kernels
    shown = net.shown("filters", layers=kernels, order="index")
    for layer in kernels:
        kernel = net.weights[f"{layer}.kernel"]
        found = shown[f"{layer}.kernel"]
        assert found.shape[0] == kernel.shape[-1]
        if kernel.ndim == 4:
            np.testing.assert_array_equal(found, kernel.transpose(3, 2, 0, 1))
    by_default = net.shown("filters")
    assert [key for key in by_default if key.endswith(".kernel")] == [
        f"{node.name}.kernel" for node in net.architecture.nodes if isinstance(node.operation, Conv)
    ]
    if name == "plain":
        # The maps before the flattening: rows, columns, channels.
        maps = net.weights["dense1.kernel"].reshape(2, 3, 4, 5)
        np.testing.assert_array_equal(shown["dense1.kernel"], maps.transpose(3, 2, 0, 1))


def test_colours_are_drawn_as_they_were_sent() -> None:
    """Each pixel of an RGB picture has its own colour in the PNG, and no colour bar."""
    net = declared("skip")
    picture = IMAGE_PROBES["predict"].figure(net.ask("predict"))

    drawn = np.asarray(Image.open(io.BytesIO(render(picture))).convert("RGB"))
    seen = {tuple(colour) for colour in drawn.reshape(-1, 3).tolist()}
    assert {tuple(colour) for colour in net.pixels.reshape(-1, 3).tolist()} <= seen


def test_a_network_without_maps_has_no_probes_of_maps() -> None:
    """The need says why; attribution by the pixels stays, by maps it is refused."""
    dense = network(
        'classes = ["a", "b"]\ninput = { image = [4, 5, 3] }\nlayers = ["flatten", "dense 2"]'
    )
    model = declared("skip").model
    model = type(model)("dense", dense, model.checkpoint)
    without = {name for name, probe in IMAGE_PROBES.items() if probe.unmet(model) is not None}
    recorded = {"layers", "embedding", "embedded", "units"}
    assert without == {"channel", "pixel", "descriptors", "findings"} | recorded
    need = IMAGE_PROBES["pixel"].unmet(model)
    assert need is not None
    assert need.reason == "It has no layer with feature maps."


def test_large_windows_are_compared_by_offsets() -> None:
    """Of an even picture all pixels are tied, in a window of half a million pairs, too."""
    architecture = network("""
classes = ["a", "b"]
input = { image = [40, 36, 1] }
layers = ["pool 32x32 stride 4", "flatten", "dense 2"]
""")
    checks: list[None] = []
    with cancelled_by(lambda: checks.append(None)):
        assert tied_pixels(architecture, [np.zeros((40, 36, 1), np.float32)]).all()
    assert len(checks) == 31 + 31 * 63  # offsets to the right, and below


def test_a_position_of_flattened_maps_is_not_maximised() -> None:
    """A unit behind a flatten is no channel of the convolution before it."""
    net = declared("dense block")
    with pytest.raises(ParameterError, match="computed from flattened maps"):
        net.shown("unit", layer="elu1", channel=100)


def test_black_pixels_are_compared_where_the_mean_is_zero() -> None:
    """Gradient × input is 0 at the declared mean for any weights, and not at black."""
    net = Network(DECLARED["skip"])
    net.pixels[:4] = 0
    outputs = net.ask("attribution", method="gradient_x_input", sanity=True).outputs
    assert outputs["sanity_pixels"] == net.pixels[..., 0].size
