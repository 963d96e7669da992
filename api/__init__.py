"""HTTP server of the models and their probes."""

import time

STARTED = time.monotonic()
"""Start of the server process by `time.monotonic`, except for the 20 ms of Python's own start."""

VERSION = "0.2.0"
"""Version of the package, of the API and of the citation; pyproject.toml reads it from here."""
