"""Simulation of a class: students who use the explorer at the same time, by `scripts.classroom`."""
