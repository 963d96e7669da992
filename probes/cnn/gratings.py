"""Gratings of the CNN's findings: images of sinusoids, and tuning of channels to them."""

from functools import cache

import numpy as np
from jaxtyping import Float, UInt8

SIDE = 28
"""Gratings of the CNN's findings: side of the images, in pixels."""

PERIODS = (12, 8, 6, 4, 3)
"""Gratings of the CNN's findings: periods, in pixels."""

ORIENTATIONS = 8
"""Gratings of the CNN's findings: number of orientations, evenly spaced over 180 degrees."""

PHASES = 2
"""Gratings of the CNN's findings: number of phases, a quarter of a period apart."""

BORDER = 8
"""Gratings of the CNN's findings: border of the image that is left out, in pixels.

The receptive fields of the positions within it, of conv1 and conv2, lie inside the image.
"""

Amplitudes = Float[np.ndarray, "periods orientations channels"]


@cache
def gratings() -> UInt8[np.ndarray, "gratings 28 28"]:
    """Draw the gratings of the CNN's findings, with periods outermost and phases innermost."""
    y, x = np.mgrid[:SIDE, :SIDE]
    angles = np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS
    waves = [
        np.cos(2 * np.pi * (np.cos(angle) * x + np.sin(angle) * y) / period + phase * np.pi / 2)
        for period in PERIODS
        for angle in angles
        for phase in range(PHASES)
    ]
    return np.round(127.5 * (1 + np.stack(waves))).astype(np.uint8)


def amplitudes(maps: Float[np.ndarray, "gratings channels rows columns"]) -> Amplitudes:
    """Return the modulation of each channel by gratings: deviation over positions and phases.

    Args:
        maps: Values before the nonlinearity for each image of `gratings`.
    """
    edge = BORDER * maps.shape[-1] // SIDE
    inner = maps[..., edge:-edge, edge:-edge].astype(np.float64)
    grouped = inner.reshape(len(PERIODS), ORIENTATIONS, PHASES, *inner.shape[1:])
    return np.asarray(grouped.std(axis=(2, 4, 5)))


def orientation_selectivity(responses: Amplitudes) -> Float[np.ndarray, " channels"]:
    """Return the orientation selectivity of each channel: 1 - circular variance.

    It is 1 for a channel that gratings of one orientation alone modulate, and 0 for one that all
    orientations modulate equally. Taken at the period that modulates the channel most.

    References:
        Ringach, Shapley & Hawken (2002), Orientation selectivity in macaque V1, equation 1.
    """
    best = responses.mean(axis=1).argmax(axis=0)
    found = responses[best, :, np.arange(responses.shape[2])]
    # Orientations repeat after 180 degrees, so angles are doubled.
    turns = np.exp(2j * np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS)
    return _share(np.abs(found @ turns), found.sum(axis=1))


def frequency_selectivity(responses: Amplitudes) -> Float[np.ndarray, " channels"]:
    """Return the spatial-frequency selectivity of each channel: 1 - mean / most over the periods.

    It is 0 for a channel that all periods modulate equally. Taken at the orientation that
    modulates the channel most.
    """
    best = responses.mean(axis=0).argmax(axis=0)
    found = responses[:, best, np.arange(responses.shape[2])]
    most = found.max(axis=0)
    return _share(most - found.mean(axis=0), most)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1.0), 0.0)
