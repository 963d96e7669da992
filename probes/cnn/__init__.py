"""Probes of the CNN, the image network, and the methods and checks that they use."""
