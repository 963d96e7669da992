"""HTTP, and nothing else."""

import time

STARTED = time.monotonic()
"""When the process began, but for the 20 ms that Python itself takes."""
