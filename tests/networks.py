"""Architectures that tests use: the shipped ones, and networks of a few layers."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from models.architecture import Architecture
from models.declaration.declaration import FILE, parse_declaration, read_declaration
from models.declaration.layer_line import parse_line
from models.derivation import derive, read_architecture
from models.model_files import SHIPPED, shipped_files
from models.rnn.layout import Layout
from models.runtime import checkpoints

SIMPLE_CNN = read_architecture(SHIPPED / "cnn")
COUNTING_LSTM = read_architecture(SHIPPED / "lstm")


def network(text: str) -> Architecture:
    """Derive the architecture of a declaration without its first line, `format = 1`."""
    return derive(parse_declaration(f"format = 1\n{text}"))


COLOURS_TOML = """
classes = ["red", "green", "blue"]
input = { image = [4, 6, 3], mean = [0.5, 0.4, 0.3], std = [0.2, 0.3, 0.4] }
layers = ["conv 4", "norm", "relu", "pool", "flatten", "dense 3"]
"""
GREY_TOML = """
classes = ["dark", "light"]
input = { image = [4, 6, 1], prepare = "none" }
layers = ["conv 2", "relu", "globalpool", "dense 2"]
"""
LETTERS_TOML = """
classes = ["few", "many"]
input = { alphabet = "abcde", encoding = "one-hot" }
layers = ["gru 4", "gru 3", "dense 2"]
"""
WORDS_TOML = """
classes = ["no", "yes"]
input = { alphabet = ["<pad>", "the", "cat"], encoding = "embed" }
layers = ["embed 3", "lstm 4", "dense 2"]
"""
FEATURES_TOML = """
classes = ["rest", "walk", "run"]
input = { features = 2 }
layers = ["rnn 3 relu", "dense 3"]
"""

COLOURS = network(COLOURS_TOML)
GREY = network(GREY_TOML)
LETTERS = network(LETTERS_TOML)
WORDS = network(WORDS_TOML)
FEATURES = network(FEATURES_TOML)


def write_network(folder: Path, text: str, seed: int = 0) -> Path:
    """Write a folder with a declaration and random weights for it; return the folder.

    Args:
        folder: Its name is that of the network.
        text: Declaration without its first line, `format = 1`.
        seed: Seed of the weights.
    """
    architecture, random = network(text), np.random.default_rng(seed)
    tensors = {
        name: _weights(name, shape, random) for name, shape in architecture.parameters.items()
    }
    folder.mkdir(parents=True)
    (folder / FILE).write_text(f"format = 1\n{text}")
    checkpoints.save(folder / "weights.safetensors", tensors, {})
    return folder


def _weights(name: str, shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """Draw a parameter; the variances of a normalisation are positive."""
    if name.endswith(".var"):
        return random.uniform(0.5, 2, shape).astype(np.float32)
    return random.normal(0, 0.4, shape).astype(np.float32)


@cache
def counting_lstm(units: int) -> Architecture:
    """Derive the architecture of a CountingLSTM with any number of units."""
    declared = read_declaration(SHIPPED / "lstm")
    layers = (parse_line(f"cell: lstm {units}"), *declared.layers[1:])
    return derive(replace(declared, layers=layers))


def unedited(layout: Layout, steps: int) -> dict[str, np.ndarray]:
    """Inputs of `intervene` that change no value: factors of 1 and summands of 0."""
    return {
        name: np.full(shape, name.endswith("scale"), np.float32)
        for name, shape in layout.edits(steps).items()
    }


RENAMED = {
    "cnn": {
        "conv1": "first",
        "conv2": "second",
        "conv3": "third",
        "dense1": "dense",
        "output": "digit",
    },
    "lstm": {"cell": "memory", "readout": "verdict"},
}
"""Other names of the shipped networks' layers that have parameters."""


def copy_renamed(name: str, folder: Path) -> None:
    """Write a copy of a shipped network whose folder and layers have other names."""
    declared, names = (SHIPPED / name / FILE).read_text(), dict(RENAMED[name])
    architecture = read_architecture(SHIPPED / name)
    for node in architecture.nodes:
        if node.name in names:
            line = architecture.declaration.layers[node.line]
            new = f'"{names[node.name]}: {line.text.rpartition(":")[2].strip()}"'
            declared = declared.replace(f'"{line.text}"', new, 1)
    folder.mkdir(parents=True)
    (folder / FILE).write_text(declared)
    held = checkpoints.load(shipped_files(name).weights)
    tensors = {
        f"{names[layer]}.{rest}": value
        for key, value in held.tensors.items()
        for layer, _, rest in (key.partition("."),)
    }
    checkpoints.save(folder / "weights.safetensors", tensors, {})
