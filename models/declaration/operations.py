"""Operations of declared layers: geometry, sizes and kinds, and the limits of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Padding = Literal["same", "valid"] | tuple[int, int, int, int]
"""Padding of a layer's windows: by a rule, or zeros at top, bottom, left and right."""

MAX_WINDOW = 64
"""Largest side, stride, dilation and padding of a layer's windows."""

MAX_CHANNELS = 4096
"""Largest number of channels, units or groups in a layer line."""

MAX_RECURRENT = 512
"""Largest number of units of a recurrent layer."""


MIN_EPSILON = 1e-12
"""Least summand of a variance: without one, values that are all equal would give no number."""


class LayerError(ValueError):
    """Error of one layer: a sentence with the value, the limit and a way out."""


@dataclass(frozen=True)
class Conv:
    """Convolution layer: number of filters, and the geometry of its windows (rows, columns)."""

    filters: int
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: Padding = "same"
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    bias: bool = True


@dataclass(frozen=True)
class Pool:
    """Pooling layer: maximum or mean of each window.

    Attributes:
        ceil: Whether a last window that is only partly inside the map has a value, too.
        count_padding: Whether a mean counts padded zeros; without it only values of the map.
    """

    kind: Literal["max", "avg"] = "max"
    kernel: tuple[int, int] = (2, 2)
    stride: tuple[int, int] = (2, 2)
    padding: Padding = "valid"
    ceil: bool = False
    count_padding: bool = False


@dataclass(frozen=True)
class GlobalPool:
    """Pooling layer of whole maps: the mean or maximum of each channel."""

    kind: Literal["avg", "max"] = "avg"


@dataclass(frozen=True)
class Norm:
    """Normalisation layer: by stored statistics (`batch`), or over the channels (`layer`).

    Attributes:
        epsilon: Summand of the variance.
    """

    kind: Literal["batch", "layer"] = "batch"
    epsilon: float = 1e-5


@dataclass(frozen=True)
class Dense:
    """Dense layer: a weighted sum of all inputs for each unit."""

    units: int
    bias: bool = True


@dataclass(frozen=True)
class Dropout:
    """Dropout layer: values are dropped at this rate in training, and kept in every answer."""

    rate: float = 0.5


@dataclass(frozen=True)
class Flatten:
    """Flatten layer: maps as one vector, in the order row, column, channel."""


@dataclass(frozen=True)
class Embed:
    """Embedding layer: a learned vector for each symbol of the alphabet."""

    units: int


@dataclass(frozen=True)
class Recurrent:
    """Recurrent layer: an LSTM, a GRU (reset after the product), or a plain RNN.

    Attributes:
        activation: Nonlinearity of a plain RNN.
    """

    cell: Literal["lstm", "gru", "rnn"]
    units: int
    activation: Literal["tanh", "relu"] = "tanh"


@dataclass(frozen=True)
class Activation:
    """Activation layer: a function of each value.

    Attributes:
        function: A key of `ACTIVATIONS`.
        slope: Slope of `leaky_relu` below zero, or the alpha of `elu`.
    """

    function: str
    slope: float = 0.0


@dataclass(frozen=True)
class Merge:
    """Merging layer: the sum of several layers, or their channels one after another.

    Attributes:
        others: Names of the layers that are merged with the layer's input, in order.
    """

    kind: Literal["add", "concat"]
    others: tuple[str, ...]


Operation = (
    Conv
    | Pool
    | GlobalPool
    | Norm
    | Dense
    | Dropout
    | Flatten
    | Embed
    | Recurrent
    | Activation
    | Merge
)

ACTIVATIONS: Mapping[str, str] = {
    "relu": "max(x, 0)",
    "relu6": "min(max(x, 0), 6)",
    "leaky_relu": "x above 0, slope · x below",
    "elu": "x above 0, α (exp(x) - 1) below",
    "selu": "scaled elu with fixed constants",
    "gelu": "x Φ(x)",
    "gelu_tanh": "x Φ(x), by tanh",
    "silu": "x σ(x)",
    "mish": "x tanh(softplus(x))",
    "sigmoid": "1 / (1 + exp(-x))",
    "hard_sigmoid": "min(max(x / 6 + 1/2, 0), 1)",
    "hard_swish": "x · hard_sigmoid(x)",
    "tanh": "tanh(x)",
    "softplus": "log(1 + exp(x))",
    "softsign": "x / (1 + |x|)",
    "exp": "exp(x)",
    "softmax": "exp(x) / Σ exp(x), as the last layer only",
    "log_softmax": "x - log Σ exp(x), as the last layer only",
}
"""Activation functions that a layer line may name, with their formulas."""

SLOPES = {"leaky_relu": 0.01, "elu": 1.0}
"""Default slope of a layer line's activations that have one."""

UNSUPPORTED: Mapping[str, str] = {
    "attention": "attention layers",
    "transformer": "attention layers",
    "multiheadattention": "attention layers",
    "bidirectional": "bidirectional layers: a step of a trace would depend on later steps",
    "bilstm": "bidirectional layers: a step of a trace would depend on later steps",
    "conv1d": "1-D convolutions; sequences are read by lstm, gru or rnn",
    "conv3d": "3-D convolutions",
    "deconv": "transposed convolutions",
    "upsample": "upsampling",
    "mask": "masks: every step of a sequence is read",
    "masking": "masks: every step of a sequence is read",
    "proj_size": "projected LSTMs (proj_size)",
    "peephole": "peephole connections",
    "prelu": "PReLU; leaky_relu has a fixed slope",
    "instance": "instance normalisation",
    "group": "group normalisation",
}
"""Words of a layer line for layers that cannot be declared, with the end of a sentence."""
