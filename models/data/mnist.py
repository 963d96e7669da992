"""MNIST: the size of its images, and its classes."""

HEIGHT = WIDTH = 28
"""MNIST: rows and columns of an image."""

CLASSES = 10
"""MNIST: number of labels, the digits 0 to 9."""
