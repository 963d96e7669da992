"""HTTP, and nothing else."""

import time

STARTED = time.monotonic()
"""When the process began, but for the 20 ms that Python itself takes."""

VERSION = "0.2.0"
"""Version of the package, of the API and of the citation; pyproject.toml reads it from here."""
