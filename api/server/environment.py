"""Environment variables of libraries, for a process that serves nothing but this application."""

import os


def configure_environment() -> None:
    """Set the environment variables that NumPy and XLA read at import, unless the user has."""
    # The matrices of NumPy are small here: OpenBLAS' threads would only take time from XLA's.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # XLA takes the processor's tuning preferences in a cached executable for missing instructions,
    # and logs that at length (jax#38445). An executable that cannot be loaded raises anyway.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
