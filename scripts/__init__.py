"""Training, and the tools of this project."""
