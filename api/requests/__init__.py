"""Request parsing: bodies and queries become model inputs."""
