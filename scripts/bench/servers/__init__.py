"""Benchmarked servers that Lightwell is compared with, each run in its own virtual environment."""
