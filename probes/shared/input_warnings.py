"""Warnings about doubtful inputs: blank, several digits, unlike digits, ambiguous, too long."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from models.rnn.lengths import LengthLimits

BLANK_INTENSITY = 10 * 255  # sum of grey levels: ten white pixels; the smallest of MNIST is 4,000
FOREGROUND_LEVEL = (
    40  # grey level above which a pixel is foreground; soft edges of strokes are below
)
MIN_BLOB_SHARE = 0.1  # share of the total intensity; a dot or a speck has less
MIN_BLOB_HEIGHT = (
    0.4  # share of the foreground's height; the detached top of a 5 is lower, a second digit is not
)

MIN_FRAME = 12  # pixels of its shorter side
FRAMED_SHARE, GAP_SHARE = 0.9, 0.5  # of a frame's side that is drawn; of the line inside that is
SIDEWAYS_MARGIN = 1.0  # log-odds below the limit, of a digit that was turned upright
SURE = 0.7  # probability below which an image is ambiguous; 99.5 % of MNIST's digits have more


@dataclass(frozen=True)
class InputWarning:
    """Warning about an input that is unlike the training data, in the response's `warnings`.

    Attributes:
        code: `blank`, `several-blobs`, `low-contrast`, `frame`, `sideways`, `unfamiliar`,
            `ambiguous`, `long-sequence`, `unknown-length`, `untested` or `ignored-field`.
        message: Sentence with the measured value and the limit.
    """

    code: str
    message: str

    @property
    def is_about_input(self) -> bool:
        """Whether an input warning is about the input, and not about the form that carried it."""
        return self.code != "ignored-field"


def image_warnings(
    pixels: UInt8[np.ndarray, "28 28"],
    unfamiliarity: float,
    limit: float,
    score: Callable[[UInt8[np.ndarray, "28 28"]], float] | None = None,
) -> list[InputWarning]:
    """Return the input warnings about an image; of a blank one, that warning alone.

    Args:
        pixels: Input image: 0 is background, 255 full intensity.
        unfamiliarity: Score of the OOD detector (`models.cnn.ood_detector`).
        limit: Score above which an image counts as out of distribution.
        score: Scores the image turned by 90 degrees; without it no image counts as sideways.
    """
    # Foreground pixels bound the sum from below, so that it is seldom computed.
    inked = int(np.count_nonzero(pixels > FOREGROUND_LEVEL))
    if inked * FOREGROUND_LEVEL < BLANK_INTENSITY and int(pixels.sum()) < BLANK_INTENSITY:
        return [_blank(pixels)]
    warnings = []
    if (count := digit_sized_blobs(pixels)) > 1:
        warnings.append(_several_blobs(count))
    if unfamiliarity <= limit:
        return warnings
    if is_framed(pixels):
        return [*warnings, _frame()]
    # Turned rightly, the digit is one of those that nearly never exceed the limit.
    if score and any(score(np.rot90(pixels, turns)) <= limit - SIDEWAYS_MARGIN for turns in (1, 3)):
        return [*warnings, _sideways()]
    return [*warnings, _unfamiliar(unfamiliarity, limit)]


def ambiguous_warnings(
    probabilities: Float[np.ndarray, " classes"], names: Sequence[str]
) -> list[InputWarning]:
    """Return the input warning about an image of which the network is not sure.

    Args:
        probabilities: Probability of each class.
        names: Name of each class.
    """
    if probabilities.max() >= SURE:
        return []
    second, first = np.argsort(probabilities)[-2:]
    message = (
        f"The picture may be a {names[first]} or a {names[second]}: the network gives them "
        f"probabilities of {probabilities[first]:.2f} and {probabilities[second]:.2f}, and nearly "
        f"all digits one of at least {SURE}."
    )
    return [InputWarning("ambiguous", message)]


def sequence_warnings(
    steps: int, before: int | None, limits: LengthLimits, noun: str = "sequence"
) -> list[InputWarning]:
    """Return the input warning about a sequence longer than those with known answers; at most one.

    Args:
        steps: Length of the sequence in steps.
        before: Steps before its initial state, which count too; None where they are unknown.
        limits: Tested and certified length of the weights.
        noun: Subject of the message.
    """
    length, longest = steps + (before or 0), limits.longest
    if before is not None and length <= longest:
        return []
    if not longest:
        message = (
            "No test of these weights on sequences of any length is recorded, so the answer may "
            "be wrong."
        )
        return [InputWarning("untested", message)]
    known = (
        f"the network's answers are certified for sequences of up to {longest:,}"
        if limits.certified == longest
        else f"the network was tested on sequences of up to {longest:,}"
    )
    if before is None:
        message = (
            f"The {noun} continues after an unknown number of steps, which `initial_steps` "
            f"states; {known}, so its answer may be wrong."
        )
        return [InputWarning("unknown-length", message)]
    counted = f", with the {before:,} before its initial state" if before else ""
    message = f"The {noun} has {length:,} steps{counted}; {known}, so its answer may be wrong."
    return [InputWarning("long-sequence", message)]


def _blank(pixels: UInt8[np.ndarray, "28 28"]) -> InputWarning:
    """Return the input warning about a blank image."""
    ink = int(pixels.sum()) / 255
    message = (
        f"The picture is blank: it has the ink of {ink:.1f} full pixels, and a digit has "
        f"at least {BLANK_INTENSITY // 255}. The network names a digit all the same."
    )
    return InputWarning("blank", message)


def second_mark(count: int) -> InputWarning:
    """Return the input warning about marks of a digit's size that were left out of an image."""
    marks = "a second mark" if count == 1 else f"{count} other marks"
    message = (
        f"The picture has {marks} large enough to be a digit; only the strongest mark is read, and "
        "the rest was left out."
    )
    return InputWarning("several-blobs", message)


def low_contrast(level: int) -> InputWarning:
    """Return the input warning about strokes that hardly differ from their background.

    Args:
        level: Contrast in grey levels.
    """
    message = (
        f"The strokes differ from their background by {level} of 255 grey levels only; a darker "
        "pen or more light makes the reading safer."
    )
    return InputWarning("low-contrast", message)


def _frame() -> InputWarning:
    """Return the input warning about an image whose border is drawn."""
    message = (
        "The picture has a frame, which the network takes for strokes; cut it off, or send a "
        "larger part of the picture."
    )
    return InputWarning("frame", message)


def _sideways() -> InputWarning:
    """Return the input warning about an image that is a digit when it is turned."""
    message = (
        "The digit seems to lie on its side: turned by 90 degrees the picture looks like the "
        "digits that the network was trained on."
    )
    return InputWarning("sideways", message)


def is_framed(pixels: UInt8[np.ndarray, "28 28"]) -> bool:
    """Tell whether at least three sides of an image's foreground are straight lines."""
    ink = pixels > FOREGROUND_LEVEL
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return False
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if min(box.shape) < MIN_FRAME:
        return False
    straight = 0
    for side in (box, box[::-1], box.T, box.T[::-1]):
        # Between the frame and the digit is background: noise has none.
        drawn, gap = side[:2].any(axis=0).mean(), side[3, 3:-3].mean()
        straight += bool(drawn >= FRAMED_SHARE and gap <= GAP_SHARE)
    return straight >= 3  # noqa: PLR2004


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
