"""Probes of networks of images, and the methods and checks that they use."""
