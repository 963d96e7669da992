"""Figures: named tensors and measures, with their colours."""
