"""Probes of image networks."""
