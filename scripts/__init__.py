"""Scripts of the project: training, artifacts, benchmark, checkout comparison, documentation."""
