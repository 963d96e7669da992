"""Activation maximisation: a picture, found by gradient ascent, that drives a unit high."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from models.architecture import HEIGHT, LAYERS, WIDTH
from models.cnn.analyses import LINEAR_SLICES
from models.runtime.programs import Call, Outputs

Pictures = Float32[np.ndarray, "images 28 28"]
Basis = Literal["fourier", "pixel"]

RATE = 0.1
"""Step size of Adam, in units of the parameters before the sigmoid."""

FORGETTING = (0.9, 0.999)
"""How much of their past Adam's two averages keep at each step."""

START_SPREAD = 0.3
"""Standard deviation of the parameters at the start, before the sigmoid."""

START_LEVEL = -1.0
"""Their mean: the search begins from dark grey, as most of a digit is ground."""

ROUGHNESS = 5.0
"""What the mean squared difference of neighbouring pixels costs, in units of the largest value over
the test set."""

INK = 0.3
"""What the mean squared intensity costs, likewise."""


@dataclass(frozen=True)
class Search:
    """What is searched for, and how.

    Attributes:
        weights: Of every value before a nonlinearity in the sum to be driven high.
        scale: What that sum is at most over the test images: costs are measured in it.
        basis: The parameters are those of the pixels, or of their Fourier transform with amplitudes
            that fall with frequency as those of natural pictures do.
        jitter: Before each step the picture is moved by up to so many pixels each way.
    """

    weights: Float32[np.ndarray, " values"]
    scale: float
    basis: Basis
    images: int
    steps: int
    jitter: int
    seed: int


@dataclass(frozen=True, eq=False)
class Found:
    """What a search came to.

    Attributes:
        pictures: The last of each, with intensities in [0, 1].
        values: The sum that each reaches as it is, not moved.
        course: The sum at each step, of the picture moved.
    """

    pictures: Pictures
    values: Float32[np.ndarray, " images"]
    course: Float32[np.ndarray, "images steps"]


def weights_of(layer: str, channel: int, place: tuple[int, int] | None) -> np.ndarray:
    """Return the weights that pick one value, or the mean over a channel's map.

    Args:
        layer: One before a nonlinearity, a key of `LINEAR_SLICES`.
        place: Row and column of a map; None takes its mean, or the unit of a dense layer.
    """
    shape = LAYERS[layer].shape
    picked = np.zeros(shape, np.float32)
    if place is None:
        picked[..., channel] = np.float32(shape[-1] / picked.size)
    else:
        picked[(*place, channel)] = 1.0
    weights = np.zeros(max(each.stop for each in LINEAR_SLICES.values()), np.float32)
    weights[LINEAR_SLICES[layer]] = picked.ravel()
    return weights


def ascend(search: Search) -> Generator[Sequence[Call], list[Outputs], Found]:
    """Climb, all images side by side: each step is a slice of calls of one program.

    Pictures are the sigmoid of the parameters, so that no intensity leaves [0, 1].

    References:
        Olah, Mordvintsev & Schubert (2017), Feature visualization. Kingma & Ba (2015), Adam.
    """
    random = np.random.default_rng(search.seed)
    spectrum = _amplitudes(search.basis)
    noise = random.normal(size=(search.images, HEIGHT, WIDTH)).astype(np.float32)
    parameters = noise * np.float32(START_SPREAD)
    climber = _Adam(parameters.shape)
    course: list[np.ndarray] = []
    for _ in range(search.steps):
        pictures = _pictures(parameters, spectrum)
        down, right = random.integers(-search.jitter, search.jitter + 1, 2).tolist()
        got = yield _calls(np.roll(pictures, (down, right), (1, 2)), search.weights)
        course.append(_values(got))
        raw = np.stack([one["gradient"] for one in got])
        uphill = np.roll(raw, (-down, -right), (1, 2)) / np.float32(search.scale)
        uphill = (uphill - _cost_gradient(pictures)) * pictures * (1 - pictures)
        parameters = parameters + climber.step(filtered(uphill, spectrum))
    pictures = _pictures(parameters, spectrum)
    got = yield _calls(pictures, search.weights)
    values = _values(got)
    steps = np.stack(course, axis=1) if course else np.zeros((search.images, 0), np.float32)
    return Found(pictures, values, steps)


def _values(got: Sequence[Outputs]) -> Float32[np.ndarray, " images"]:
    return np.concatenate([one["value"] for one in got])


def _calls(pictures: Pictures, weights: np.ndarray) -> list[Call]:
    wanted = frozenset({"value", "gradient"})
    return [Call("cnn.push", {"image": one, "weights": weights}, wanted) for one in pictures]


def _amplitudes(basis: Basis) -> Float32[np.ndarray, "rows columns"]:
    """Return how strongly each frequency follows its parameters; one mean square over all."""
    across, down = np.fft.rfftfreq(WIDTH), np.fft.fftfreq(HEIGHT)
    frequency = np.hypot(down[:, None], across[None])
    if basis == "pixel":
        return np.ones_like(frequency, np.float32)
    falling = 1 / np.maximum(frequency, 1 / max(HEIGHT, WIDTH))
    return np.asarray(falling / np.sqrt((falling**2).mean()), np.float32)


def filtered(pictures: Pictures, spectrum: np.ndarray) -> Pictures:
    """Multiply the Fourier transform of each picture by real amplitudes: its own transpose."""
    transformed = np.fft.rfft2(pictures) * spectrum
    return np.asarray(np.fft.irfft2(transformed, s=(HEIGHT, WIDTH)), np.float32)


def _pictures(parameters: Pictures, spectrum: np.ndarray) -> Pictures:
    level = filtered(parameters, spectrum) + np.float32(START_LEVEL)
    return np.asarray(1 / (1 + np.exp(-level)), np.float32)


def _cost_gradient(pictures: Pictures) -> Pictures:
    """Differentiate the cost of roughness and of ink with respect to every pixel."""
    gradient = 2 * INK * pictures
    for axis in (1, 2):
        steps = np.diff(pictures, axis=axis)
        ends = [(0, 0)] * 3
        ends[axis] = (1, 1)
        # A pixel is the end of one step and the start of the next.
        gradient -= 2 * ROUGHNESS * np.diff(np.pad(steps, ends), axis=axis)
    return np.asarray(gradient / (HEIGHT * WIDTH), np.float32)


class _Adam:
    """Adam on the host, climbing."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._first = np.zeros(shape, np.float32)
        self._second = np.zeros(shape, np.float32)
        self._steps = 0

    def step(self, gradient: Pictures) -> Pictures:
        """Return how far to go, up the gradient."""
        self._steps += 1
        slow, slower = (np.float32(each) for each in FORGETTING)
        self._first += (1 - slow) * (gradient - self._first)
        self._second += (1 - slower) * (gradient**2 - self._second)
        first = self._first / (1 - slow**self._steps)
        second = self._second / (1 - slower**self._steps)
        return np.asarray(np.float32(RATE) * first / (np.sqrt(second) + np.float32(1e-8)))
