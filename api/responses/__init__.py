"""From a probe's outputs to the bytes of a response."""
