"""Deployment on many machines: Ray Serve, Kubernetes, KServe, Compose."""
