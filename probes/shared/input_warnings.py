"""Warnings about inputs that are unlike the training data: blank, several digits, too long."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

BLANK_INTENSITY = 10 * 255  # sum of grey levels: ten white pixels; the smallest of MNIST is 4,000
FOREGROUND_LEVEL = (
    40  # grey level above which a pixel is foreground; soft edges of strokes are below
)
MIN_BLOB_SHARE = 0.1  # share of the total intensity; a dot or a speck has less
MIN_BLOB_HEIGHT = (
    0.4  # share of the foreground's height; the detached top of a 5 is lower, a second digit is not
)


@dataclass(frozen=True)
class InputWarning:
    """Warning about an input that is unlike the training data, in the response's `warnings`.

    Attributes:
        code: `blank`, `several-blobs`, `unfamiliar`, `long-sequence` or `ignored-field`.
        message: Sentence with the measured value and the limit.
    """

    code: str
    message: str


def image_warnings(
    pixels: UInt8[np.ndarray, "28 28"], unfamiliarity: float, limit: float
) -> list[InputWarning]:
    """Return the input warnings about an image; of a blank one, that warning alone.

    Args:
        pixels: Input image: 0 is background, 255 full intensity.
        unfamiliarity: Score of the OOD detector (`models.cnn.ood_detector`).
        limit: Score above which an image counts as out of distribution.
    """
    # Foreground pixels bound the sum from below, so that it is seldom computed.
    inked = int(np.count_nonzero(pixels > FOREGROUND_LEVEL))
    if inked * FOREGROUND_LEVEL < BLANK_INTENSITY and int(pixels.sum()) < BLANK_INTENSITY:
        return [_blank(pixels)]
    warnings = []
    if (count := digit_sized_blobs(pixels)) > 1:
        warnings.append(_several_blobs(count))
    if unfamiliarity > limit:
        warnings.append(_unfamiliar(unfamiliarity, limit))
    return warnings


def sequence_warnings(length: int, tested_length: int) -> list[InputWarning]:
    """Return the input warning about a sequence longer than those that the network was tested on.

    Args:
        length: Length of the sequence in steps.
        tested_length: Longest tested length in steps.
    """
    if length <= tested_length:
        return []
    message = (
        f"The sequence has {length:,} steps; the network was tested on sequences of up to "
        f"{tested_length:,}, so its answer may be wrong."
    )
    return [InputWarning("long-sequence", message)]


def _blank(pixels: UInt8[np.ndarray, "28 28"]) -> InputWarning:
    """Return the input warning about a blank image."""
    ink = int(pixels.sum()) / 255
    message = (
        f"The picture is blank: it has the ink of {ink:.1f} full pixels, and a digit has "
        f"at least {BLANK_INTENSITY // 255}. The network names a digit all the same."
    )
    return InputWarning("blank", message)


def _several_blobs(count: int) -> InputWarning:
    """Return the input warning about an image with several digit-sized blobs."""
    message = (
        f"The picture has {count} separate blobs of ink; the network was trained on one digit "
        "at a time."
    )
    return InputWarning("several-blobs", message)


def _unfamiliar(score: float, limit: float) -> InputWarning:
    """Return the input warning about an out-of-distribution image."""
    message = (
        "The picture is unlike the handwritten digits that the network was trained on: it scores "
        f"{score:.1f} for being none of them, and nearly all digits score below {limit:.1f}."
    )
    return InputWarning("unfamiliar", message)


def digit_sized_blobs(pixels: UInt8[np.ndarray, "28 28"]) -> int:
    """Count the blobs of an image that are large enough to be digits, for the input warning."""
    found = blobs(pixels > FOREGROUND_LEVEL)
    if len(found) < 2:  # noqa: PLR2004 - most images have one blob
        return len(found)
    inks = np.array([int(pixels[blob].sum()) for blob in found])
    rows = [np.flatnonzero(blob.any(axis=1)) for blob in found]
    spans = np.array([np.ptp(row) + 1 for row in rows])
    whole = np.ptp(np.concatenate(rows)) + 1
    return int(((spans >= MIN_BLOB_HEIGHT * whole) & (inks >= MIN_BLOB_SHARE * inks.sum())).sum())


def blobs(ink: Bool[np.ndarray, "height width"]) -> list[Bool[np.ndarray, "height width"]]:
    """Return the blobs of an image to warn about: connected components, gaps of one pixel bridged.

    A thin stroke that was scaled down can lose a pixel; two digits lie further apart.
    """
    height, width = ink.shape
    stride = width + 2  # two background columns separate a row from the next
    # The image as one integer, a bit for each pixel: a shift moves all pixels at once.
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
    """Dilate a blob of an image to warn about by two pixels until it stops growing."""
    before = 0
    while blob != before:
        before = blob
        blob |= blob << 1 | blob << 2 | blob >> 1 | blob >> 2
        blob |= blob << stride | blob << 2 * stride | blob >> stride | blob >> 2 * stride
        blob &= ink
    return blob
