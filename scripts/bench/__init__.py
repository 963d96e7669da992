"""Benchmark package: run by `make bench`, or `python -m scripts.bench --help`."""
