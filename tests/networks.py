"""Architectures that tests use: the shipped ones, and networks of a few layers."""

from dataclasses import replace
from functools import cache

from models.architecture import Architecture
from models.declaration.declaration import read_declaration
from models.declaration.layer_line import parse_line
from models.derivation import derive, read_architecture
from models.model_files import SHIPPED

SIMPLE_CNN = read_architecture(SHIPPED / "cnn")
COUNTING_LSTM = read_architecture(SHIPPED / "lstm")


@cache
def counting_lstm(units: int) -> Architecture:
    """Derive the architecture of a CountingLSTM with any number of units."""
    declared = read_declaration(SHIPPED / "lstm")
    layers = (parse_line(f"cell: lstm {units}"), *declared.layers[1:])
    return derive(replace(declared, layers=layers))
