"""Package `api`: HTTP server of the models and their probes."""

import os
import sys
import time

if sys.version_info < (3, 11):  # noqa: UP036 - any Python may run a checkout
    sys.exit(
        "Lightwell needs Python 3.11 or newer, and {} is Python {}.".format(  # noqa: UP032
            sys.executable, sys.version.split()[0]
        )
    )

# XLA takes the processor's tuning preferences in a cached executable for missing instructions, and
# logs that at length (jax#38445). An executable that cannot be loaded raises anyway. JAX reads the
# variable when it is imported, which the modules of this package do.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

STARTED = time.monotonic()
"""Time of the import of package `api` by `time.monotonic`: 20 ms after the process began."""

VERSION = "0.2.0"
"""Version of the package, of the API and of the citation; pyproject.toml reads it from here."""
