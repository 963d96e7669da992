"""Findings measured on reference networks: other recipes, shuffled labels, untrained networks."""
