"""Probes of networks of sequences, and the methods and edits that they use."""
