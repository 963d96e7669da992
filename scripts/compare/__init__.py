"""Comparison of the answers of two checkouts, request by request: `python -m scripts.compare`."""
