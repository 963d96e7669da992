"""Responses of the probes: from outputs of a program to encoded bytes and their headers."""
