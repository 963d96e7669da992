"""Data sets, MNIST test images and samples."""
