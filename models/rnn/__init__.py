"""Networks of sequences: cells, programs, analyses, training."""
