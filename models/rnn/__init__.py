"""Sequence network (CountingLSTM): cell, programs, analyses and training."""
