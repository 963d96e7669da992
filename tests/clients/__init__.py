"""Tests of the Python client, of generated clients and of the example notebook."""
