"""Specialisation of the CNN's channels, for its findings: selectivity, and interchange."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from probes.cnn.representations import auc_of_ranks, midranks
from probes.shared.needs import DIGITS

EXCHANGED = 4
"""Interchange of channels: the channels with a digit's highest selectivity, one of this many."""

PARTNERS = 4
"""Interchange of channels: number of images of another digit that each image is paired with."""

DRAWS = 5
"""Interchange of channels: draws of as many random channels that it is compared with."""

SEED = 2026

Maps = Float32[np.ndarray, "images channels rows columns"]
Maxima = Float32[np.ndarray, "images channels"]
Labels = Int[np.ndarray, " images"]
Digits = Float[np.ndarray, "digits channels"]


def digit_selectivity(maxima: Maxima, labels: Labels) -> Digits:
    """Return the selectivity of each channel for each digit, on all of the images.

    It is the probability that an image of the digit activates the channel more than another image,
    0.5 by chance.

    Args:
        maxima: Largest value of each channel's map.
    """
    ranks = midranks(maxima)
    return np.stack([auc_of_ranks(ranks, labels == digit) for digit in range(len(DIGITS))])


def halves(count: int) -> tuple[Bool[np.ndarray, " images"], Bool[np.ndarray, " images"]]:
    """Return the two halves of the images that measure the specialisation of channels."""
    even = np.arange(count) % 2 == 0
    return even, ~even


def selectivity(maxima: Maxima, labels: Labels) -> Float[np.ndarray, " channels"]:
    """Return each channel's selectivity for its favourite digit, 0.5 by chance.

    The favourite is chosen on one half of the images and measured on the other, then the other way
    round; the result is the mean of both.
    """
    first, second = (digit_selectivity(maxima[half], labels[half]) for half in halves(len(labels)))
    channels = np.arange(maxima.shape[1])
    measured = [
        other[chosen.argmax(axis=0), channels]
        for chosen, other in ((first, second), (second, first))
    ]
    return np.asarray(np.mean(measured, axis=0))


def logits(weights: Mapping[str, np.ndarray], maps: Maps) -> Float32[np.ndarray, "images classes"]:
    """Compute the CNN's logits from maps of relu3, as the findings need them of edited maps."""
    flat = maps.transpose(0, 2, 3, 1).reshape(len(maps), -1)
    hidden = np.maximum(flat @ weights["dense1.kernel"] + weights["dense1.bias"], 0)
    return np.asarray(hidden @ weights["output.kernel"] + weights["output.bias"])


class Interchange(NamedTuple):
    """Interchange of channels: shares of images whose answer becomes the other image's digit.

    Attributes:
        selective: Share with the channels that are most selective for either image's digit.
        random: Shares with as many channels drawn at random, by draw.
    """

    selective: float
    random: Float[np.ndarray, " draws"]

    @property
    def gain(self) -> float:
        """Share with selective channels minus the mean share with random ones."""
        return float(self.selective - self.random.mean())

    @property
    def random_gains(self) -> tuple[float, ...]:
        """Share of each draw of random channels minus the mean of the other draws."""
        others = (self.random.sum() - self.random) / (len(self.random) - 1)
        return tuple((self.random - others).tolist())


def interchange(weights: Mapping[str, np.ndarray], maps: Maps, labels: Labels) -> Interchange:
    """Interchange channels of relu3 between images of two digits, and read the CNN's answer.

    An image gets some maps from an image of another digit and keeps the others: those of the
    quarter of channels that are most selective for its digit, and for that of the other image.
    Channels are chosen on one half of the images and interchanged within the other half.

    References:
        Geiger, Lu, Icard & Potts (2021), Causal abstractions of neural networks.
    """
    random = np.random.default_rng(SEED)
    shares = []
    for chosen, measured in (halves(len(labels)), halves(len(labels))[::-1]):
        selective = _most(digit_selectivity(maps[chosen].max(axis=(2, 3)), labels[chosen]))
        receivers, donors = _pairs(np.flatnonzero(measured), labels, random)
        exchanged = selective[labels[receivers]] | selective[labels[donors]]
        masks = [exchanged, *(random.permuted(exchanged, axis=1) for _ in range(DRAWS))]
        for mask in masks:
            mixed = np.where(mask[..., None, None], maps[donors], maps[receivers])
            shares.append((logits(weights, mixed).argmax(axis=1) == labels[donors]).mean())
    by_draw = np.reshape(shares, (2, 1 + DRAWS)).mean(axis=0)
    return Interchange(float(by_draw[0]), by_draw[1:])


def _most(selective: Digits) -> Bool[np.ndarray, "digits channels"]:
    """Mark the channels of an interchange: those of the highest selectivity for each digit."""
    count = selective.shape[1] // EXCHANGED
    marked = np.zeros(selective.shape, bool)
    order = np.argsort(-selective, axis=1, kind="stable")[:, :count]
    np.put_along_axis(marked, order, values=True, axis=1)
    return marked


def _pairs(
    chosen: Int[np.ndarray, " chosen"], labels: Labels, random: np.random.Generator
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """Pair each chosen image of an interchange with chosen images of other digits."""
    receivers = np.repeat(chosen, PARTNERS)
    donors = [random.choice(chosen[labels[chosen] != labels[one]]) for one in receivers]
    return receivers, np.array(donors)
