"""The networks, their programs, weights, data and training: JAX, and nothing else."""
