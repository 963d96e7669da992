"""Probes of sequence networks."""
