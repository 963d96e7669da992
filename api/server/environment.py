"""Environment variables of NumPy, for a process that serves nothing but this application."""

import os


def configure_environment() -> None:
    """Set the environment variable that NumPy reads at import, unless the user has set it."""
    # The matrices of NumPy are small here: OpenBLAS' threads would only take time from XLA's.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
