"""Applicable probes: those whose needs a model meets."""

from probes import PROBES
from probes.declaration import DescribedModel, Probe


def applicable_probes(model: DescribedModel) -> list[Probe]:
    """Return the probes that apply to a model."""
    family = model.architecture.family
    return [one for one in PROBES if one.family == family and one.unmet(model) is None]
