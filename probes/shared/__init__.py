"""Functions that probes of both families use."""
