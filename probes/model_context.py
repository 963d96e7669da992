"""Build the model context of probes from a resident model."""

from collections.abc import Mapping

from models.registry import ResidentModel
from models.rnn.unit_statistics import UnitStatistics, measure_resident_units
from probes.declaration import ModelContext


def model_context(model: ResidentModel) -> ModelContext:
    """Return the model context of a resident model for probes; runs held-out sequences once."""
    return ModelContext(
        model.architecture,
        model.weights,
        _units(model),
        model.artifacts,
        model.training_checkpoints,
        model.calibration,
    )


def _units(model: ResidentModel) -> Mapping[str, UnitStatistics]:
    """Return unit statistics for the model context, by layer; none if it does not count bits."""
    if not model.architecture.declaration.counts_bits:
        return {}
    return measure_resident_units(model.programs, model.architecture)
