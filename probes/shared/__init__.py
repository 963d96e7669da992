"""Code that CNN and LSTM probes share: checks, softmax, edits, recovery, input warnings."""
