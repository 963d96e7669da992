"""What to tell people about an input before they believe the answer to it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

BLANK = 10 * 255  # grey levels in all: ten pixels of full ink; the least in MNIST is 4,000
INK = 40  # grey level above which a pixel belongs to a blob: the soft edge of a stroke does not
SHARE = 0.1  # of all ink; a dot or a speck has less
HEIGHT = 0.4  # of the picture's ink; the detached top of a 5 is lower, a second digit is not


@dataclass(frozen=True)
class InputWarning:
    """A sentence that belongs beside an answer.

    Attributes:
        code: For programs: `blank`, `several-blobs`, `unfamiliar` or `long-sequence`.
        message: For people: what was found, and the limit.
    """

    code: str
    message: str


def image_warnings(
    pixels: UInt8[np.ndarray, "28 28"], unfamiliarity: float, limit: float
) -> list[InputWarning]:
    """Say what makes the answer to an image doubtful; a blank image has nothing else to say.

    Args:
        pixels: What the network sees, times 255: 0 is ground, 255 is full ink.
        unfamiliarity: The image's score (`models.cnn.ood_detector`).
        limit: The score beyond which an image counts as unfamiliar.
    """
    # So many pixels over a level have at least so much ink: hardly ever has all to be added up.
    inked = int(np.count_nonzero(pixels > INK))
    if inked * INK < BLANK and int(pixels.sum()) < BLANK:
        return [_blank(pixels)]
    notices = []
    if (count := digit_sized_blobs(pixels)) > 1:
        notices.append(_several_blobs(count))
    if unfamiliarity > limit:
        notices.append(_unfamiliar(unfamiliarity, limit))
    return notices


def sequence_warnings(length: int, tested_length: int) -> list[InputWarning]:
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
    return [InputWarning("long-sequence", message)]


def _blank(pixels: UInt8[np.ndarray, "28 28"]) -> InputWarning:
    """Say that there is nothing to read."""
    ink = int(pixels.sum()) / 255
    message = (
        f"The picture is blank: it has the ink of {ink:.1f} full pixels, and a digit has "
        f"at least {BLANK // 255}. The network names a digit all the same."
    )
    return InputWarning("blank", message)


def _several_blobs(count: int) -> InputWarning:
    """Say that there is more to read than one digit."""
    message = (
        f"The picture has {count} separate blobs of ink; the network was trained on one digit "
        "at a time."
    )
    return InputWarning("several-blobs", message)


def _unfamiliar(score: float, limit: float) -> InputWarning:
    """Say that the picture is none of the things that the network can name."""
    message = (
        "The picture is unlike the handwritten digits that the network was trained on: it scores "
        f"{score:.1f} for being none of them, and nearly all digits score below {limit:.1f}."
    )
    return InputWarning("unfamiliar", message)


def digit_sized_blobs(pixels: UInt8[np.ndarray, "28 28"]) -> int:
    """Count the blobs of ink that are large and tall enough to be digits of their own."""
    found = blobs(pixels > INK)
    if len(found) < 2:  # noqa: PLR2004 - one blob is nearly always all there is
        return len(found)
    inks = np.array([int(pixels[blob].sum()) for blob in found])
    rows = [np.flatnonzero(blob.any(axis=1)) for blob in found]
    spans = np.array([np.ptp(row) + 1 for row in rows])
    whole = np.ptp(np.concatenate(rows)) + 1
    return int(((spans >= HEIGHT * whole) & (inks >= SHARE * inks.sum())).sum())


def blobs(ink: Bool[np.ndarray, "height width"]) -> list[Bool[np.ndarray, "height width"]]:
    """Take the ink apart into blobs.

    Pixels belong together when at most one other lies between them: a thin stroke that was
    scaled down can lose a pixel, two digits lie further apart.
    """
    height, width = ink.shape
    stride = width + 2  # two columns of ground, so that no row reaches into the next
    # A picture as one integer with a bit for each pixel: a shift moves all of it at once.
    board = np.zeros((height, stride), np.bool_)
    board[:, :width] = ink
    packed = np.packbits(board, bitorder="little")
    left, found = int.from_bytes(packed.tobytes(), "little"), []
    while left:
        blob = _grown(left & -left, left, stride)
        left ^= blob
        bits = np.frombuffer(blob.to_bytes(len(packed), "little"), np.uint8)
        flat = np.unpackbits(bits, bitorder="little", count=height * stride)
        found.append(flat.reshape(height, stride)[:, :width].astype(np.bool_))
    return found


def _grown(blob: int, ink: int, stride: int) -> int:
    """Let a blob grow by two pixels to every side, within the ink, until nothing is added."""
    before = 0
    while blob != before:
        before = blob
        blob |= blob << 1 | blob << 2 | blob >> 1 | blob >> 2
        blob |= blob << stride | blob << 2 * stride | blob >> stride | blob >> 2 * stride
        blob &= ink
    return blob
