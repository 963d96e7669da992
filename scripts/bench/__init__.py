"""The benchmark: `make bench`, or `python -m scripts.bench --help`."""
