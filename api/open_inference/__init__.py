"""Open Inference Protocol v2: signatures, requests, responses and statistics of its routes."""
