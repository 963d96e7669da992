"""Comparison of two checkouts' answers, request by request: `python -m scripts.compare`."""
