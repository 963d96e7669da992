"""Activation maximisation: gradient ascent for images that maximise a unit's activation."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from models.architecture import Architecture
from models.cnn.layout import layout_of
from models.runtime.programs import Call, Outputs
from probes.cnn.images import deviations, values_of

Pictures = Float32[np.ndarray, "images height width *channels"]
Basis = Literal["fourier", "pixel"]

LEARNING_RATE = 0.1
"""Step size of Adam in activation maximisation, in units of the parameters before the sigmoid."""

ADAM_DECAY = (0.9, 0.999)
"""Decay rates of activation maximisation's Adam: averages of the gradient and of its square."""

INITIAL_DEVIATION = 0.3
"""Standard deviation of the initial parameters of gradient ascent, before the sigmoid."""

INITIAL_MEAN = -1.0
"""Mean of gradient ascent's initial parameters, before the sigmoid: dark, as most of a digit is."""

ROUGHNESS_WEIGHT = 5.0
"""Weight of gradient ascent's roughness penalty, relative to the test set's largest activation.

The penalty is the mean squared difference of neighbouring pixels.
"""

INTENSITY_WEIGHT = 0.3
"""Weight of gradient ascent's intensity penalty, relative to the test set's largest activation.

The penalty is the mean squared intensity.
"""


FIRST_ORDER_STEP = 0.025
"""Change of each intensity for the estimate of gradient ascent's scale without test images.

Over 48 units of SimpleCNN the estimate then is 1.04 times the largest activation, in the median.
"""


@dataclass(frozen=True)
class AscentConfig:
    """Objective and hyperparameters of activation maximisation by gradient ascent.

    Attributes:
        architecture: Architecture of the network.
        weights: Weight of each value before a nonlinearity in the objective, a weighted sum.
        scale: Largest value of the objective over the test images, the unit of the penalties;
            None estimates it from the gradient at the first images.
        basis: Parameters are pixels, or Fourier coefficients whose amplitudes fall with frequency
            as those of natural images do.
        jitter: Largest random shift of the images before each step, in pixels.
    """

    architecture: Architecture
    weights: Float32[np.ndarray, " values"]
    scale: float | None
    basis: Basis
    images: int
    steps: int
    jitter: int
    seed: int


@dataclass(frozen=True, eq=False)
class AscentResult:
    """Images that activation maximisation ended with, and the ascended objective at each step.

    Attributes:
        pictures: Final images, intensities in [0, 1].
        values: Objective of each final image, without jitter.
        course: Objective at each step, of the shifted images.
    """

    pictures: Pictures
    values: Float32[np.ndarray, " images"]
    course: Float32[np.ndarray, "images steps"]


def weights_of(
    architecture: Architecture, layer: str, channel: int, place: tuple[int, int] | None
) -> np.ndarray:
    """Return the weights of gradient ascent's objective: of one value, or of the mean of a map.

    Args:
        architecture: Architecture of the network.
        layer: A layer before a nonlinearity, one of `Layout.linear_layers`.
        channel: Channel of a map, or unit.
        place: Row and column of a map; None takes its mean, or the unit of a dense layer.
    """
    layout, shape = layout_of(architecture), architecture.layers[layer].shape
    picked = np.zeros(shape, np.float32)
    if place is None:
        # 1 / (height * width) for each position: the weighted sum is the mean of the map.
        picked[..., channel] = np.float32(shape[-1] / picked.size)
    else:
        picked[(*place, channel)] = 1.0
    weights = np.zeros(layout.linear_count, np.float32)
    weights[layout.linear_slices[layer]] = picked.ravel()
    return weights


def ascend(config: AscentConfig) -> Generator[Sequence[Call], list[Outputs], AscentResult]:
    """Maximise an activation from several initial images at once, by gradient ascent with Adam.

    Images are the sigmoid of the parameters, so that intensities stay within [0, 1].

    References:
        Olah, Mordvintsev & Schubert (2017), Feature visualization. Kingma & Ba (2015), Adam.
    """
    random = np.random.default_rng(config.seed)
    shape, unit = layout_of(config.architecture).image_shape, deviations(config.architecture)
    spectrum = _amplitudes(config.basis, shape[0], shape[1])
    noise = random.normal(size=(config.images, *shape)).astype(np.float32)
    # float32 throughout: the host then computes in the precision of the device program.
    parameters = noise * np.float32(INITIAL_DEVIATION)
    climber = _Adam(parameters.shape)
    course: list[np.ndarray] = []
    scale = config.scale
    for _ in range(config.steps):
        pictures = _pictures(parameters, spectrum)
        down, right = random.integers(-config.jitter, config.jitter + 1, 2).tolist()
        # Jitter suppresses patterns that only have a high value at one exact position.
        got = yield _calls(config, np.roll(pictures, (down, right), (1, 2)))
        course.append(_values(got))
        # By intensities, of which an image has one standard deviation for a unit of its values.
        raw = np.stack([one["gradient"] for one in got]) / unit
        scale = _estimated_scale(raw) if scale is None else scale
        uphill = np.roll(raw, (-down, -right), (1, 2)) / np.float32(scale)
        # Chain rule through the sigmoid, whose derivative is p (1 - p).
        uphill = (uphill - _cost_gradient(pictures)) * pictures * (1 - pictures)
        parameters = parameters + climber.step(filtered(uphill, spectrum))
    pictures = _pictures(parameters, spectrum)
    got = yield _calls(config, pictures)
    values = _values(got)
    steps = np.stack(course, axis=1) if course else np.zeros((config.images, 0), np.float32)
    return AscentResult(pictures, values, steps)


def _values(got: Sequence[Outputs]) -> Float32[np.ndarray, " images"]:
    return np.concatenate([one["value"] for one in got])


def _calls(config: AscentConfig, pictures: Pictures) -> list[Call]:
    wanted, weights = frozenset({"value", "gradient"}), config.weights
    images = values_of(config.architecture, pictures)
    return [Call("push", {"image": one, "weights": weights}, wanted) for one in images]


def _estimated_scale(gradients: Pictures) -> float:
    """Return the scale of gradient ascent's penalties where no largest activation is known.

    It is the change of the objective, to first order, when each intensity of the first images moves
    by `FIRST_ORDER_STEP` in the direction of the gradient.
    """
    changes = np.abs(gradients).reshape(len(gradients), -1).sum(axis=1)
    # 1 where no pixel has an effect: the images stay at any scale.
    return FIRST_ORDER_STEP * float(changes.mean()) or 1.0


def _amplitudes(basis: Basis, height: int, width: int) -> Float32[np.ndarray, "rows columns"]:
    """Return the Fourier amplitudes of gradient ascent's basis, with mean square 1."""
    across, down = np.fft.rfftfreq(width), np.fft.fftfreq(height)
    frequency = np.hypot(down[:, None], across[None])
    if basis == "pixel":
        return np.ones_like(frequency, np.float32)
    # The constant has frequency 0: it gets the amplitude of the lowest other frequency.
    falling = 1 / np.maximum(frequency, 1 / max(height, width))
    return np.asarray(falling / np.sqrt((falling**2).mean()), np.float32)


def filtered(pictures: Pictures, spectrum: np.ndarray) -> Pictures:
    """Multiply the Fourier transform of gradient ascent's images by amplitudes (self-adjoint)."""
    # The same amplitudes for each channel, of which images of MNIST have no axis.
    wide = spectrum.reshape(*spectrum.shape, *[1] * (pictures.ndim - 3))
    transformed = np.fft.rfft2(pictures, axes=(1, 2)) * wide
    found = np.fft.irfft2(transformed, s=pictures.shape[1:3], axes=(1, 2))
    return np.asarray(found, np.float32)


def _pictures(parameters: Pictures, spectrum: np.ndarray) -> Pictures:
    level = filtered(parameters, spectrum) + np.float32(INITIAL_MEAN)
    return np.asarray(1 / (1 + np.exp(-level)), np.float32)


def _cost_gradient(pictures: Pictures) -> Pictures:
    """Gradient of activation maximisation's roughness and intensity penalties, for each pixel."""
    gradient = 2 * INTENSITY_WEIGHT * pictures
    for axis in (1, 2):
        steps = np.diff(pictures, axis=axis)
        ends = [(0, 0)] * pictures.ndim
        ends[axis] = (1, 1)
        # Each pixel is the end of one difference and the start of the next.
        gradient -= 2 * ROUGHNESS_WEIGHT * np.diff(np.pad(steps, ends), axis=axis)
    return np.asarray(gradient / pictures[0].size, np.float32)


class _Adam:
    """Adam optimiser in NumPy for gradient ascent: it maximises."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._first = np.zeros(shape, np.float32)
        self._second = np.zeros(shape, np.float32)
        self._steps = 0

    def step(self, gradient: Pictures) -> Pictures:
        """Return Adam's update of gradient ascent's parameters for a gradient."""
        self._steps += 1
        slow, slower = (np.float32(each) for each in ADAM_DECAY)
        self._first += (1 - slow) * (gradient - self._first)
        self._second += (1 - slower) * (gradient**2 - self._second)
        # Bias correction: both averages start at zero.
        first = self._first / (1 - slow**self._steps)
        second = self._second / (1 - slower**self._steps)
        return np.asarray(np.float32(LEARNING_RATE) * first / (np.sqrt(second) + np.float32(1e-8)))
