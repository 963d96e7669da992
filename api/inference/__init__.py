"""The engine that runs compiled programs for requests, and its batching."""
