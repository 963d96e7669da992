"""Build the model context of probes from a resident model."""

from models.registry import ResidentModel, hidden_size
from models.rnn.unit_statistics import UnitStatistics, measure_resident_units
from probes.declaration import ModelContext


def model_context(model: ResidentModel) -> ModelContext:
    """Return the context of a model whose programs are compiled; runs held-out sequences once."""
    return ModelContext(model.weights, _units(model), model.artifacts, model.training_checkpoints)


def _units(model: ResidentModel) -> UnitStatistics | None:
    """Measure the units of a sequence model."""
    if model.card.input != "sequence":
        return None
    return measure_resident_units(model.programs, hidden_size(model.weights))
