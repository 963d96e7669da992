"""MNIST data set, selected test images, samples, and a PNG encoder."""
