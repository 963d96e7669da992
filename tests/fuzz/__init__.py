"""Seeded fuzzers of a server and of its files: `python -m tests.fuzz pictures --seconds 60`."""
