"""Package `api`: HTTP server of the models and their probes."""

import time

STARTED = time.monotonic()
"""Time of the import of package `api` by `time.monotonic`: 20 ms after the process began."""

VERSION = "0.2.0"
"""Version of the package, of the API and of the citation; pyproject.toml reads it from here."""
