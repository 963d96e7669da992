"""What to tell people about an input before they believe the answer to it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from models.familiarity import Familiarity

BLANK = 10 * 255  # grey levels in all: ten pixels of full ink; the least in MNIST is 4,000
INK = 40  # grey level above which a pixel belongs to a blob: the soft edge of a stroke does not
SHARE = 0.1  # of all ink; a dot or a speck has less
HEIGHT = 0.4  # of the picture's ink; the detached top of a 5 is lower, a second digit is not


@dataclass(frozen=True)
class Notice:
    """A sentence that belongs beside an answer.

    Attributes:
        code: For programs: `blank`, `several-blobs`, `unfamiliar` or `long-sequence`.
        message: For people: what was found, and the limit.
    """

    code: str
    message: str


def image_warnings(pixels: UInt8[np.ndarray, "28 28"], familiarity: Familiarity) -> list[Notice]:
    """Say what makes the answer to an image doubtful; a blank image has nothing else to say.

    Args:
        pixels: What the network sees, times 255: 0 is ground, 255 is full ink.
        familiarity: What the network was trained on.
    """
    if int(pixels.sum()) < BLANK:
        return [_blank(pixels)]
    notices = []
    if (count := digit_sized_blobs(pixels)) > 1:
        notices.append(_several_blobs(count))
    if (score := familiarity.score(pixels)) > familiarity.limit:
        notices.append(_unfamiliar(score, familiarity.limit))
    return notices


def sequence_warnings(length: int, tested_length: int) -> list[Notice]:
    """Say when a sequence is longer than those that the network was tested on.

    Args:
        length: Steps of the sequence.
        tested_length: The longest that was tested, in steps.
    """
    if length <= tested_length:
        return []
    message = (
        f"The sequence has {length:,} steps; the network was tested on sequences of up to "
        f"{tested_length:,}, so its answer may be wrong."
    )
    return [Notice("long-sequence", message)]


def _blank(pixels: UInt8[np.ndarray, "28 28"]) -> Notice:
    """Say that there is nothing to read."""
    ink = int(pixels.sum()) / 255
    message = (
        f"The picture is blank: it has the ink of {ink:.1f} full pixels, and a digit has "
        f"at least {BLANK // 255}. The network names a digit all the same."
    )
    return Notice("blank", message)


def _several_blobs(count: int) -> Notice:
    """Say that there is more to read than one digit."""
    message = (
        f"The picture has {count} separate blobs of ink; the network was trained on one digit "
        "at a time."
    )
    return Notice("several-blobs", message)


def _unfamiliar(score: float, limit: float) -> Notice:
    """Say that the picture is none of the things that the network can name."""
    message = (
        "The picture is unlike the handwritten digits that the network was trained on: it scores "
        f"{score:.1f} for being none of them, and nearly all digits score below {limit:.1f}."
    )
    return Notice("unfamiliar", message)


def digit_sized_blobs(pixels: UInt8[np.ndarray, "28 28"]) -> int:
    """Count the blobs of ink that are large and tall enough to be digits of their own."""
    labels = blobs(pixels > INK)
    inks = np.bincount(labels.ravel(), weights=pixels.ravel())
    inks[0] = 0
    rows = [np.flatnonzero((labels == label).any(axis=1)) for label in np.flatnonzero(inks)]
    spans = np.array([np.ptp(row) + 1 for row in rows])
    whole = np.ptp(np.concatenate(rows)) + 1 if rows else 0
    return int(((spans >= HEIGHT * whole) & (inks[inks > 0] >= SHARE * inks.sum())).sum())


def blobs(ink: Bool[np.ndarray, "height width"]) -> np.ndarray:
    """Give the pixels of each blob a number of their own; ground is 0.

    Pixels belong together when at most one other lies between them: a thin stroke that was
    scaled down can lose a pixel, two digits lie further apart.
    """
    height, width = ink.shape
    labels = np.where(ink, np.arange(1, ink.size + 1).reshape(ink.shape), 0)
    while True:
        padded = np.pad(labels, 2)
        tall = np.max([padded[y : y + height] for y in range(5)], axis=0)
        spread = np.where(ink, np.max([tall[:, x : x + width] for x in range(5)], axis=0), 0)
        # Jump on to the label of the pixel that the label names: blobs fill in a few rounds.
        spread = np.where(ink, np.append(0, spread)[spread], 0)
        if np.array_equal(spread, labels):
            return labels
        labels = spread
