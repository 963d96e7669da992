"""Networks in JAX and Flax: architecture, compiled programs, weights, data sets and training."""
