"""Calibration of SimpleCNN: temperature scaling, calibration error, accuracy by probability."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer
from pydantic import Field, TypeAdapter, ValidationError

from models.runtime.checkpoints import CheckpointError

BINS = 15
"""Number of probability bins of the expected calibration error, as in Guo et al. (2017)."""

TEMPERATURES = (0.05, 20.0)
"""Lowest and highest temperature of the fit; a minimum of the loss beyond them is no estimate."""

RELIABILITY_EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999)
"""Lower edges of the reliability bins before those of few images are merged.

0.7 is the probability below which an image is `ambiguous`.
"""

MIN_BIN_IMAGES = 30
"""Fewest images of a reliability bin; the accuracy of fewer would be little more than chance."""

CONFIDENCE_LEVEL = 0.95
"""Confidence level of the interval of a reliability bin's accuracy."""

Logits = Float[np.ndarray, "images classes"]
Labels = Integer[np.ndarray, " images"]


class LabelledLogits(NamedTuple):
    """Logits of images, and their labels, to measure the calibration of.

    A set without images is possible.
    """

    logits: Logits
    labels: Labels


Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class CalibrationScores:
    """Calibration scores of class probabilities over a set of images.

    Attributes:
        ece: Expected calibration error: |accuracy - mean top probability| of each of 15 bins of
            equal width, averaged with the bins' shares of the images as weights.
        ece_equal_mass: Expected calibration error over 15 bins of equally many images.
        nll: Negative log likelihood of the labels, the mean over images, in nats.
        mean_top_probability: Mean probability of the predicted class.
    """

    ece: Share
    ece_equal_mass: Share
    nll: float
    mean_top_probability: Share


@dataclass(frozen=True)
class ReliabilityBin:
    """Reliability bin: accuracy on the test images with a top probability in a range.

    Attributes:
        low: Lower edge of the softmax probability, included.
        high: Upper edge, excluded unless it is 1.
        images: Number of test images in the bin.
        right: Number of these whose predicted class is the label.
        accuracy_low: Lower end of the 95 % confidence interval of the accuracy (Clopper-Pearson).
        accuracy_high: Upper end of that interval.
    """

    low: Share
    high: Share
    images: Count
    right: Count
    accuracy_low: Share
    accuracy_high: Share

    def sentence(self, test_images: int) -> str:
        """Return the meaning of a top probability in this reliability bin as plain sentences.

        Args:
            test_images: Number of test images of all bins together.
        """
        upper = "to 100 %" if self.high == 1 else f"to below {_percent(self.high)}"
        share = "all of them" if self.right == self.images else f"{self.right:,} of them"
        return (
            f"Of {test_images:,} MNIST test images, {self.images:,} get a probability of "
            f"{_percent(self.low)} {upper} for the predicted digit, and the prediction is right "
            f"for {share}: an accuracy of {_percent(self.accuracy_low)} to "
            f"{_percent(self.accuracy_high)} (95 % confidence interval). This holds for images "
            "like those of MNIST only."
        )


@dataclass(frozen=True)
class Calibration:
    """Calibration of trained weights of SimpleCNN, as their metadata state it.

    Attributes:
        temperature: Divisor of the logits, fitted on validation images; None where no images were
            held out, none of them was misread, or the likelihood has no maximum between the limits.
        validation_images: Number of validation images.
        test_images: Number of test images, over which everything else is measured.
        softmax: Scores of the softmax of the logits.
        calibrated: Scores of the softmax of logits / temperature; None without a temperature.
        reliability: Accuracy by top probability of the softmax, bins ascending from 0 to 1.
    """

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None
    validation_images: Count
    test_images: Count
    softmax: CalibrationScores
    calibrated: CalibrationScores | None
    reliability: Annotated[tuple[ReliabilityBin, ...], Field(min_length=1)]

    @cached_property
    def _lower_edges(self) -> list[float]:
        return [each.low for each in self.reliability]

    @cached_property
    def _stated(self) -> list[dict[str, Any]]:
        return [
            {
                "low": each.low,
                "high": each.high,
                "images": each.images,
                "right": each.right,
                "sentence": each.sentence(self.test_images),
            }
            for each in self.reliability
        ]

    def reliability_of(self, probability: float) -> Mapping[str, Any]:
        """Return the reliability bin of a top probability as a field of a response.

        Returns:
            `low`, `high`, `images` and `right` of the bin, and `sentence`.
        """
        return self._stated[max(bisect_right(self._lower_edges, probability) - 1, 0)]


def calibration_of(metadata: Mapping[str, Any]) -> Calibration | None:
    """Read the calibration from the metadata of weights; None where they have none.

    Raises:
        CheckpointError: The entry `calibration` lacks a value or has one of another type or range.
    """
    if "calibration" not in metadata:
        return None
    try:
        return TypeAdapter(Calibration).validate_python(metadata["calibration"])
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, ("calibration", *first["loc"])))
        msg = (
            f"metadata {place} is not valid: {first['msg']}; "
            "`python -m scripts.calibrate` measures the calibration again"
        )
        raise CheckpointError(msg) from error


def measure_calibration(validation: LabelledLogits, test: LabelledLogits) -> Calibration:
    """Fit the temperature on validation images, and measure the calibration on test images.

    Args:
        validation: Images that the weights were not trained on; perhaps none.
        test: Test images.
    """
    temperature = fit_temperature(*validation)
    logits, labels = test
    probabilities, right = top_probabilities(logits, labels)
    return Calibration(
        temperature,
        len(validation.labels),
        len(labels),
        calibration_scores(logits, labels),
        calibration_scores(logits, labels, temperature) if temperature else None,
        reliability_bins(probabilities, right),
    )


def fit_temperature(logits: Logits, labels: Labels) -> float | None:
    """Fit the temperature of calibrated probabilities: the divisor of logits of least loss.

    The negative log likelihood is convex in 1 / temperature, so that it has one minimum.

    Returns:
        The temperature, to four decimals; None without images, without an error among them, or
        where the likelihood has no maximum between the limits `TEMPERATURES`.

    References:
        Guo, Pleiss, Sun & Weinberger (2017), On calibration of modern neural networks, section 4.2.
    """
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - half a second at every start

    # Without an error the likelihood grows without end as the temperature falls to 0.
    if (logits.argmax(axis=1) == labels).all():
        return None
    low, high = np.log(TEMPERATURES)
    best = minimize_scalar(
        lambda exponent: negative_log_likelihood(logits, labels, float(np.exp(exponent))),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-7},
    )
    # The bounded search ends some 1e-6 inside its limits.
    if not low + 1e-3 < best.x < high - 1e-3:
        return None
    return round(float(np.exp(best.x)), 4)


def calibration_scores(
    logits: Logits, labels: Labels, temperature: float = 1.0
) -> CalibrationScores:
    """Measure the calibration scores of the softmax of logits / temperature."""
    probabilities, right = top_probabilities(logits, labels, temperature)
    width = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    mass = np.empty(len(labels), np.int64)
    mass[np.argsort(probabilities, kind="stable")] = np.arange(len(labels)) * BINS // len(labels)
    return CalibrationScores(
        round(expected_calibration_error(probabilities, right, width), 6),
        round(expected_calibration_error(probabilities, right, mass), 6),
        round(negative_log_likelihood(logits, labels, temperature), 6),
        round(float(probabilities.mean()), 6),
    )


def expected_calibration_error(
    probabilities: Float[np.ndarray, " images"],
    right: Bool[np.ndarray, " images"],
    bins: Integer[np.ndarray, " images"],
) -> float:
    """Return the expected calibration error for given bins.

    Args:
        probabilities: Probability of the predicted class.
        right: Whether the predicted class is the label.
        bins: Bin of each image, from 0 to 14.

    References:
        Naeini, Cooper & Hauskrecht (2015), Obtaining well calibrated probabilities using Bayesian
        binning; Guo et al. (2017), equation 3.
    """
    # |sum of probability - sum of right| is the bin's gap times its number of images.
    gaps = np.bincount(bins, probabilities - right, BINS)
    return float(np.abs(gaps).sum()) / len(right)


def reliability_bins(
    probabilities: Float[np.ndarray, " images"], right: Bool[np.ndarray, " images"]
) -> tuple[ReliabilityBin, ...]:
    """Measure the accuracy by top probability in reliability bins of at least 30 images.

    A bin with fewer images is merged with the one below it, the lowest with the one above.
    """
    edges = _merged_edges(probabilities)
    counts, _ = np.histogram(probabilities, [*edges, 1.0])
    hits, _ = np.histogram(probabilities[right], [*edges, 1.0])
    return tuple(
        ReliabilityBin(low, high, images, correct, *_accuracy_interval(correct, images))
        for low, high, images, correct in zip(
            edges, [*edges[1:], 1.0], counts.tolist(), hits.tolist(), strict=True
        )
    )


def _merged_edges(probabilities: Float[np.ndarray, " images"]) -> list[float]:
    """Return the lower edges of the reliability bins that have enough images."""
    kept, taken = [], 0
    for edge in reversed(RELIABILITY_EDGES):
        images = int((probabilities >= edge).sum()) - taken
        if images >= MIN_BIN_IMAGES:
            kept.append(edge)
            taken += images
    # The images below the lowest kept edge, if any, join its bin.
    return [0.0, *sorted(kept)[1:]]


def _accuracy_interval(right: int, images: int) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a reliability bin's accuracy."""
    from scipy.stats import binomtest  # noqa: PLC0415 - a second at every start

    interval = binomtest(right, images).proportion_ci(CONFIDENCE_LEVEL, "exact")
    return round(float(interval.low), 6), round(float(interval.high), 6)


def top_probabilities(
    logits: Logits, labels: Labels, temperature: float = 1.0
) -> tuple[Float[np.ndarray, " images"], Bool[np.ndarray, " images"]]:
    """Return the calibrated probability of the predicted class, and whether it is the label."""
    return (
        np.exp(_log_softmax(logits, temperature).max(axis=1)),
        logits.argmax(axis=1) == labels,
    )


def negative_log_likelihood(logits: Logits, labels: Labels, temperature: float = 1.0) -> float:
    """Return the mean negative log likelihood of labels under calibrated probabilities, in nats."""
    return -float(_log_softmax(logits, temperature)[np.arange(len(labels)), labels].mean())


def _log_softmax(logits: Logits, temperature: float) -> Float[np.ndarray, "images classes"]:
    """Return the logarithms of calibrated probabilities, in float64."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    return np.asarray(scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True)))


def _percent(share: float) -> str:
    """Write a share in percent with four significant digits, for a reliability bin's sentence."""
    return f"{100 * share:.4g} %"


def describe(calibration: Calibration) -> dict[str, Any]:
    """Return the calibration as JSON values for metadata and report."""
    described: dict[str, Any] = TypeAdapter(Calibration).dump_python(calibration, mode="json")
    return described
