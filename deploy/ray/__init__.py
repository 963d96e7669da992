"""Lightwell on a Ray cluster."""
