"""Networks that count bits: the shipped one with any number of units, and the layers of others."""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from models.architecture import CELL_VALUES, INPUT, Architecture, Node
from models.declaration.operations import MAX_RECURRENT, Dense, Recurrent
from models.derivation import derive, read_architecture
from models.model_files import SHIPPED
from models.rnn.layout import layout_of
from models.rnn.programs import run_sequence
from models.runtime.programs import Row, Run


@lru_cache(maxsize=16)
def counting_architecture(units: int = 8) -> Architecture:
    """Return the architecture of the shipped network that counts bits, with some number of units.

    Args:
        units: Units of its recurrent layer.

    Raises:
        ValueError: The number is not between 1 and 512.
    """
    if not 1 <= units <= MAX_RECURRENT:
        msg = f"hidden must be between 1 and {MAX_RECURRENT}, got {units}"
        raise ValueError(msg)
    declaration = read_architecture(SHIPPED / "lstm").declaration
    lines = tuple(
        replace(line, operation=replace(line.operation, units=units))
        if isinstance(line.operation, Recurrent)
        else line
        for line in declaration.layers
    )
    return derive(replace(declaration, layers=lines))


class CountingLayers(NamedTuple):
    """Layers of a network that counts bits by one LSTM layer and a linear readout of it."""

    cell: Node
    readout: Node


def counting_layers(architecture: Architecture) -> CountingLayers | None:
    """Return the layers of a network that counts bits; None where it has others than these two."""
    if not architecture.declaration.counts_bits or len(architecture.nodes) != len(
        CountingLayers._fields
    ):
        return None
    cell, readout = architecture.nodes
    is_lstm = isinstance(cell.operation, Recurrent) and cell.operation.cell == "lstm"
    reads_bits = architecture.sequence.encoding == "number" and cell.inputs == (INPUT,)
    is_readout = isinstance(readout.operation, Dense) and readout.inputs == (cell.name,)
    return CountingLayers(cell, readout) if is_lstm and reads_bits and is_readout else None


# One LSTM layer, as the shipped network has, for the probes that need one.

EDITABLE_VALUES = CELL_VALUES["lstm"]
"""Values of the shipped network that counts bits which `intervene` can edit, in order."""

STATE = frozenset({"final_cell", "final_hidden"})
"""Outputs of the shipped network's programs from which the next chunk of the sequence starts."""


def run_lstm(program: str, row: Row, outputs: frozenset[str]) -> Run:
    """Run one sequence through a program of the shipped network that counts bits."""
    return run_sequence(counting_architecture(), program, row, outputs)


def no_edit(steps: int, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scale (ones) and shift (zeros) that edit no value of one LSTM layer."""
    held = layout_of(counting_architecture(units)).no_edit(steps)
    return held["scale"], held["shift"]
