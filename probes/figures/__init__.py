"""Figures of probes: named tensors and measures, with their colours."""
