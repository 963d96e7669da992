"""Steps and warnings of an image's preparation, as sentences in the response."""

from api.requests.background import Residue
from api.requests.contrast import Channel
from api.requests.digit_search import FoundDigit
from api.requests.foreground import Foreground
from api.requests.marks import Kind
from probes.shared.input_warnings import InputWarning, low_contrast, second_mark

UNCHANGED = ("The image has the form of MNIST's images and was not changed.",)
NEGATIVE = ("The image is the negative of an image of MNIST's form and was inverted.",)
NOT_PREPARED = ("The pixels were taken without preprocessing.",)
BLANK = ("Nothing stands out from the background of the image.",)

LOW_CONTRAST = 24  # grey levels of the strokes; a soft pencil has about 40

CHANNELS: dict[Channel, str] = {
    "red": "The red channel was read, where the strokes have the strongest contrast.",
    "green": "The green channel was read, where the strokes have the strongest contrast.",
    "blue": "The blue channel was read, where the strokes have the strongest contrast.",
    "alpha": "The opacity was read: the strokes are on a transparent background.",
}
MARKS: dict[Kind, str] = {
    "line": "lines across the image",
    "rule": "a horizontal rule",
    "frame": "a frame",
    "panel": "a filled area",
    "border": "a part of something at the border",
    "bar": "a straight bar",
}


def preparation_steps(foreground: Foreground) -> list[str]:
    """Return a sentence for each step that made an image of the network's input."""
    digit, steps = foreground.digit, []
    if foreground.channel in CHANNELS:
        steps.append(CHANNELS[foreground.channel])
    steps.append(_background(digit.residue))
    if digit.left_out:
        names = [MARKS[kind] for kind in digit.left_out if kind in MARKS]
        steps.append(f"Left out: {', '.join(names)}.")
    if digit.others:
        steps.append(f"Left out: {_counted(digit.others)} large enough to be a digit.")
    steps.append("The strokes were scaled to 20 pixels and centred by their mass.")
    return steps


def _background(residue: Residue) -> str:
    tone = "darker" if residue.dark else "lighter"
    if residue.window is None:
        return f"The strokes are {tone} than the background, which has one level."
    return f"The strokes are {tone} than the background, which was estimated around each place."


def _counted(marks: int) -> str:
    return "another mark" if marks == 1 else f"{marks} other marks"


def preparation_warnings(digit: FoundDigit) -> tuple[InputWarning, ...]:
    """Return the warnings about an image that its preparation found: contrast, other marks."""
    found = []
    if digit.others:
        found.append(second_mark(digit.others))
    if digit.level < LOW_CONTRAST:
        found.append(low_contrast(round(digit.level)))
    return tuple(found)
