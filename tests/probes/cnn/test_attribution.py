"""Attribution: raw maps against Captum's, and the identities that each method promises."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.cnn.layout import layout_of
from models.cnn.randomisation import cascade
from models.runtime.resident import ResidentProgram
from probes.cnn import faithfulness
from probes.cnn.attribution import deletion_title
from probes.cnn.attribution_methods import (
    attribute,
    enlarged,
    windows,
)
from probes.cnn.baselines import BLUR_DEVIATION, baseline
from probes.shared.quadrature import gauss_legendre
from tests.networks import COLOURS, SIMPLE_CNN
from tests.oracles.numpy64 import cnn_trace
from tests.oracles.parameters import draw_images
from tests.probes.cnn.attributed import TARGET, WEIGHTS, attribution_programs, done, method_input
from tests.probes.cnn.declared import declared

GOLDEN = Path(__file__).parents[2] / "golden" / "attribution.npz"
PIXELS = draw_images(1, 7)[0]
IMAGE = PIXELS.astype(np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def programs() -> Mapping[str, ResidentProgram]:
    """The programs that attributions run, with drawn and with reset weights."""
    return attribution_programs()


def by(programs: Mapping[str, ResidentProgram], image: np.ndarray = IMAGE, **told: Any) -> Any:
    """Attribute with one method."""
    return done(attribute(method_input(image, **told)), programs)


def logits(image: np.ndarray) -> np.ndarray:
    """Classify intensities in float64."""
    return cnn_trace(image.astype(np.float64) * 255.0, WEIGHTS)["logits"]


TOLD = {
    "smoothgrad": {"samples": 8},
    "integrated_gradients": {"nodes": 50},
    "occlusion": {"window": 5, "stride": 2},
}


@pytest.mark.parametrize(
    "name", ["gradient", "gradient_x_input", "smoothgrad", "integrated_gradients", "occlusion"]
)
def test_maps_of_pixels_are_captums(name: str, programs: Any) -> None:
    """Raw map against raw map, of the difference of two logits."""
    with np.load(GOLDEN) as golden:
        expected = golden[name]

    found = by(programs, method=name, **TOLD.get(name, {}))["map"]

    # A node next to a kink of a ReLU may fall on either side of it.
    close = 3e-4 if name == "integrated_gradients" else 1e-4
    np.testing.assert_allclose(found, expected, atol=close * np.abs(expected).max())


@pytest.mark.parametrize("layer", ["relu1", "pool1", "relu2", "pool2", "relu3"])
@pytest.mark.parametrize("name", ["grad_cam", "hirescam", "layer_cam"])
def test_maps_of_layers_are_captums(name: str, layer: str, programs: Any) -> None:
    """At every layer after a ReLU, before any rectifying or enlarging."""
    with np.load(GOLDEN) as golden:
        expected = golden[f"{name}.{layer}"]

    found = by(programs, method=name, layer=layer)["map"]

    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_delta_is_captums_and_what_is_missing(programs: Any) -> None:
    """Completeness: the map's sum and delta give the difference of the two scores."""
    found = by(programs, method="integrated_gradients", nodes=50)
    with np.load(GOLDEN) as golden:
        assert found["delta"] == pytest.approx(float(golden["delta"]), abs=2e-5)

    apart = float(found["f_input"] - found["f_baseline"])
    assert float(found["map"].sum(dtype=np.float64)) - apart == pytest.approx(
        float(found["delta"]), abs=1e-5
    )
    assert found["f_input"] == pytest.approx(float(logits(IMAGE) @ TARGET), abs=1e-4)
    assert found["f_baseline"] == pytest.approx(float(logits(IMAGE * 0) @ TARGET), abs=1e-4)


def test_gradients_are_central_differences(programs: Any) -> None:
    """At some pixels, by the float64 network."""
    gradient, step = by(programs, method="gradient")["map"], 1e-6
    random = np.random.default_rng(1)

    for y, x in random.integers(0, 28, (6, 2)):
        up, down = IMAGE.astype(np.float64), IMAGE.astype(np.float64)
        up[y, x] += step
        down[y, x] -= step
        slope = (logits(up) - logits(down)) @ TARGET / (2 * step)
        assert gradient[y, x] == pytest.approx(slope, abs=2e-5)


def test_hirescam_adds_up_to_the_score_but_for_the_biases(programs: Any) -> None:
    """The head is linear where it is: the map's sum and the biases' part make the target."""
    found = by(programs, method="hirescam", layer="relu3")["map"]
    trace = cnn_trace(PIXELS, WEIGHTS)
    awake = trace["dense1"] > 0
    readout = WEIGHTS["output.kernel"].astype(np.float64) @ TARGET
    biases = WEIGHTS["dense1.bias"] @ (readout * awake) + WEIGHTS["output.bias"] @ TARGET

    assert found.sum() + biases == pytest.approx(float(trace["logits"] @ TARGET), abs=1e-4)


def test_integrated_gradients_leave_pixels_of_the_baseline_alone(programs: Any) -> None:
    """Exactly 0 where the picture is the baseline's; so another baseline is offered."""
    image = IMAGE.copy()
    image[:5] = 0.0

    black = by(programs, image, method="integrated_gradients", nodes=2, baseline="black")["map"]
    white = by(programs, image, method="integrated_gradients", nodes=2, baseline="white")["map"]

    assert (black[:5] == 0).all()
    assert (white[:5] != 0).any()


def test_nodes_are_those_of_gauss_and_legendre() -> None:
    """N nodes integrate polynomials of degree 2 n - 1 exactly, and weights add up to 1."""
    places, weights = gauss_legendre(5)

    for degree in range(10):
        assert weights @ places**degree == pytest.approx(1 / (degree + 1), abs=1e-14)


@pytest.mark.parametrize(
    ("side", "stride", "count"), [(3, 2, 196), (5, 2, 169), (28, 1, 1), (4, 4, 49)]
)
def test_windows_cover_the_picture(side: int, stride: int, count: int) -> None:
    """From the top left, by the stride, the last ones cut off, every pixel covered."""
    places = windows(side, stride, (28, 28))
    covered = np.zeros((28, 28), int)
    for place in places:
        covered[place] += 1

    assert len(places) == count
    assert covered.min() >= 1


def test_occlusion_is_what_is_lost(programs: Any) -> None:
    """With windows that do not overlap, each value is one difference of two scores."""
    found = by(programs, method="occlusion", window=14, stride=14, baseline="white")["map"]
    covered = IMAGE.copy()
    covered[14:, :14] = 1.0

    expected = (logits(IMAGE) - logits(covered)) @ TARGET
    assert (found[14:, :14] == found[20, 5]).all()
    assert found[20, 5] == pytest.approx(float(expected), abs=1e-4)


def test_the_blur_keeps_the_ink_of_the_middle() -> None:
    """A point becomes a Gaussian of the stated width that adds up to the same ink."""
    point = np.zeros((28, 28), np.float32)
    point[14, 14] = 1.0
    found = baseline("blur", point, SIMPLE_CNN).astype(np.float64)
    y, x = np.mgrid[:28, :28] - 14

    assert found.sum() == pytest.approx(1.0, abs=1e-6)
    assert (found * y**2).sum() == pytest.approx(BLUR_DEVIATION**2, rel=0.05)
    assert (found * x * y).sum() == pytest.approx(0.0, abs=1e-9)


def test_deletion_goes_from_the_picture_to_the_baseline(programs: Any) -> None:
    """Both curves begin and end at the same scores; in between the map's order counts."""
    gradient = by(programs, method="integrated_gradients")["map"]
    given = method_input(IMAGE, baseline="black")
    curve, random = done(faithfulness.deletion(given, gradient), programs)
    backwards, _ = done(faithfulness.deletion(given, -gradient), programs)

    ends = [float(logits(image) @ TARGET) for image in (IMAGE, IMAGE * 0)]
    for one in (curve, random, backwards):
        assert [one[0], one[-1]] == pytest.approx(ends, abs=1e-4)
    half = np.argsort(-gradient.reshape(-1), kind="stable")
    half = half[IMAGE.reshape(-1)[half] > 0]
    image = IMAGE.reshape(-1).copy()
    image[half[: round(0.5 * len(half))]] = 0
    at_half = faithfulness.SHARES.index(50)
    expected = float(logits(image.reshape(28, 28)) @ TARGET)
    assert curve[at_half] == pytest.approx(expected, abs=1e-4)
    assert faithfulness.area(curve) < faithfulness.area(random) < faithfulness.area(backwards)


def test_reset_weights_are_reset_from_the_last_layer_on() -> None:
    """Reset weights keep the earlier layers and draw the others as at initialisation."""
    reset = cascade(WEIGHTS, layout_of(SIMPLE_CNN).cascade)

    assert list(reset) == [f"reset-{n}" for n in ("output", "dense1", "conv3", "conv2", "conv1")]
    third = reset["reset-conv3"]
    assert third["conv2.kernel"] is WEIGHTS["conv2.kernel"]
    assert not np.array_equal(third["conv3.kernel"], WEIGHTS["conv3.kernel"])
    assert np.array_equal(third["dense1.kernel"], reset["reset-dense1"]["dense1.kernel"])
    assert third["dense1.kernel"].std() == pytest.approx(3136**-0.5, rel=0.01)
    assert not third["conv3.bias"].any()


def test_enlarging_keeps_values_and_slopes() -> None:
    """A plane stays a plane between the centres, and a map of one value stays flat."""
    plane = np.arange(7.0)[:, None] + np.zeros((1, 7))
    found = enlarged(plane, (28, 28))

    assert found[2:26, 3] == pytest.approx((np.arange(2, 26) + 0.5) / 4 - 0.5)
    assert (enlarged(np.full((14, 14), 3.0), (28, 28)) == 3.0).all()
    assert np.array_equal(enlarged(IMAGE, (28, 28)), IMAGE)


def ask(client: Any, png: bytes, query: str) -> Any:
    """Ask the server."""
    headers = {"Content-Type": "image/png"}
    return client.post(f"/cnn/attribution?{query}", content=png, headers=headers)


def test_a_map_without_anything_positive_says_so(client: Any) -> None:
    """All zeros and `all_nonpositive`, never a division by zero."""
    blank = {"pixels": [[0] * 28] * 28}
    for target in range(10):
        asked = f"method=grad_cam&target={target}&preprocess=none"
        answer = client.post(f"/cnn/attribution?{asked}", json=blank).json()
        tensors = {one["name"]: np.array(one["data"]) for one in answer["tensors"]}
        stated = {one["name"]: one["value"] for one in answer["measures"]}
        assert stated["all_nonpositive"] == (tensors["attribution"] <= 0).all()
        largest = tensors["rectified"].max()
        assert tensors["normalised"].max() == pytest.approx(1.0 if largest > 0 else 0.0)


def test_the_target_is_what_the_network_sees_unless_told(client: Any, digit_png: bytes) -> None:
    """The predicted digit, another, or the difference of two; not of one and itself."""
    answer = ask(client, digit_png, "method=gradient&deletion=false").json()
    label = answer["prediction"]["label"]
    named = ask(client, digit_png, f"method=gradient&deletion=false&target={label}").json()
    other = (label + 1) % 10
    apart = ask(client, digit_png, f"method=gradient&deletion=false&against={other}").json()
    refused = ask(client, digit_png, f"target={label}&against={label}")

    assert answer["tensors"] == named["tensors"]
    assert apart["measures"][0] == {"name": "target", "value": f"{label} - {other}", "unit": ""}
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["location"] == ["query", "against"]


def test_several_images_are_attributed_like_each_alone(client: Any) -> None:
    """Rows of several images share batches and change nothing."""
    pixels = [one.tolist() for one in draw_images(3, 2)]
    query = "/cnn/attribution?method=integrated_gradients&nodes=8&preprocess=none&deletion=false"
    together = client.post(query, json={"inputs": [{"pixels": one} for one in pixels]}).json()

    for one, answer in zip(pixels, together["answers"], strict=True):
        alone = client.post(query, json={"pixels": one}).json()
        for first, second in zip(alone["tensors"], answer["tensors"], strict=True):
            np.testing.assert_allclose(first["data"], second["data"], atol=1e-5)


def test_pictures_other_than_digits_have_no_ink() -> None:
    """The title of deletion curves speaks of ink for MNIST's digits alone."""
    assert deletion_title(SIMPLE_CNN) == "Target while ink is deleted, in per cent"
    assert deletion_title(COLOURS) == "Target while pixels are deleted, in per cent"


def test_both_classes_of_one_unit_have_attributions() -> None:
    """Each is compared with the other, in maps, titles and sweeps: one logit is constantly 0."""
    net = declared("plain")
    names = {"no": "no - yes", "yes": "yes - no"}
    for probe, tensor, asked in (
        ("attribution", "attribution", {"method": "gradient", "deletion": False}),
        ("sweep", "effect", {"layer": "tanh1"}),
    ):
        no, yes = (net.shown(probe, target=label, **asked) for label in (0, 1))
        assert np.abs(no[tensor]).max() > 0
        np.testing.assert_allclose(no[tensor], -yes[tensor], atol=1e-6)
        assert [no["target"], yes["target"]] == list(names.values())
        predicted = net.shown(probe, **asked)["target"]
        assert predicted == names[predicted.partition(" ")[0]]
