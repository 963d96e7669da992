"""Activation maximisation: objective, penalties and Adam against references, and its result."""

from collections.abc import Generator
from typing import Any

import jax
import numpy as np
import optax
import pytest

from models.cnn.layout import layout_of
from models.data.samples import Samples
from models.registry import ResidentModel
from models.runtime.programs import Call
from models.runtime.resident import drive
from probes.cnn import activation_maximisation
from probes.cnn.activation_maximisation import AscentConfig, AscentResult, ascend, weights_of
from tests.networks import SIMPLE_CNN
from tests.oracles.numpy64 import cnn_trace

RANDOM = np.random.default_rng(6)
QUIET = {"basis": "fourier", "images": 2, "jitter": 0, "seed": 3}


def found(search: AscentConfig, model: ResidentModel) -> AscentResult:
    """AscentConfig with the compiled program."""
    ended: list[AscentResult] = []

    def run() -> Generator[Any, Any, dict[str, np.ndarray]]:
        ended.append((yield from ascend(search)))
        return {}

    drive([run()], model.programs)
    return ended[0]


@pytest.mark.parametrize("layer", layout_of(SIMPLE_CNN).linear_layers)
def test_what_is_driven_is_the_value_meant(layer: str, cnn: ResidentModel, digits: Samples) -> None:
    """One value, or the mean over a map, of the float64 network."""
    image = digits.images[5]
    values = cnn_trace(image, cnn.weights)[layer]
    channel = values.shape[-1] - 3
    places = [None, (2, 5)] if SIMPLE_CNN.layers[layer].has_maps else [None]
    for place in places:
        expected = values[(*place, channel)] if place else values[..., channel].mean()
        weights = weights_of(SIMPLE_CNN, layer, channel, place)
        row = {"image": image.astype(np.float32) / np.float32(255), "weights": weights}
        (got,) = cnn.programs["push"]([Call("push", row, frozenset({"value"}))])
        assert got["value"][0] == pytest.approx(expected, abs=2e-5)
    assert weights.shape == (layout_of(SIMPLE_CNN).linear_count,)


def test_a_filter_is_its_own_transpose() -> None:
    """So a gradient by pixels goes back to the parameters by the filter that made the pixels."""
    for basis in ("fourier", "pixel"):
        spectrum = activation_maximisation._amplitudes(basis, 28, 28)
        one, other = RANDOM.normal(size=(2, 3, 28, 28)).astype(np.float32)
        there = (activation_maximisation.filtered(one, spectrum) * other).sum(dtype=np.float64)
        back = (one * activation_maximisation.filtered(other, spectrum)).sum(dtype=np.float64)
        assert there == pytest.approx(back, rel=1e-4)
    noise = RANDOM.normal(size=(400, 28, 28)).astype(np.float32)
    spectrum = activation_maximisation._amplitudes("fourier", 28, 28)
    power = (np.abs(np.fft.rfft2(activation_maximisation.filtered(noise, spectrum))) ** 2).mean(
        axis=0
    )
    assert power[0, 2] / power[0, 8] == pytest.approx(16, rel=0.4)  # amplitude falls as 1/f


def test_the_cost_is_differentiated() -> None:
    """Against central differences of the mean squares that it is made of."""
    picture = RANDOM.uniform(size=(1, 28, 28)).astype(np.float32)

    def cost(image: np.ndarray) -> float:
        rough = sum((np.diff(image, axis=axis) ** 2).sum() for axis in (0, 1))
        return (
            activation_maximisation.ROUGHNESS_WEIGHT * rough
            + activation_maximisation.INTENSITY_WEIGHT * (image**2).sum()
        ) / 784

    gradient = activation_maximisation._cost_gradient(picture)[0]
    for y, x in ((0, 0), (0, 13), (27, 27), (14, 9)):
        moved = np.zeros((28, 28))
        moved[y, x] = 1e-4
        wide = picture[0].astype(np.float64)
        slope = (cost(wide + moved) - cost(wide - moved)) / 2e-4
        assert gradient[y, x] == pytest.approx(slope, rel=1e-4)


def test_adam_is_that_of_optax() -> None:
    """Step after step, up instead of down."""
    climber = activation_maximisation._Adam((2, 28, 28))
    reference = optax.adam(
        activation_maximisation.LEARNING_RATE, *activation_maximisation.ADAM_DECAY
    )
    state = reference.init(np.zeros((2, 28, 28), np.float32))
    for _ in range(5):
        gradient = RANDOM.normal(size=(2, 28, 28)).astype(np.float32)
        with jax.numpy_dtype_promotion("standard"):
            step, state = reference.update(-gradient, state)
        np.testing.assert_allclose(climber.step(gradient), np.asarray(step), rtol=1e-4, atol=1e-7)


def test_of_a_linear_value_it_finds_the_optimum() -> None:
    """Ink where the weight is positive, none where it is negative; moves are undone."""
    slope = np.full((28, 28), -1, np.float32)
    slope[8:20, 5:15] = 1
    climb = ascend(AscentConfig(SIMPLE_CNN, np.zeros(1, np.float32), 0.05, "pixel", 1, 200, 0, 0))
    calls = next(climb)
    try:
        while True:
            calls = climb.send(
                [
                    {"value": np.array([(one.row["image"] * slope).sum()]), "gradient": slope}
                    for one in calls
                ]
            )
    except StopIteration as end:
        ended = end.value

    np.testing.assert_array_equal(ended.pictures[0] > 0.5, slope > 0)
    assert ended.values[0] > 0.8 * (slope > 0).sum()


@pytest.mark.parametrize(
    ("layer", "channel", "place"),
    [("conv2", 7, (7, 7)), ("conv3", 5, None), ("dense1", 10, None), ("logits", 8, None)],
)
def test_it_climbs_beyond_the_start(
    layer: str, channel: int, place: tuple[int, int] | None, cnn: ResidentModel
) -> None:
    """Each image ends with an objective far above that of its start, for every kind of unit."""
    search = AscentConfig(
        SIMPLE_CNN, weights_of(SIMPLE_CNN, layer, channel, place), 1.0, steps=40, **QUIET
    )
    ended = found(search, cnn)

    assert ended.course.shape == (2, 40)
    assert (ended.values > ended.course[:, 0] + 0.5).all()
    assert ended.pictures.min() >= 0
    assert ended.pictures.max() <= 1


def test_a_seed_decides(cnn: ResidentModel) -> None:
    """The same seed gives the same pictures, another seed others; no two of one search are one."""
    weights = weights_of(SIMPLE_CNN, "logits", 3, None)
    one, same, other = (
        found(AscentConfig(SIMPLE_CNN, weights, 1.0, "fourier", 2, 6, 1, seed), cnn)
        for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(one.pictures, same.pictures)
    assert np.abs(one.pictures - other.pictures).max() > 0.01
    assert np.abs(one.pictures[0] - one.pictures[1]).max() > 0.01


def test_the_value_stated_is_that_of_the_picture(cnn: ResidentModel) -> None:
    """Another program gives the last pictures the same logit."""
    ended = found(
        AscentConfig(SIMPLE_CNN, weights_of(SIMPLE_CNN, "logits", 4, None), 1.0, steps=5, **QUIET),
        cnn,
    )
    calls = [Call("score", {"image": one}, frozenset({"logits"})) for one in ended.pictures]
    logits = [one["logits"][4] for one in cnn.programs["score"](calls)]

    np.testing.assert_allclose(ended.values, logits, atol=1e-4)
