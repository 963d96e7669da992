"""From the bytes of a request to model inputs."""
