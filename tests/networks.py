"""Architectures that tests use: the shipped ones, and networks of a few layers."""

from dataclasses import replace
from functools import cache
from pathlib import Path

from models.architecture import Architecture
from models.declaration.declaration import FILE, read_declaration
from models.declaration.layer_line import parse_line
from models.derivation import derive, read_architecture
from models.model_files import SHIPPED, shipped_files
from models.runtime import checkpoints

SIMPLE_CNN = read_architecture(SHIPPED / "cnn")
COUNTING_LSTM = read_architecture(SHIPPED / "lstm")


@cache
def counting_lstm(units: int) -> Architecture:
    """Derive the architecture of a CountingLSTM with any number of units."""
    declared = read_declaration(SHIPPED / "lstm")
    layers = (parse_line(f"cell: lstm {units}"), *declared.layers[1:])
    return derive(replace(declared, layers=layers))


RENAMED = {
    "cnn": {
        "conv1": "first",
        "conv2": "second",
        "conv3": "third",
        "dense1": "dense",
        "output": "digit",
    },
    "lstm": {"cell": "memory", "readout": "answer"},
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
