"""Parameters drawn by NumPy alone: the same wherever an oracle runs."""

from collections.abc import Mapping

import numpy as np

CNN_SHAPES = {
    "conv1.kernel": (3, 3, 1, 32),
    "conv1.bias": (32,),
    "conv2.kernel": (3, 3, 32, 64),
    "conv2.bias": (64,),
    "conv3.kernel": (3, 3, 64, 64),
    "conv3.bias": (64,),
    "dense1.kernel": (3136, 128),
    "dense1.bias": (128,),
    "output.kernel": (128, 10),
    "output.bias": (10,),
}


def lstm_shapes(hidden: int) -> dict[str, tuple[int, ...]]:
    """The parameters of a stock LSTM cell of one input, and of its readout."""
    return {
        "cell.dense_i.kernel": (1, 4 * hidden),
        "cell.dense_h.kernel": (hidden, 4 * hidden),
        "cell.dense_h.bias": (4 * hidden,),
        "readout.kernel": (hidden, 2),
        "readout.bias": (2,),
    }


def draw(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, np.ndarray]:
    """Draw parameters of a size that keeps values of every layer near one."""
    random = np.random.default_rng(seed)
    drawn = {}
    for name, shape in shapes.items():
        spread = 1.7 / np.sqrt(max(np.prod(shape[:-1]), 1)) if len(shape) > 1 else 0.3
        drawn[name] = random.uniform(-spread, spread, shape).astype(np.float32)
    return drawn


def draw_images(count: int, seed: int) -> np.ndarray:
    """Draw pictures as integers 0 to 255."""
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28)).astype(np.uint8)


def draw_bits(count: int, length: int, seed: int) -> np.ndarray:
    """Draw sequences of fair coins."""
    return np.random.default_rng(seed).integers(0, 2, (count, length)).astype(np.uint8)
