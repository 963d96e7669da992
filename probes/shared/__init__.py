"""Code that probes of both families use: checks, softmax, edits, recovery, warnings."""
