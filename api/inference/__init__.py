"""Inference: the engine that runs compiled programs for requests, its queues and its limits."""
