"""Importers of other libraries' networks: files as data, whose code is never run."""
