"""Probes of the LSTM, the sequence network, and the methods and edits that they use."""
