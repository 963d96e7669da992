"""Measurement of fairness, goodput, hostile connections, metrics and memory under overload."""
