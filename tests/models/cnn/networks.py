"""Networks of images, declared so that together they have every layer and every geometry."""

import jax
import numpy as np

from models.architecture import Architecture
from models.declaration.declaration import parse_declaration
from models.declaration.operations import ACTIVATIONS
from models.derivation import derive
from tests.oracles.declarations import draw_input, draw_parameters

ONE_BY_ONE = [name for name in ACTIVATIONS if name not in {"softmax", "log_softmax", "sigmoid"}]

LAYERS = {
    "norms": ("conv 4", "norm eps 1e-3", "relu", "conv 4 nobias", "norm layer", "flatten"),
    "strides": ("conv 4 stride 2", "relu", "conv 4 5x3 valid", "conv 3 1x1 stride 1x2", "flatten"),
    "padding": ("conv 4 pad 0 1 2 1", "conv 4 2x2 pad 1", "conv 4 5x5 stride 2 same", "flatten"),
    "groups": ("conv 6 groups 3 nobias", "relu", "conv 4 1x1", "conv 4 groups 2", "globalpool"),
    "dilation": ("conv 4 dilation 2", "relu", "conv 4 dilation 2x1 valid", "globalpool"),
    "halving": ("pool", "conv 4", "relu", "pool", "flatten"),
    "max pools": ("pool 3x3 stride 2 same", "conv 4", "pool 2x3 stride 1 pad 1", "pool ceil"),
    "avg pools": ("pool avg 3x3 stride 2 pad 1", "conv 4", "pool 3x3 stride 2 avg ceil pad 1"),
    "counted": ("pool avg 3x3 pad 1 countpad", "conv 4", "pool avg ceil pad 1 countpad"),
    "global max": ("conv 4", "tanh", "globalpool max", "dropout 0.3", "dense 5", "elu 0.5"),
    "skip": ("stem: conv 4", "relu", "conv 4", "norm", "add stem", "relu", "add stem relu1"),
    "branches": ("a: conv 3", "b: conv 2 5x5 from input", "c: pool 3x3 stride 1 same from input",
                 "concat a b", "d: relu", "conv 4 1x1 from a", "concat d c"),
    "activations": ("conv 4", *(f"{name} from conv1" for name in ONE_BY_ONE),
                    "concat " + " ".join(f"{name}1" for name in ONE_BY_ONE[:8]),
                    "concat " + " ".join(f"{name}1" for name in ONE_BY_ONE[8:-1])),
}  # fmt: skip
"""Layer lines by what they try; a dense layer for three classes follows."""


def architecture(layers: tuple[str, ...], size: str = "[9, 8, 3]") -> Architecture:
    """Return the architecture of layers on images of a size, with three classes."""
    *_, last = layers
    end = () if last.split()[0] in {"flatten", "globalpool", "elu"} else ("flatten",)
    lines = ", ".join(f'"{line}"' for line in (*layers, *end, "dense 3"))
    head = f'format = 1\nclasses = ["a", "b", "c"]\ninput = {{ image = {size} }}\n'
    return derive(parse_declaration(f"{head}layers = [{lines}]"))


def drawn(found: Architecture, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return parameters and an image for a network."""
    return draw_parameters(found.parameters, seed), draw_input(found.declaration, seed)


def on_device(parameters: dict[str, np.ndarray]) -> dict[str, jax.Array]:
    """Return parameters as programs read them."""
    return {name: jax.device_put(value) for name, value in parameters.items()}
