"""The explorer page in a real browser."""
