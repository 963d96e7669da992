"""Probes of resident models, and how their figures are drawn."""

from probes.cnn import (
    activations,
    attribution,
    embedded,
    embedding,
    filter_descriptors,
    filters,
    layers,
    pixel,
    receptive_field,
    unit,
    unit_ranking,
)
from probes.cnn import findings as cnn_findings
from probes.cnn import interventions as cnn_interventions
from probes.rnn import (
    attribution as rnn_attribution,
)
from probes.rnn import (
    counter,
    decomposition,
    dynamics,
    gates,
    generalisation,
    patching,
    weights,
)
from probes.rnn import findings as rnn_findings
from probes.rnn import interventions as rnn_interventions

PROBES = (
    *activations.PROBES,
    *pixel.PROBES,
    *attribution.PROBES,
    *cnn_interventions.PROBES,
    *cnn_findings.PROBES,
    *unit.PROBES,
    *unit_ranking.PROBES,
    *filter_descriptors.PROBES,
    *receptive_field.PROBES,
    *layers.PROBES,
    *embedding.PROBES,
    *embedded.PROBES,
    *filters.PROBES,
    *gates.PROBES,
    *rnn_findings.PROBES,
    *decomposition.PROBES,
    *rnn_attribution.PROBES,
    *rnn_interventions.PROBES,
    *patching.PROBES,
    *counter.PROBES,
    *dynamics.PROBES,
    *generalisation.PROBES,
    *weights.PROBES,
)
"""All probes of the server, from the list at the end of each file."""
