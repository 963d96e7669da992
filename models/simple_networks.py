"""Network architectures: parameter shapes, layers, labels and limits of each, without Flax.

Flax takes a third of a second to import, and code that needs only names, shapes and limits does not
pay for it.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from jaxtyping import Array, Float

Shapes = Mapping[str, tuple[int, ...]]
"""Architecture of a network: the shape of each parameter by its module path."""

HEIGHT = WIDTH = 28
DIGITS = tuple("0123456789")
"""Labels 0 to 9 of the CNN, a part of its architecture."""

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
    """Receptive field in the CNN's architecture, along one axis of the image.

    Output row i reads `size` input rows from jump·i - before on.

    References:
        Araujo, Norris & Sim (2019), Computing receptive fields of convolutional neural networks.
    """

    size: int
    jump: int
    before: int

    def span(self, index: int) -> tuple[int, int]:
        """Return first and last input row in the receptive field of row `index`, in the image."""
        first = self.jump * index - self.before
        return max(first, 0), min(first + self.size - 1, HEIGHT - 1)


class Layer(NamedTuple):
    """Layer in the architecture of the CNN: kind, shape, receptive field and parameters.

    Attributes:
        shape: Shape of its values for one image, channel last.
        receptive_field: Receptive field of one value; None where it is the whole image.
        parameters: Module whose kernel and bias compute it; of a ReLU or a pool, that of the
            layer before.
    """

    kind: Literal["pre_activation", "post_activation", "pooled", "logits"]
    shape: tuple[int, ...]
    receptive_field: ReceptiveField | None
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
"""Architecture of the CNN: every layer of its trace, in the order of the forward pass."""

LSTM_LABELS = ("no", "yes")
"""Labels 0 and 1 of the LSTM, a part of its architecture. A tie of 0s and 1s counts as "no"."""

# Limits of served networks: analyses of 64 units take some 10 ms a call, and training ends at
# 4,096 bits.
MAX_HIDDEN = 64
MAX_STEPS = 4096


class LSTMState(NamedTuple):
    """Recurrent state in the LSTM's architecture, between two steps: (c, h), in Flax's order."""

    cell: Float[Array, "batch hidden"]
    hidden: Float[Array, "batch hidden"]


def lstm_parameters(hidden: int) -> Shapes:
    """Return the architecture of a CountingLSTM as parameter shapes; its four gates share an axis.

    The gates are concatenated on the last axis.

    Args:
        hidden: Number of units, 1 to 64.

    Raises:
        ValueError: The number is not between 1 and 64.
    """
    check_hidden(hidden)
    return {
        "cell.dense_i.kernel": (1, 4 * hidden),
        "cell.dense_h.kernel": (hidden, 4 * hidden),
        "cell.dense_h.bias": (4 * hidden,),
        "readout.kernel": (hidden, len(LSTM_LABELS)),
        "readout.bias": (len(LSTM_LABELS),),
    }


def check_hidden(hidden: int) -> None:
    """Check that the architecture of a CountingLSTM has an allowed number of units.

    Raises:
        ValueError: It is not between 1 and 64.
    """
    if not 1 <= hidden <= MAX_HIDDEN:
        msg = f"hidden must be between 1 and {MAX_HIDDEN}, got {hidden}"
        raise ValueError(msg)
