"""From a resident model to what its probes may know of it."""

import numpy as np

from models.registry import ResidentModel, hidden_size
from models.runtime.resident import drive
from probes.declaration import ModelContext
from probes.rnn.unit_statistics import (
    GATES,
    STATES,
    UnitStatistics,
    held_out_sequences,
    measure_units,
)


def model_context(model: ResidentModel) -> ModelContext:
    """Describe a model whose programs are compiled; an LSTM's units are measured here, once."""
    units = _units(model) if model.card.input == "sequence" else None
    return ModelContext(model.weights, units, model.records, model.milestones)


def _units(model: ResidentModel) -> UnitStatistics:
    """Run the held-out sequences through the resident trace, and measure every unit."""
    sequences = held_out_sequences()
    zeros = np.zeros(hidden_size(model.weights), np.float32)
    outputs = frozenset((*GATES, *STATES))
    runs = [
        model.card.run("trace", {"sequence": bits, "cell": zeros, "hidden": zeros}, outputs)
        for bits in sequences
    ]
    traces = drive(runs, model.programs)
    after = {name: 1 if name in STATES else 0 for name in outputs}  # skip the initial state
    values = {name: np.stack([one[name][skip:] for one in traces]) for name, skip in after.items()}
    return measure_units(sequences, values)
