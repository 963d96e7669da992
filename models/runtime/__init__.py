"""Compiled programs and named parameters, independent of the network family."""
