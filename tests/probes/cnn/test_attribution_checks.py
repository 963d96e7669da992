"""Checks of an attribution: rank correlations of the sanity check, ties, and warnings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from models.cnn.layout import layout_of
from models.data.samples import Samples
from models.runtime.programs import Call
from models.runtime.resident import ResidentProgram
from probes.cnn import faithfulness
from probes.cnn.attribution_methods import attribute, enlarged
from probes.cnn.baselines import baseline
from probes.cnn.pooling_ties import tied_pixels
from tests.networks import SIMPLE_CNN
from tests.oracles.attribution64 import Network
from tests.probes.cnn.attributed import TARGET, WEIGHTS, attribution_programs, done, method_input

STROKES = np.zeros((28, 28), np.float32)
STROKES[6:20, 8:12] = np.linspace(0.1, 1.0, 56, dtype=np.float32).reshape(14, 4)


@pytest.fixture(scope="module")
def programs() -> Mapping[str, ResidentProgram]:
    """The programs that attributions run, with drawn and with reset weights."""
    return attribution_programs()


def checked(programs: Mapping[str, ResidentProgram], image: np.ndarray, **parameters: Any) -> Any:
    """Attribute, and run the sanity check: map of the trained weights, rank correlations."""
    given = method_input(image, **parameters)
    trained = done(attribute(given), programs)["map"]
    return trained, done(faithfulness.randomisation_check(given, trained), programs)


def test_rank_correlation_knows_ties_and_order() -> None:
    """Monotone is 1, reversed -1, tied values share a rank, a flat map has no correlation."""
    values = np.array([3.0, 1.0, 2.0, 5.0, 9.0, 8.0, 7.0, 6.0, 4.0, 0.0])

    assert faithfulness.rank_correlation(values, values**3) == pytest.approx(1.0)
    assert faithfulness.rank_correlation(values, -values) == pytest.approx(-1.0)
    # By hand: ranks 1.5 1.5 3 … 10 against 1 … 10, of variance 82.5, and 82 with the tie.
    rising = np.arange(10.0)
    tied = faithfulness.rank_correlation(np.maximum(rising, 1.0), rising)
    assert tied == pytest.approx(82.0 / np.sqrt(82.0 * 82.5))
    assert np.isnan(faithfulness.rank_correlation(values, values * 0))
    assert np.isnan(faithfulness.rank_correlation(values[:9], values[:9]))


@pytest.mark.parametrize("method", ["gradient", "gradient_x_input", "integrated_gradients"])
@pytest.mark.parametrize("chosen", ["black", "white", "mean", "blur"])
def test_sanity_compares_pixels_that_differ_from_the_baseline(
    method: str, chosen: Any, programs: Any
) -> None:
    """The correlations are over those pixels alone, of maps with each set of weights."""
    parameters = {"method": method, "baseline": chosen, "nodes": 4}
    trained, found = checked(programs, STROKES, **parameters)
    own = "black" if method == "gradient_x_input" else chosen
    compared = abs(STROKES - baseline(own, STROKES, SIMPLE_CNN)) > 0.5 / 255

    for row, layer in enumerate(layout_of(SIMPLE_CNN).cascade):
        given = method_input(STROKES, f"reset-{layer}", **parameters)
        other = done(attribute(given), programs)["map"]
        pair = (trained[compared], other[compared])
        assert found[row, 0] == pytest.approx(faithfulness.rank_correlation(*pair))
        magnitudes = faithfulness.rank_correlation(*map(abs, pair))
        assert found[row, 1] == pytest.approx(magnitudes)
    assert found.shape == (5, 2)


@pytest.mark.parametrize("method", ["gradient_x_input", "integrated_gradients"])
def test_background_of_the_baseline_raises_no_correlation(method: str, programs: Any) -> None:
    """Zeros common to all maps are left out: over all pixels the magnitudes would correlate .9."""
    trained, found = checked(programs, STROKES, method=method, nodes=8)
    given = method_input(STROKES, "reset-conv1", method=method, nodes=8)
    other = done(attribute(given), programs)["map"]

    everywhere = faithfulness.rank_correlation(abs(trained).ravel(), abs(other).ravel())
    assert everywhere > 0.9
    assert found[-1, 1] < 0.6


def test_maps_of_layers_are_compared_at_the_size_of_the_picture(programs: Any) -> None:
    """A class activation map is enlarged first, as for the deletion curves."""
    parameters = {"method": "hirescam", "layer": "relu3"}
    trained, found = checked(programs, STROKES, **parameters)
    (reset,) = programs["layer_gradient"](
        [
            Call(
                "layer_gradient",
                {"image": STROKES, "target": TARGET},
                frozenset({"relu3", "relu3.gradient"}),
                "reset-conv3",
            )
        ]
    )
    other = (reset["relu3"] * reset["relu3.gradient"]).sum(axis=0)

    pair = [enlarged(one, (28, 28))[STROKES > 0] for one in (trained, other)]
    assert found[2, 0] == pytest.approx(faithfulness.rank_correlation(*pair), abs=1e-3)


PICTURES = {
    "blank": np.zeros((28, 28)),
    "white": np.ones((28, 28)),
    "one pixel": np.eye(1, 784, 400).reshape(28, 28),
    "stripes": np.tile(np.linspace(0, 1, 28)[:, None], (1, 28)),
    "tiles of period 2": np.tile([[0.1, 0.8], [0.5, 0.3]], (14, 14)),
    "tiles of period 4": np.tile(np.random.default_rng(0).random((4, 4)), (7, 7)),
    "noise": np.random.default_rng(1).random((28, 28)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_tied_pixels_are_those_whose_gradient_depends_on_the_rule(name: str) -> None:
    """In float64: equal shares change the gradient of tied pixels, and of no other."""
    image = PICTURES[name].astype(np.float32)
    first, shared = (
        Network(WEIGHTS, rule).gradients(image[None], TARGET)[0] for rule in ("first", "shared")
    )

    changed = abs(first - shared) > 1e-9
    tied = tied_pixels(SIMPLE_CNN, [image])
    assert not (changed & ~tied).any()
    assert changed.sum() >= 0.9 * tied.sum()


def test_ties_of_a_path_are_those_of_both_ends() -> None:
    """Against white every even area of a digit is tied; against noise none is."""
    noise = np.random.default_rng(2).random((28, 28)).astype(np.float32)
    ground = STROKES == 0

    assert (
        tied_pixels(SIMPLE_CNN, [STROKES, np.ones_like(STROKES)]) & ground
    ).sum() > 0.8 * ground.sum()
    assert not tied_pixels(SIMPLE_CNN, [STROKES, noise]).any()


def ask(client: Any, pixels: Any, query: str) -> Any:
    """Attribute the target logit to the pixels of an image that is not prepared."""
    path = f"/cnn/attribution?preprocess=none&{query}"
    body = {"pixels": np.asarray(pixels).astype(int).tolist()}
    return client.post(path, json=body).json()


def codes(answer: Any) -> dict[str, str]:
    """Message of each warning, by code."""
    return {one["code"]: one["message"] for one in answer["warnings"]}


def stated(answer: Any) -> dict[str, Any]:
    """Value of each measure, by name."""
    return {one["name"]: one["value"] for one in answer["measures"]}


@pytest.mark.parametrize("count", [0, 1, 9])
def test_too_few_pixels_to_compare_are_named(client: Any, count: int) -> None:
    """A blank image, or a few pixels: null with the reason, not a number."""
    pixels = np.zeros(784, int)
    pixels[400 : 400 + count] = 255
    query = "method=integrated_gradients&nodes=2&deletion=false&sanity=true"
    answer = ask(client, pixels.reshape(28, 28), query)
    sanity = next(one for one in answer["tensors"] if one["name"] == "sanity")

    assert sanity["data"] == [[None] * 5] * 2
    assert stated(answer)["sanity_pixels"] == count
    assert f"{count} pixels differ" in codes(answer)["no-ranks"]


def test_a_map_of_equal_values_has_no_ranks(client: Any, digits: Samples) -> None:
    """One window over the whole picture gives all pixels one value, which the warning says."""
    query = "method=occlusion&window=28&stride=28&deletion=false&sanity=true"
    answer = ask(client, digits.images[0], query)

    assert "all values of a map are equal" in codes(answer)["no-ranks"]
    assert stated(answer)["sanity_pixels"] == np.count_nonzero(digits.images[0])


def test_an_incomplete_sum_is_warned_about(client: Any, digits: Samples) -> None:
    """By `delta`, as a share of the targets' difference; most nodes end it."""
    few, many = (
        [
            ask(client, image, f"method=integrated_gradients&deletion=false&nodes={nodes}")
            for image in digits.images[:8]
        ]
        for nodes in (4, 256)
    )

    for answer in few + many:
        values = stated(answer)
        share = abs(values["delta"]) / abs(values["f_input"] - values["f_baseline"])
        assert ("incomplete" in codes(answer)) == (share > 0.05)
    warned = [codes(answer)["incomplete"] for answer in few if "incomplete" in codes(answer)]
    assert len(warned) >= 4
    assert all("ask with nodes=256" in message for message in warned)
    assert not any("incomplete" in codes(answer) for answer in many)


def test_an_unfaithful_map_is_warned_about(client: Any, digits: Samples) -> None:
    """Where `faithfulness` is negative; with Grad-CAM that is common, which the warning says."""
    answers = [ask(client, image, "method=grad_cam") for image in digits.images[:24]]
    negative = [stated(answer)["faithfulness"] < -0.01 for answer in answers]

    assert 4 <= sum(negative) <= 16
    for answer, expected in zip(answers, negative, strict=True):
        assert ("unfaithful" in codes(answer)) == expected
        if expected:
            assert "common for Grad-CAM" in codes(answer)["unfaithful"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("method=integrated_gradients&baseline=white", True),
        ("method=integrated_gradients&baseline=black", False),
        ("method=integrated_gradients&baseline=mean", False),
        ("method=integrated_gradients&baseline=blur", False),
        ("method=gradient", True),
        ("method=smoothgrad&samples=2", False),
        ("method=smoothgrad&samples=2&noise=0", True),
        ("method=occlusion&baseline=white", False),
    ],
)
def test_ties_on_even_ground_are_warned_about(
    client: Any, digits: Samples, query: str, expected: bool
) -> None:
    """Most pixels of the map are tied: an even background against white, or a plain gradient."""
    answer = ask(client, digits.images[0], f"{query}&nodes=50&deletion=false")

    assert ("pool-ties" in codes(answer)) == expected
    if expected:
        assert str(stated(answer)["tied_pixels"]) in codes(answer)["pool-ties"]
