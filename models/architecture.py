"""What each network is made of, without the code that runs it.

Flax takes a third of a second to import, so whoever only needs names, shapes and limits looks here.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from jaxtyping import Array, Float

Shapes = Mapping[str, tuple[int, ...]]
"""The shape of each parameter by its module path."""

HEIGHT = WIDTH = 28
DIGITS = tuple("0123456789")
"""The labels 0 to 9."""

CLASSES = len(DIGITS)

CNN_PARAMETERS: Shapes = {
    "conv1.kernel": (3, 3, 1, 32),
    "conv1.bias": (32,),
    "conv2.kernel": (3, 3, 32, 64),
    "conv2.bias": (64,),
    "conv3.kernel": (3, 3, 64, 64),
    "conv3.bias": (64,),
    "dense1.kernel": (7 * 7 * 64, 128),
    "dense1.bias": (128,),
    "output.kernel": (128, CLASSES),
    "output.bias": (CLASSES,),
}


class ReceptiveField(NamedTuple):
    """Which input rows (and columns) an output row i sees: from jump·i - before, `size` of them.

    References:
        Araujo, Norris & Sim (2019), Computing receptive fields of convolutional neural networks.
    """

    size: int
    jump: int
    before: int

    def span(self, index: int) -> tuple[int, int]:
        """Return the first and last input row that output row `index` sees, within the picture."""
        first = self.jump * index - self.before
        return max(first, 0), min(first + self.size - 1, HEIGHT - 1)


class Layer(NamedTuple):
    """One entry of the trace: what it is and which parameters made it.

    Attributes:
        shape: Of its values for one image, channel last.
        field: What one of its values sees; None where each sees the whole picture.
        parameters: The module whose kernel and bias made it; for a ReLU or a pool, those of the
            layer before.
    """

    kind: Literal["pre_activation", "post_activation", "pooled", "logits"]
    shape: tuple[int, ...]
    field: ReceptiveField | None
    parameters: str


LAYERS = {
    "conv1": Layer("pre_activation", (28, 28, 32), ReceptiveField(3, 1, 1), "conv1"),
    "relu1": Layer("post_activation", (28, 28, 32), ReceptiveField(3, 1, 1), "conv1"),
    "pool1": Layer("pooled", (14, 14, 32), ReceptiveField(4, 2, 1), "conv1"),
    "conv2": Layer("pre_activation", (14, 14, 64), ReceptiveField(8, 2, 3), "conv2"),
    "relu2": Layer("post_activation", (14, 14, 64), ReceptiveField(8, 2, 3), "conv2"),
    "pool2": Layer("pooled", (7, 7, 64), ReceptiveField(10, 4, 3), "conv2"),
    "conv3": Layer("pre_activation", (7, 7, 64), ReceptiveField(18, 4, 7), "conv3"),
    "relu3": Layer("post_activation", (7, 7, 64), ReceptiveField(18, 4, 7), "conv3"),
    "dense1": Layer("pre_activation", (128,), None, "dense1"),
    "relu4": Layer("post_activation", (128,), None, "dense1"),
    "logits": Layer("logits", (10,), None, "output"),
}
"""The layers of the trace in order."""

ANSWERS = ("no", "yes")
"""The labels 0 and 1. A tie is a no."""

MAX_HIDDEN = 64
MAX_STEPS = 4096


class LSTMState(NamedTuple):
    """What an LSTM carries from one step to the next: (c, h), in Flax's order."""

    cell: Float[Array, "batch hidden"]
    hidden: Float[Array, "batch hidden"]


def lstm_parameters(hidden: int) -> Shapes:
    """Return the parameters of a CountingLSTM; the four gates stand side by side.

    Args:
        hidden: How many units, 1 to 64.

    Raises:
        ValueError: Another number of units.
    """
    check_hidden(hidden)
    return {
        "cell.dense_i.kernel": (1, 4 * hidden),
        "cell.dense_h.kernel": (hidden, 4 * hidden),
        "cell.dense_h.bias": (4 * hidden,),
        "readout.kernel": (hidden, len(ANSWERS)),
        "readout.bias": (len(ANSWERS),),
    }


def check_hidden(hidden: int) -> None:
    """Refuse a number of units that no CountingLSTM has.

    Raises:
        ValueError: It is not between 1 and 64.
    """
    if not 1 <= hidden <= MAX_HIDDEN:
        msg = f"hidden must be between 1 and {MAX_HIDDEN}, got {hidden}"
        raise ValueError(msg)
