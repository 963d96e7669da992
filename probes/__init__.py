"""What to look at inside a network, and how it is drawn."""

from probes import attribution, cnn, interventions, lstm, pixel, weights

PROBES = (
    *cnn.PROBES,
    *pixel.PROBES,
    *attribution.PROBES,
    *interventions.PROBES,
    *lstm.PROBES,
    *weights.PROBES,
)
"""Every probe that the server answers: one list for each file."""
